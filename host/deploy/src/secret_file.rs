//! `HIPPO_TOKEN_FILE`: for each variable of a secret another one that names a file with it, as runners and containers hand
//! out secrets. The value is in no environment that a child process inherits.

use spin_deployer_manifest::OptionSpec;

use crate::{Code, Environment, Error, Target, bounded};

/// Of a secret, in bytes.
const LARGEST: u64 = 64 << 10;

/// The secret in the file that a variable names. `set`: the variable that holds the option's value itself, if one does.
///
/// # Errors
/// A file that cannot be read or is too large, or both a value and a file.
pub(crate) fn read(
    environment: &Environment,
    target: &Target,
    option: &OptionSpec,
    set: Option<&str>,
) -> Result<Option<String>, Error> {
    let variables = option.variables().filter(|name| target.may_read(name));
    let mut files = variables.map(|name| format!("{name}_FILE"));
    let Some((variable, path)) =
        files.find_map(|name| Some((name.clone(), environment.var(&name)?)))
    else {
        return Ok(None);
    };
    if let Some(set) = set {
        let message = format!(
            "{set} and {variable} are both set, and --{} is one secret",
            option.name
        );
        return Err(Error::new(Code::Usage, message).help("unset one of them"));
    }
    let path = environment.cwd.join(path);
    let unusable = |why: String| {
        let message = format!("the file that {variable} names cannot be used");
        Error::new(Code::Usage, message).detail(format!("{}: {why}", path.display()))
    };
    let bytes = bounded::read(&path, LARGEST).map_err(|e| unusable(e.to_string()))?;
    // What it says of bytes that are no text would be a part of the secret.
    let mut text = String::from_utf8(bytes).map_err(|_| unusable("it is no UTF-8".to_owned()))?;
    // The one that an editor, or `echo`, adds.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    match text.is_empty() {
        true => Err(unusable("it is empty".to_owned())),
        false => Ok(Some(text)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::resolution::Found;

    const MANIFEST: &str = r#"
        name = "demo"
        version = "0.1.0"
        description = "d"
        options = [{ name = "token", type = "secret", env = ["SPIN_DEPLOYER_TOKEN", "GITHUB_TOKEN"], help = "A token" }]
    "#;

    fn read_from(
        cwd: &Path,
        vars: &[(&str, &str)],
        set: Option<&str>,
    ) -> Result<Option<String>, Error> {
        let mut environment = Environment::capture()?;
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        environment.vars = vars.iter().map(own).collect();
        environment.cwd = cwd.to_owned();
        let target = Target::sample(MANIFEST, Found::File);
        read(&environment, &target, &target.manifest.options[0], set)
    }

    #[test]
    fn a_secret_is_read_from_the_file_without_the_last_line_break() {
        let folder = tempfile::tempdir().unwrap();
        let named = [("SPIN_DEPLOYER_TOKEN_FILE", "token")];
        for (written, read) in [
            ("a b\n", "a b"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("a", "a"),
        ] {
            std::fs::write(folder.path().join("token"), written).unwrap();
            let secret = read_from(folder.path(), &named, None).unwrap();
            assert_eq!(secret.as_deref(), Some(read));
        }
        assert_eq!(read_from(folder.path(), &[], None).unwrap(), None);
        // Not meant for plugins, as the variable itself is not.
        let other = [("GITHUB_TOKEN_FILE", "token")];
        assert_eq!(read_from(folder.path(), &other, None).unwrap(), None);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told_with_its_variable_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), b"planted\xff").unwrap();
        std::fs::write(folder.path().join("large"), "x".repeat(1 << 17)).unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        for name in ["absent", "token", "large", "empty", "."] {
            let named = [("SPIN_DEPLOYER_TOKEN_FILE", name)];
            let error = read_from(folder.path(), &named, None).unwrap_err();
            assert_eq!(error.code, Code::Usage);
            assert!(error.message.contains("SPIN_DEPLOYER_TOKEN_FILE"));
            assert!(!format!("{error:?}").contains("planted"));
        }
        let named = [("SPIN_DEPLOYER_TOKEN_FILE", "token")];
        let error = read_from(folder.path(), &named, Some("SPIN_DEPLOYER_TOKEN")).unwrap_err();
        assert!(error.message.contains("both set"), "{error}");
    }
}
