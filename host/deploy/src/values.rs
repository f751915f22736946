//! Values of a plugin's options: flag, environment, `deployer.toml`, default, saved login, prompt.

mod asked;
mod conflicts;
mod keys;
mod raw;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spin_deployer_grants::{Resolved, ValueSource, Values};
use spin_deployer_manifest::{KeySource, OptionName, OptionSpec, OptionValue};

use asked::ask;
pub(crate) use asked::{unasked, unasked_any};
pub(crate) use conflicts::is_in_conflict;
use conflicts::{refuse_conflicts, refuse_unknown};
use keys::refuse_shown_key;
use raw::raw;

use crate::configuration::FILE;
use crate::logins::{self, Logins};
use crate::{Code, Environment, Error, Observer, Target};

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
        let Some(secret) = logins.find(manifest, values, &option.name)? else {
            continue;
        };
        let mut with = Vec::new();
        for other in logins::companions(manifest, &option.name) {
            if let Some(saved) = logins.find_with(manifest, values, &other.name, &option.name)? {
                let raw = [saved.expose().to_owned()];
                let value = other.parse(&raw);
                let value = value.map_err(|e| Error::new(Code::Usage, e.to_string()))?;
                with.push((other.name.clone(), value));
            }
        }
        let given = |name: &OptionName| {
            let value = values.get(name);
            value.filter(|value| value.source != ValueSource::Default)
        };
        // The password of somebody else than the one whom the user has named.
        let mut known = with.iter();
        if known.any(|(name, saved)| given(name).is_some_and(|given| given.value != *saved)) {
            continue;
        }
        with.push((option.name.clone(), OptionValue::Secret(secret)));
        for (name, value) in with {
            let source = ValueSource::Saved;
            values.insert(name, Resolved { value, source });
        }
    }
    Ok(())
}

/// Asks for what the values need that are there now, as [`resolve`] does.
pub(crate) fn complete(
    environment: &Environment,
    target: &Target,
    logins: &Logins,
    observer: &dyn Observer,
    values: &mut Values,
) -> Result<(), Error> {
    let options: Vec<_> = target.manifest.options.iter().collect();
    ask(environment, target, &options, logins, observer, values)
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
