//! What has to have a value and has none: who is asked for it, and what is said where nobody can be.

use spin_deployer_grants::{Resolved, ValueSource, Values};
use spin_deployer_manifest::{Manifest, OptionKind, OptionName, OptionSpec};

use super::conflicts::replaced;
use super::keys::refuse_shown_key;
use super::rooted;
use crate::logins::Logins;
use crate::{Code, Environment, Error, Observer, Target, questions};

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
pub(super) fn ask(
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
            && let Some(error) = logins.needed(target, option, observer.can_ask())
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
    Error::new(
        Code::Usage,
        format!("nobody can be asked for {}", names.join(", ")),
    )
    .help(ways(target, options))
}

/// The same where one of several groups of options would do.
pub(crate) fn unasked_any(target: &Target, groups: &[Vec<&OptionSpec>]) -> Error {
    let last = groups.iter().filter_map(|group| group.last());
    let names: Vec<_> = last.map(|option| format!("--{}", option.name)).collect();
    let ways: Vec<_> = groups.iter().map(|group| ways(target, group)).collect();
    Error::new(
        Code::Usage,
        format!("nobody can be asked for {}", names.join(" or ")),
    )
    .help(ways.join("; or "))
}

/// How values are given where nobody can be asked: `pass --user NAME or set USER, and set PASSWORD`.
fn ways(target: &Target, options: &[&OptionSpec]) -> String {
    let ways = options.iter().map(|option| {
        let variable = option.env.as_ref().filter(|env| target.may_read(env));
        match (&option.kind, variable) {
            (OptionKind::Secret, Some(env)) => format!("set {env}"),
            (_, Some(env)) => format!("pass {} or set {env}", flag(option)),
            (_, None) => format!("pass {}", flag(option)),
        }
    });
    ways.collect::<Vec<_>>().join(", and ")
}

/// `--hippo-url URL`
fn flag(option: &OptionSpec) -> String {
    let value = option.value_name.as_deref();
    let value = value.unwrap_or(option.kind.value_name());
    format!("--{} {value}", option.name)
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
