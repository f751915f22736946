//! What logins left: when a saved secret is used, and the command that saves a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use spin_deployer_grants::{Grant, Policies, ValueSource, Values};
use spin_deployer_manifest::{
    Manifest, OptionKind, OptionName, OptionSpec, OptionValue, RuleTarget, Secret,
};
use spin_deployer_store::{Binding, SavedSecret, SavedSecrets, SecretsError};

use crate::error::chain;
use crate::values::variables;
use crate::{Code, Environment, Error, Target};

/// Saved secrets, looked at when an option has no other value.
pub(crate) struct Logins {
    store: Option<SavedSecrets>,
    /// Read once, when the first is looked for.
    read: Option<Vec<SavedSecret>>,
    plugin: String,
    command: String,
    /// Whether the plugin has a login of its own, which gets what it needs.
    own: bool,
    /// Whether it is asked to log in now: without what was saved, and without what it is about to get.
    now: bool,
    expired: BTreeMap<OptionName, SystemTime>,
    /// Whose login was found.
    account: Option<String>,
}

impl Logins {
    /// For a command that runs the target's plugin. `own`: whether it exports `login`.
    pub(crate) fn of(
        environment: &Environment,
        target: &Target,
        given: &BTreeMap<String, Vec<String>>,
        from: Option<&str>,
        own: bool,
    ) -> Self {
        Self {
            store: store(environment),
            read: None,
            plugin: identity(target),
            command: command(environment, target, given, from),
            own,
            now: false,
            expired: BTreeMap::new(),
            account: None,
        }
    }

    /// The same for the login itself.
    pub(crate) fn now(self) -> Self {
        Self { now: true, ..self }
    }

    /// Whether secrets are looked for in what was saved, and have to be there where they are required.
    pub(crate) fn wanted(&self) -> bool {
        !self.now
    }

    /// Whether this is a login of the plugin's own, which needs what it logs in with.
    pub(crate) fn logs_in(&self) -> bool {
        self.now && self.own
    }

    /// What is wrong with the login, where something that was saved is not used any more.
    pub(crate) fn expired(&self, target: &Target) -> Option<String> {
        let expires = self.expired.values().min()?;
        let (target, expires) = (&target.name, time(*expires));
        Some(format!(
            "the login for target `{target}` expired at {expires}"
        ))
    }

    /// The secret that was saved for this option, by this plugin, for exactly the places where it may go now. One that
    /// has expired is none, and is remembered.
    pub(crate) fn find(
        &mut self,
        manifest: &Manifest,
        values: &Values,
        option: &OptionName,
    ) -> Result<Option<Secret>, Error> {
        self.find_with(manifest, values, option, option)
    }

    /// The value of an option that was saved with this secret.
    pub(crate) fn find_with(
        &mut self,
        manifest: &Manifest,
        values: &Values,
        option: &OptionName,
        secret: &OptionName,
    ) -> Result<Option<Secret>, Error> {
        let Some(store) = &self.store else {
            return Ok(None);
        };
        let origins = origins(manifest, values, secret);
        if origins.is_empty() {
            return Ok(None);
        }
        if self.read.is_none() {
            self.read = Some(store.all().map_err(unusable)?);
        }
        let mut saved = self.read.iter().flatten();
        let binding = binding(&self.plugin, option, origins);
        let Some(found) = saved.find(|saved| saved.binding == binding) else {
            return Ok(None);
        };
        match found.expires {
            Some(expires) if expires <= SystemTime::now() => {
                self.expired.insert(option.clone(), expires);
                Ok(None)
            }
            _ => {
                self.account = found.account.clone().or(self.account.take());
                Ok(Some(found.secret.clone()))
            }
        }
    }

    /// The error for a required secret without a value, where a login is what is missing. `typing`: whether somebody is
    /// there who could log in.
    pub(crate) fn needed(
        &self,
        target: &Target,
        option: &OptionSpec,
        typing: bool,
    ) -> Option<Error> {
        let message = match self.expired(target) {
            Some(message) if self.expired.contains_key(&option.name) => message,
            _ if self.own => format!("target `{}` needs a login", target.name),
            _ => return None,
        };
        let instead = match typing {
            true => String::new(),
            false => instead(target, option),
        };
        let help = format!("{}{instead}", self.advice());
        Some(Error::new(Code::Unauthenticated, message).help(help))
    }

