//! Values of a plugin's options: flag, environment, `deployer.toml`, default, saved login, prompt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spin_deployer_grants::{Resolved, ValueSource, Values};
use spin_deployer_manifest::{
    KeySource, Manifest, OptionKind, OptionName, OptionSpec, OptionValue,
};

use crate::configuration::{FILE, raw_values};
use crate::logins::{self, Logins};
use crate::target::nearest;
use crate::{Code, Environment, Error, Observer, Target, questions, secret_file};

/// Resolves every option of the target's plugin. `given` is what the user typed as flags.
/// `app_folder` is where a default path starts.
pub(crate) fn resolve(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    app_folder: &Path,
    logins: &mut Logins,
    observer: &dyn Observer,
) -> Result<Values, Error> {
    let mut values = written(environment, target, given, app_folder)?;
    refuse_conflicts(&target.manifest, &values)?;
    // Places first: which secret was saved depends on where it may go.
    let (places, others): (Vec<_>, Vec<_>) = target
        .manifest
        .options
        .iter()
        .partition(|option| option.kind.has_origin());
    ask(environment, target, &places, logins, observer, &mut values)?;
    if logins.wanted() {
        add_saved(target, logins, &mut values)?;
    }
    ask(environment, target, &others, logins, observer, &mut values)?;
    Ok(values)
}

/// What has been written somewhere: flag, environment, `deployer.toml`, default.
pub(crate) fn written(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    app_folder: &Path,
) -> Result<Values, Error> {
    refuse_unknown(given.keys(), &target.manifest, "")?;
    refuse_unknown(target.settings.keys(), &target.manifest, FILE)?;
    let mut values = Values::new();
    for option in &target.manifest.options {
        if let Some((raw, source)) = raw(environment, target, given, option)? {
            let base = match source {
                ValueSource::Configuration => &target.folder,
                ValueSource::Default => app_folder,
                _ => &environment.cwd,
            };
            let value = option.parse(&raw).map_err(|e| Error {
                detail: whence(option, source),
                ..Error::new(Code::Usage, e.to_string())
            })?;
            refuse_shown_key(target, option, &value, source)?;
            values.insert(
                option.name.clone(),
                Resolved {
                    value: rooted(value, base),
                    source,
                },
            );
        }
    }
    Ok(values)
}

/// Adds what logins left for secrets that have no value, and in whose place nothing else was given.
fn add_saved(target: &Target, logins: &mut Logins, values: &mut Values) -> Result<(), Error> {
    let manifest = &target.manifest;
    for option in logins::secrets(manifest) {
        if values.contains_key(&option.name) || is_in_conflict(option, manifest, values) {
            continue;
        }
        if let Some(secret) = logins.find(target, values, &option.name)? {
            let value = OptionValue::Secret(secret);
            let source = ValueSource::Saved;
            values.insert(option.name.clone(), Resolved { value, source });
        }
    }
    Ok(())
}

/// Why an option has to have a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need<'a> {
    /// Its manifest says so.
    Required,
    /// This other option has one.
    With(&'a OptionName),
    /// It is what the plugin is about to log in with.
    Login,
}

/// Why an option has to have the value that it does not have. `None`: it need not.
fn need<'a>(
    option: &'a OptionSpec,
    manifest: &Manifest,
    logins: &Logins,
    values: &Values,
) -> Option<Need<'a>> {
    if values.contains_key(&option.name) || replaced(option, manifest, values) {
        return None;
    }
    if option.login && logins.logs_in() {
        return Some(Need::Login);
    }
    let mut others = option.required_with.iter();
    if let Some(other) = others.find(|other| values.contains_key(*other)) {
        return Some(Need::With(other));
    }
    // What a login gets is not asked for before it.
    let is_got = option.kind == OptionKind::Secret && !logins.wanted();
    (option.required && !is_got).then_some(Need::Required)
}

/// Asks for those of `options` that have to have a value and have none.
fn ask(
    environment: &Environment,
    target: &Target,
    options: &[&OptionSpec],
    logins: &Logins,
    observer: &dyn Observer,
    values: &mut Values,
) -> Result<(), Error> {
    let manifest = &target.manifest;
    // From the first one again each time: one may be needed because of what another was given.
    while let Some((option, why)) = options
        .iter()
        .find_map(|option| Some((*option, need(option, manifest, logins, values)?)))
    {
        if why == Need::Required
            && option.kind == OptionKind::Secret
            && let Some(error) = logins.needed(target, option)
        {
            return Err(error);
        }
        let asked = OptionSpec {
            required: true,
            ..option.clone()
        };
        questions::announce(observer, target, values, option);
        let typed = observer.ask(&asked).ok_or_else(|| {
            let is_wanted =
                |option: &&&OptionSpec| need(option, manifest, logins, values) == Some(Need::Login);
            match why {
                Need::Login => {
                    let wanted: Vec<_> = options.iter().filter(is_wanted).copied().collect();
                    unasked(target, &wanted)
                }
                why => missing(target, option, why, logins),
            }
        })?;
        let value = option
            .parse(&[typed])
            .map_err(|e| Error::new(Code::Usage, e.to_string()))?;
        refuse_shown_key(target, option, &value, ValueSource::Prompt)?;
        let value = rooted(value, &environment.cwd);
        values.insert(
            option.name.clone(),
            Resolved {
                value,
                source: ValueSource::Prompt,
            },
        );
    }
    Ok(())
}

/// The error for options that somebody would have to type, where nobody can be asked.
pub(crate) fn unasked(target: &Target, options: &[&OptionSpec]) -> Error {
    let names: Vec<_> = options.iter().map(|o| format!("--{}", o.name)).collect();
    let ways = options.iter().map(|option| {
        let variable = option.env.as_ref().filter(|env| target.may_read(env));
        match (&option.kind, variable) {
            (OptionKind::Secret, Some(env)) => format!("set {env}"),
            (_, Some(env)) => format!("pass {} or set {env}", flag(option)),
            (_, None) => format!("pass {}", flag(option)),
        }
    });
    let ways: Vec<_> = ways.collect();
    Error::new(
        Code::Usage,
        format!("nobody can be asked for {}", names.join(", ")),
    )
    .help(ways.join(", and "))
}

/// `--hippo-url URL`
fn flag(option: &OptionSpec) -> String {
    let value = option.value_name.as_deref();
    let value = value.unwrap_or(option.kind.value_name());
    format!("--{} {value}", option.name)
}

/// The raw values of one option and where they come from, by precedence.
fn raw(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    option: &OptionSpec,
) -> Result<Option<(Vec<String>, ValueSource)>, Error> {
    if let Some(raw) = given.get(option.name.as_str()) {
        return Ok(Some((raw.clone(), ValueSource::Flag)));
    }
    let setting = target.settings.get(option.name.as_str());
    if setting.is_some() && option.kind == OptionKind::Secret {
        return Err(secret_in_file(target, option));
    }
    let mut variables = option.variables().filter(|name| target.may_read(name));
    let set = variables.find_map(|name| Some((name, environment.var(name)?)));
    if option.kind == OptionKind::Secret
        && let Some(value) = secret_file::read(
            environment,
            target,
            option,
            set.map(|(name, _)| name.as_str()),
        )?
    {
        return Ok(Some((vec![value], ValueSource::Environment)));
    }
    if let Some((name, value)) = set {
        refuse_stray_key(option, name, value)?;
        let values = match option.kind {
            // Set at all means yes, as for Spin's own variables, but for the usual words for no.
            OptionKind::Flag => {
                let no = ["0", "false", "no", "off"].contains(&value.to_ascii_lowercase().as_str());
                vec![(!no).to_string()]
            }
            // One variable, several values: as a flag that is given several times.
            OptionKind::List | OptionKind::Pairs => value.split(',').map(str::to_owned).collect(),
            _ => vec![value.to_owned()],
        };
        return Ok(Some((values, ValueSource::Environment)));
    }
    if let Some(value) = setting {
        let raw = raw_values(value)
            .map_err(|e| Error::new(Code::Usage, format!("`{}` of {FILE}: {e}", option.name)))?;
        return Ok(Some((raw, ValueSource::Configuration)));
    }
    Ok(option
        .default
        .clone()
        .map(|raw| (raw, ValueSource::Default)))
}

fn secret_in_file(target: &Target, option: &OptionSpec) -> Error {
    let instead = match &option.env {
        Some(env) => format!("set the variable {env}"),
        None => format!("pass --{}", option.name),
    };
    Error::new(
        Code::Usage,
        format!("{FILE} holds a value for the secret `{}`", option.name),
    )
    .detail(target.folder.join(FILE).display().to_string())
    .help(format!("remove it there, and {instead} instead"))
}