    /// What was saved and is not used any more, for the user.
    pub(crate) fn notes(&self) -> Vec<String> {
        let expired = self.expired.iter();
        let note = |(option, expires): (&OptionName, &SystemTime)| {
            let expires = time(*expires);
            format!(
                "what was saved for --{option} expired at {expires}; {}",
                self.advice()
            )
        };
        expired.map(note).collect()
    }

    /// What the user types to log in.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    /// `log in: …`
    fn advice(&self) -> String {
        let again = if self.expired.is_empty() {
            ""
        } else {
            " again"
        };
        format!("log in{again}: `{}`", self.command)
    }

    /// What to do where the platform does not know who is asking: what the plugin says, and the login.
    pub(crate) fn help(
        &self,
        target: &Target,
        values: &Values,
        hint: Option<String>,
    ) -> Option<String> {
        let secrets: Vec<&OptionSpec> = secrets(&target.manifest).collect();
        if !self.own && secrets.is_empty() {
            return hint;
        }
        let mut lines: Vec<String> = hint.into_iter().collect();
        for (option, expires) in &self.expired {
            lines.push(format!(
                "what was saved for --{option} expired at {}",
                time(*expires)
            ));
        }
        lines.extend(self.whose(target, values));
        lines.push(match self.now {
            true => format!("try again: `{}`", self.command),
            false => self.advice(),
        });
        for option in secrets {
            let from = match values.get(&option.name).map(|value| value.source) {
                Some(ValueSource::Flag) => format!("--{}", option.name),
                Some(ValueSource::Environment) => variables(option),
                _ => continue,
            };
            let and = match self.now {
                true => "",
                false => ", and counts more than a login",
            };
            lines.push(format!("{from} was used{and}"));
        }
        Some(lines.join("\n"))
    }

    /// Who the platform was told that this is.
    fn whose(&self, target: &Target, values: &Values) -> Vec<String> {
        let manifest = &target.manifest;
        let names = |option: &&OptionSpec| {
            let with = |secret: &OptionSpec| option.required_with.contains(&secret.name);
            option.kind == OptionKind::Text && (option.login || secrets(manifest).any(with))
        };
        let typed = manifest.options.iter().filter(names).filter_map(|option| {
            let given = values.get(&option.name)?;
            let OptionValue::Text(name) = &given.value else {
                return None;
            };
            let from = match given.source {
                ValueSource::Environment => variables(option),
                _ => format!("--{}", option.name),
            };
            Some(format!(
                "{from} is `{name}`: is that the account, and its password right?"
            ))
        });
        let saved = self.account.iter();
        let saved = saved.map(|account| format!("the saved login is that of {account}"));
        typed.chain(saved).collect()
    }
}

/// What can be given in place of a login where nobody can type: what one logs in with, or what comes of it.
fn instead(target: &Target, option: &OptionSpec) -> String {
    let variable = |option: &OptionSpec| {
        let name = option.env.iter().find(|name| target.may_read(name));
        name.cloned()
    };
    let options = target.manifest.options.iter();
    let with: Vec<_> = options.filter(|o| o.login).filter_map(variable).collect();
    let ways = [
        (!with.is_empty()).then(|| with.join(" and ")),
        variable(option),
    ];
    let ways: Vec<_> = ways.into_iter().flatten().collect();
    match ways.is_empty() {
        true => String::new(),
        false => format!(
            "; where nobody can type, as in CI, set {}",
            ways.join(", or ")
        ),
    }
}

/// Options of type secret.
pub(crate) fn secrets(manifest: &Manifest) -> impl Iterator<Item = &OptionSpec> {
    let options = manifest.options.iter();
    options.filter(|option| option.kind == OptionKind::Secret)
}

/// What is saved with a secret because the one is nothing without the other: who logs in with a password.
pub(crate) fn companions<'a>(
    manifest: &'a Manifest,
    secret: &'a OptionName,
) -> impl Iterator<Item = &'a OptionSpec> {
    let options = manifest.options.iter();
    options.filter(move |option| {
        option.kind == OptionKind::Text && option.required_with.contains(secret)
    })
}

/// Whether the user has given a secret for this run, which counts more than one that a login saves.
pub(crate) fn are_given(manifest: &Manifest, values: &Values) -> bool {
    let mut given = secrets(manifest).filter_map(|option| values.get(&option.name));
    given.any(|value| value.source != ValueSource::Saved)
}

/// Where secrets are saved. `None`: nowhere, because there is no place for files of the user's.
pub(crate) fn store(environment: &Environment) -> Option<SavedSecrets> {
    let data = environment.directories.data()?;
    Some(SavedSecrets::at(data.join("secrets")))
}