/// A key that is the value itself is taken from a variable only: everything else is read by others.
fn refuse_shown_key(
    target: &Target,
    option: &OptionSpec,
    value: &OptionValue,
    source: ValueSource,
) -> Result<(), Error> {
    let seen = match (value, source) {
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Configuration) => {
            "deployer.toml is read by others, and is meant to be committed"
        }
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Flag) => {
            "a command line can be read by others and stays in the history of the shell"
        }
        (OptionValue::SigningKey(KeySource::Text(_)), ValueSource::Prompt) => {
            "what is typed here can be seen"
        }
        _ => return Ok(()),
    };
    let or = match option.env.as_deref().filter(|name| target.may_read(name)) {
        Some(env) => format!("; or set the variable {env} to the key"),
        None => String::new(),
    };
    let message = format!(
        "--{} is given the key itself, and not its file",
        option.name
    );
    Err(Error::new(Code::Usage, message).detail(seen).help(format!(
        "make a new key, because this one has been shown: `spin-deployer key create FILE`, and name that file{or}"
    )))
}

/// A private key in a variable is for the option that signs with it, or for one whose value the plugin does not see. Which
/// variables an option reads is up to the author of the manifest, who may name one that is meant for another plugin.
fn refuse_stray_key(option: &OptionSpec, variable: &str, value: &str) -> Result<(), Error> {
    let hidden = matches!(option.kind, OptionKind::SigningKey | OptionKind::Secret);
    if hidden || !(value.contains("-----BEGIN ") && value.contains("PRIVATE KEY")) {
        return Ok(());
    }
    let message = format!(
        "the variable {variable} holds a private key, and the plugin would see it as --{}",
        option.name
    );
    Err(Error::new(Code::Usage, message).help(format!(
        "if the key is another plugin's, set {variable} for the commands only that need it"
    )))
}

/// Makes a relative path start where its value was written.
fn rooted(value: OptionValue, base: &Path) -> OptionValue {
    let root = |path: PathBuf| base.join(path);
    match value {
        OptionValue::File(path) => OptionValue::File(root(path)),
        OptionValue::SigningKey(KeySource::File(path)) => {
            OptionValue::SigningKey(KeySource::File(root(path)))
        }
        OptionValue::Directory(path) => OptionValue::Directory(root(path)),
        OptionValue::OutputDirectory(path) => OptionValue::OutputDirectory(root(path)),
        other => other,
    }
}

/// Whether an option that conflicts with this one has a value in its place.
fn replaced(option: &OptionSpec, manifest: &Manifest, values: &Values) -> bool {
    let mut others = option.conflicts_with.iter();
    others.any(|name| values.contains_key(name)) || is_in_conflict(option, manifest, values)
}

/// Whether the user gave an option that cannot be used together with this one, whichever of the two says so.
pub(crate) fn is_in_conflict(option: &OptionSpec, manifest: &Manifest, values: &Values) -> bool {
    let given = |name: &OptionName| {
        let value = values.get(name);
        value.is_some_and(|value| value.source != ValueSource::Default)
    };
    let mut others = manifest.options.iter();
    option.conflicts_with.iter().any(given)
        || others.any(|other| other.conflicts_with.contains(&option.name) && given(&other.name))
}

fn refuse_conflicts(manifest: &Manifest, values: &Values) -> Result<(), Error> {
    let given = |name| {
        values
            .get(name)
            .filter(|v| v.source != ValueSource::Default)
    };
    for option in &manifest.options {
        if given(&option.name).is_none() {
            continue;
        }
        if let Some(other) = option
            .conflicts_with
            .iter()
            .find(|name| given(name).is_some())
        {
            return Err(Error::new(
                Code::Usage,
                format!("--{} and --{other} cannot be used together", option.name),
            )
            .help("give one of them only; a value may also come from a variable or from deployer.toml"));
        }
    }
    Ok(())
}

fn refuse_unknown<'a>(
    names: impl Iterator<Item = &'a String>,
    manifest: &Manifest,
    file: &str,
) -> Result<(), Error> {
    for name in names {
        if manifest.option(name).is_none() {
            let place = if file.is_empty() {
                String::new()
            } else {
                format!(" in {file}")
            };
            let error = Error::new(
                Code::Usage,
                format!("plugin `{}` has no option `{name}`{place}", manifest.name),
            );
            let known = manifest.options.iter().map(|o| o.name.as_str());
            return Err(match nearest(name, known.clone()) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help(format!(
                    "its options are {}",
                    known.collect::<Vec<_>>().join(", ")
                )),
            });
        }
    }
    Ok(())
}