/// Whose secrets they are. What came with this program is known by its name. A file can call itself what it likes, so
/// it is known by its bytes.
pub(crate) fn identity(target: &Target) -> String {
    match target.bundled {
        true => format!("built-in {}", target.manifest.name),
        false => target.digest.clone(),
    }
}

pub(crate) fn binding(plugin: &str, option: &OptionName, origins: BTreeSet<String>) -> Binding {
    Binding {
        plugin: plugin.to_owned(),
        option: option.to_string(),
        origins,
    }
}

/// The places where this option's secret may go in a run with these values.
pub(crate) fn origins(
    manifest: &Manifest,
    values: &Values,
    option: &OptionName,
) -> BTreeSet<String> {
    // A policy narrows what is let out, whatever was saved: it does not make it another secret.
    let grant = Grant::naming(manifest, values, &Policies::default());
    let rules = grant.rules().iter();
    rules
        .filter(|rule| rule.sends.contains(option))
        .map(|rule| rule.to.to_string())
        .collect()
}

/// Whether an option that decides where a secret may go has no value here.
pub(crate) fn undecided(manifest: &Manifest, values: &Values) -> bool {
    let secrets: Vec<_> = secrets(manifest).map(|option| &option.name).collect();
    manifest.http.iter().any(|rule| {
        let sends = rule.sends.iter().any(|name| secrets.contains(&name));
        sends && matches!(&rule.to, RuleTarget::Option(name) if !values.contains_key(name))
    })
}

/// A store that cannot be used, with the way out.
pub(crate) fn unusable(error: SecretsError) -> Error {
    let shown = |path: &PathBuf| path.display().to_string();
    let (code, help) = match &error {
        SecretsError::Exposed { path, .. } => {
            let file = if path.is_dir() { "700" } else { "600" };
            (
                Code::Usage,
                Some(format!(
                    "whoever could read it may have your secrets: renew them where they come from. Then \
                     `spin-deployer logout --all`, or if that is refused too `rm -r {0}`; or, if nobody has looked, \
                     `chmod {file} {0}`",
                    shown(path)
                )),
            )
        }
        SecretsError::Damaged { .. } | SecretsError::TooLarge { .. } => (
            Code::Usage,
            Some("`spin-deployer logout --all` removes all of them".to_owned()),
        ),
        SecretsError::Io { .. } => (Code::Failed, None),
    };
    Error {
        help,
        ..Error::new(code, chain(&error))
    }
}

/// RFC 3339, UTC.
pub(crate) fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_seconds(at).to_string()
}

/// The command that logs in to this target, as the user would type it: with the options that decide where it goes.
fn command(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    from: Option<&str>,
) -> String {
    let set = |name| environment.var(name).is_some();
    let program = match set("SPIN_BIN_PATH") || set("SPIN_VERSION") {
        true if set("SPIN_DEPLOY_PLUGIN") => "spin",
        true => "spin deployer",
        false => "spin-deployer",
    };
    let mut words = vec![format!("{program} login -t {}", quoted(&target.name))];
    words.extend(from.map(|from| format!("-f {}", quoted(from))));
    let decides = |option: &OptionSpec| {
        let named =
            |to: &RuleTarget| matches!(to, RuleTarget::Option(name) if *name == option.name);
        option.required || target.manifest.http.iter().any(|rule| named(&rule.to))
    };
    let options = target.manifest.options.iter();
    for option in options.filter(|o| o.kind != OptionKind::Secret && decides(o)) {
        let typed = given.get(option.name.as_str()).into_iter().flatten();
        words.extend(typed.map(|value| format!("--{} {}", option.name, quoted(value))));
    }
    words.join(" ")
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn target(bundled: bool) -> Target {
        let manifest = "name = \"hippo\"\nversion = \"0.1.0\"\ndescription = \"d\"";
        Target {
            name: "hippo".to_owned(),
            manifest: manifest.parse().unwrap_or_else(|e| panic!("{e}")),
            digest: "sha256:00".to_owned(),
            wasm: Cow::Borrowed(&[]),
            bundled,
            settings: BTreeMap::new(),
            folder: "/app".into(),
        }
    }

    #[test]
    fn a_file_is_never_taken_for_what_came_with_the_program() {
        assert_eq!(identity(&target(true)), "built-in hippo");
        assert_eq!(identity(&target(false)), "sha256:00");
    }

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        for (word, expected) in [
            ("https://a.example:8443/x", "https://a.example:8443/x"),
            ("", "''"),
            ("my app", "'my app'"),
            ("$(rm)", "'$(rm)'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