/// Where a value was written, unless on the command line, where the user sees it.
fn whence(option: &OptionSpec, source: ValueSource) -> Option<String> {
    match source {
        ValueSource::Environment => Some(variables(option)),
        ValueSource::Configuration => Some(FILE.to_owned()),
        ValueSource::Default => Some("the plugin's own default".to_owned()),
        _ => None,
    }
}

/// `the variable HIPPO_URL`
pub(crate) fn variables(option: &OptionSpec) -> String {
    let names: Vec<&str> = option.variables().map(String::as_str).collect();
    format!("the variable {}", names.join(" or "))
}

fn missing(target: &Target, option: &OptionSpec, why: Need<'_>, logins: &Logins) -> Error {
    let with = match why {
        Need::With(other) => format!(" with --{other}"),
        Need::Required | Need::Login => String::new(),
    };
    let or = option.env.iter().filter(|name| target.may_read(name));
    let or: String = or.map(|env| format!(", or set {env}")).collect();
    let or_file = match (&option.kind, why) {
        (OptionKind::Secret, Need::Required) => {
            format!(", or save it: `{}`", logins.command())
        }
        (OptionKind::Secret, _) => String::new(),
        _ => ", or write it into deployer.toml".to_owned(),
    };
    Error::new(
        Code::Usage,
        format!("target `{}` needs --{}{with}", target.name, option.name),
    )
    .help(format!("pass {}{or}{or_file}", flag(option)))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::Event;
    use crate::resolution::Found;

    const MANIFEST: &str = r#"
        name = "demo"
        version = "0.1.0"
        description = "For tests"
        options = [
            { name = "place", type = "text", env = ["SPIN_DEPLOYER_DEMO_PLACE", "SPIN_DEPLOYER_DEMO_OLD"], default = "here", help = "Where" },
            { name = "needed", type = "text", env = "SPIN_DEPLOYER_DEMO_NEEDED", required = true, help = "What" },
            { name = "tag", type = "list", env = "SPIN_DEPLOYER_DEMO_TAGS", help = "More tags" },
            { name = "force", type = "flag", env = "SPIN_DEPLOYER_DEMO_FORCE", help = "Really" },
            { name = "token", type = "secret", env = "SPIN_DEPLOYER_DEMO_TOKEN", conflicts-with = ["user"], help = "A token" },
            { name = "user", type = "text", env = "GITHUB_TOKEN", help = "Who" },
            { name = "key", type = "signing-key", env = "SPIN_DEPLOYER_DEMO_KEY", help = "A key" },
        ]
    "#;

    /// Answers every question with its answer, if it has one.
    struct Answers(Option<&'static str>);

    impl Observer for Answers {
        fn event(&self, _: Event) {}

        fn ask(&self, _: &OptionSpec) -> Option<String> {
            self.0.map(str::to_owned)
        }
    }

    fn resolve_with(
        given: &[(&str, &str)],
        vars: &[(&str, &str)],
        settings: &str,
        answer: Option<&'static str>,
    ) -> Result<Values, Error> {
        let answers = Answers(answer);
        resolve_of(MANIFEST, given, vars, settings, &answers, false)
    }

    /// `login`: for the plugin's own.
    fn resolve_of(
        manifest: &str,
        given: &[(&str, &str)],
        vars: &[(&str, &str)],
        settings: &str,
        observer: &dyn Observer,
        login: bool,
    ) -> Result<Values, Error> {
        let own = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
        let vars: BTreeMap<_, _> = vars.iter().map(own).collect();
        let environment = Environment {
            directories: spin_deployer_store::Directories::from_vars(&vars),
            vars,
            cwd: "/cwd".into(),
            started: Instant::now(),
        };
        let target = Target {
            name: "staging".to_owned(),
            settings: toml::from_str(settings).unwrap(),
            ..Target::sample(manifest, Found::File)
        };
        let given = given
            .iter()
            .map(|(k, v)| ((*k).to_owned(), vec![(*v).to_owned()]))
            .collect();
        let logins = Logins::of(&environment, &target, &given, None, login);
        resolve(
            &environment,
            &target,
            &given,
            Path::new("/app"),
            &mut if login { logins.now() } else { logins },
            observer,
        )
    }

    fn text(values: &Values, name: &str) -> String {
        match &values[name].value {
            OptionValue::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
        let needed = ("needed", "x");
        let variable = [("SPIN_DEPLOYER_DEMO_PLACE", "variable")];
        let file = "place = 'file'";
        for (given, vars, settings, place) in [
            (
                &[needed, ("place", "flag")][..],
                &variable[..],
                file,
                "flag",
            ),
            (&[needed], &variable, file, "variable"),
            (&[needed], &[], file, "file"),
            (&[needed], &[("SPIN_DEPLOYER_DEMO_PLACE", "")], "", "here"),
        ] {
            let values = resolve_with(given, vars, settings, None).unwrap();
            assert_eq!(text(&values, "place"), place);
        }
    }

    #[test]
    fn the_first_variable_with_a_value_counts() {
        let older = ("SPIN_DEPLOYER_DEMO_OLD", "older");
        for (first, place) in [("newer", "newer"), ("", "older")] {
            let vars = [older, ("SPIN_DEPLOYER_DEMO_PLACE", first)];
            let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
            assert_eq!(text(&values, "place"), place);
        }
    }

    #[test]
    fn what_is_missing_is_asked_for_and_named_where_nobody_can_be_asked() {
        let values = resolve_with(&[], &[], "", Some("typed")).unwrap();
        assert_eq!(text(&values, "needed"), "typed");
        let error = resolve_with(&[], &[], "", None).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains("--needed"), "{error}");
        assert!(error.help.unwrap().contains("SPIN_DEPLOYER_DEMO_NEEDED"));
    }

    const HIPPO: &str = r#"
        name = "demo"
        version = "0.1.0"
        description = "For tests"
        options = [
            { name = "password", type = "secret", env = "SPIN_DEPLOYER_DEMO_PASSWORD", login = true, required-with = ["user"], help = "Yours" },
            { name = "user", type = "text", env = "SPIN_DEPLOYER_DEMO_USER", login = true, required-with = ["team"], help = "Who" },
            { name = "team", type = "text", help = "Whose" },
            { name = "token", type = "secret", required = true, conflicts-with = ["user", "password"], help = "A token" },
        ]
    "#;

    /// Answers `typed` and remembers what was asked for.
    #[derive(Default)]
    struct Asked(std::sync::Mutex<Vec<String>>);

    impl Observer for Asked {
        fn event(&self, _: Event) {}

        fn ask(&self, option: &OptionSpec) -> Option<String> {
            assert!(option.required, "nothing would do as well");
            self.0.lock().unwrap().push(option.name.to_string());
            Some("typed".to_owned())
        }
    }

    /// Also where what makes it needed is declared later, and only asked for.
    #[test]
    fn what_is_required_with_another_is_asked_for_where_that_has_a_value() {
        let asked = |given: &[(&str, &str)], login| {
            let observer = Asked::default();
            resolve_of(HIPPO, given, &[], "", &observer, login).unwrap();
            observer.0.into_inner().unwrap()
        };
        let none = [""; 0];
        assert_eq!(asked(&[("user", "me")], false), ["password"]);
        assert_eq!(asked(&[("team", "us")], false), ["user", "password"]);
        assert_eq!(asked(&[("user", "me"), ("password", "x")], false), none);
        // A token or a user.
        assert_eq!(asked(&[], false), ["token"]);
        assert_eq!(asked(&[("token", "x")], false), none);
        // What a login gets is not asked for, and what it needs is.
        assert_eq!(asked(&[], true), ["password", "user"]);
        assert_eq!(asked(&[("user", "me")], true), ["password"]);
        assert_eq!(asked(&[("token", "x")], true), none);
    }

    #[test]
    fn what_is_required_with_another_is_named_where_nobody_can_be_asked() {
        let wrong = |given: &[(&str, &str)], login| {
            let error = resolve_of(HIPPO, given, &[], "", &Answers(None), login).unwrap_err();
            assert_eq!(error.code, Code::Usage);
            (error.message, error.help.unwrap())
        };
        let (message, help) = wrong(&[("user", "me")], false);
        assert_eq!(message, "target `staging` needs --password with --user");
        assert_eq!(
            help,
            "pass --password SECRET, or set SPIN_DEPLOYER_DEMO_PASSWORD"
        );
        let (message, help) = wrong(&[], true);
        assert_eq!(message, "nobody can be asked for --password, --user");
        assert_eq!(
            help,
            "set SPIN_DEPLOYER_DEMO_PASSWORD, and pass --user VALUE or set SPIN_DEPLOYER_DEMO_USER"
        );
    }

    #[test]
    fn a_secret_has_no_place_in_the_file() {
        let error =
            resolve_with(&[("needed", "x")], &[], "token = 'hunter2-hunter2'", None).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    #[test]
    fn a_key_itself_is_taken_from_its_variable_and_from_nowhere_else() {
        const PEM: &str = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
        let given = |value: &'static str| [("needed", "x"), ("key", value)];
        let file = format!("key = '''{PEM}'''");
        for (given, settings) in [(&given(PEM)[..], ""), (&[("needed", "x")], &*file)] {
            let error = resolve_with(given, &[], settings, None).unwrap_err();
            assert_eq!(error.code, Code::Usage);
            let said = format!("{error:?}");
            assert!(said.contains("SPIN_DEPLOYER_DEMO_KEY"), "{said}");
            assert!(!said.contains("planted"), "{said}");
        }
        let vars = [("SPIN_DEPLOYER_DEMO_KEY", PEM)];
        let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
        let shown = format!("{:?}", values["key"].value);
        assert_eq!(shown, "SigningKey(Text(Secret(…)))");
        // A path starts where it was written, and may come from anywhere.
        for (given, settings, path) in [
            (&given("k.pem")[..], "", "/cwd/k.pem"),
            (&[("needed", "x")], "key = 'k.pem'", "/app/k.pem"),
        ] {
            let values = resolve_with(given, &[], settings, None).unwrap();
            let expected = OptionValue::SigningKey(KeySource::File(path.into()));
            assert_eq!(values["key"].value, expected);
        }
    }

    #[test]
    fn a_private_key_in_a_variable_is_for_who_signs_or_does_not_see_it() {
        const PEM: &str = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n";
        for (name, seen) in [
            ("SPIN_DEPLOYER_DEMO_PLACE", true),
            ("SPIN_DEPLOYER_DEMO_TAGS", true),
            ("SPIN_DEPLOYER_DEMO_TOKEN", false),
            ("SPIN_DEPLOYER_DEMO_KEY", false),
        ] {
            let result = resolve_with(&[("needed", "x")], &[(name, PEM)], "", None);
            assert_eq!(result.is_err(), seen, "{name}");
            let Err(error) = result else { continue };
            assert_eq!(error.code, Code::Usage);
            assert!(error.message.contains(name), "{error}");
            assert!(!format!("{error:?}").contains("planted"), "{error:?}");
        }
        // What the user gives it on purpose it gets.
        let values = resolve_with(&[("needed", PEM)], &[], "", None).unwrap();
        assert_eq!(text(&values, "needed"), PEM);
    }

    #[test]
    fn options_that_conflict_are_refused_wherever_they_come_from() {
        let given = [("needed", "x"), ("user", "me")];
        let error = resolve_with(
            &given,
            &[("SPIN_DEPLOYER_DEMO_TOKEN", "hunter2-hunter2")],
            "",
            None,
        )
        .unwrap_err();
        assert!(
            error.message.contains("--token") && error.message.contains("--user"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_option_in_the_file_gets_the_nearest() {
        let error = resolve_with(&[("needed", "x")], &[], "plase = 'x'", None).unwrap_err();
        assert!(error.help.unwrap().contains("`place`"));
    }

    #[test]
    fn a_plugin_reads_no_variable_but_its_own() {
        let vars = [("GITHUB_TOKEN", "somebody else's")];
        let values = resolve_with(&[("needed", "x")], &vars, "", None).unwrap();
        assert!(!values.contains_key("user"));
    }

    #[test]
    fn variables_carry_lists_and_flags() {
        let vars = [
            ("SPIN_DEPLOYER_DEMO_NEEDED", "x"),
            ("SPIN_DEPLOYER_DEMO_TAGS", "a,b"),
            ("SPIN_DEPLOYER_DEMO_FORCE", "0"),
        ];
        let values = resolve_with(&[], &vars, "", None).unwrap();
        let value = |name: &str| format!("{:?}", values[name].value);
        assert_eq!(value("tag"), r#"List(["a", "b"])"#);
        assert_eq!(value("force"), "Flag(false)");
    }
}
