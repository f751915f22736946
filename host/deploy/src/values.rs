//! Values of a plugin's options: flag, environment, `deployer.toml`, default, prompt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spin_deployer_grants::{Resolved, ValueSource, Values};
use spin_deployer_manifest::{Manifest, OptionKind, OptionSpec, OptionValue};

use crate::configuration::{FILE, raw_values};
use crate::target::nearest;
use crate::{Code, Environment, Error, Observer, Target};

/// Resolves every option of the target's plugin. `given` is what the user typed as flags.
/// `app_folder` is where a default path starts.
pub(crate) fn resolve(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    app_folder: &Path,
    observer: &dyn Observer,
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
            let value = option.parse(&raw).map_err(|e| {
                Error::new(Code::Usage, e.to_string()).detail(whence(option, source))
            })?;
            values.insert(
                option.name.clone(),
                Resolved {
                    value: rooted(value, base),
                    source,
                },
            );
        }
    }
    refuse_conflicts(&target.manifest, &values)?;
    for option in &target.manifest.options {
        if !option.required || values.contains_key(&option.name) || replaced(option, &values) {
            continue;
        }
        let typed = observer
            .ask(option)
            .ok_or_else(|| missing(target, option))?;
        let value = option
            .parse(&[typed])
            .map_err(|e| Error::new(Code::Usage, e.to_string()))?;
        let value = rooted(value, &environment.cwd);
        values.insert(
            option.name.clone(),
            Resolved {
                value,
                source: ValueSource::Prompt,
            },
        );
    }
    Ok(values)
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
    if let Some(value) = option.env.as_deref().and_then(|name| environment.var(name)) {
        let value = match option.kind {
            // Set at all means yes, as for Spin's own variables, but for the usual words for no.
            OptionKind::Flag => (!["0", "false", "no", "off"]
                .contains(&value.to_ascii_lowercase().as_str()))
            .to_string(),
            _ => value.to_owned(),
        };
        return Ok(Some((vec![value], ValueSource::Environment)));
    }
    if let Some(value) = target.settings.get(option.name.as_str()) {
        if matches!(option.kind, OptionKind::Secret) {
            return Err(Error::new(
                Code::Usage,
                format!("{FILE} holds a value for the secret `{}`", option.name),
            )
            .detail(target.folder.join(FILE).display().to_string())
            .help(match &option.env {
                Some(env) => format!("remove it there, and set the variable {env} instead"),
                None => format!("remove it there, and pass --{} instead", option.name),
            }));
        }
        let raw = raw_values(value)
            .map_err(|e| Error::new(Code::Usage, format!("`{}` of {FILE}: {e}", option.name)))?;
        return Ok(Some((raw, ValueSource::Configuration)));
    }
    Ok(option
        .default
        .clone()
        .map(|raw| (raw, ValueSource::Default)))
}

/// Makes a relative path start where its value was written.
fn rooted(value: OptionValue, base: &Path) -> OptionValue {
    let root = |path: PathBuf| base.join(path);
    match value {
        OptionValue::File(path) => OptionValue::File(root(path)),
        OptionValue::Directory(path) => OptionValue::Directory(root(path)),
        OptionValue::OutputDirectory(path) => OptionValue::OutputDirectory(root(path)),
        other => other,
    }
}

/// Whether an option that conflicts with this one is given in its place.
fn replaced(option: &OptionSpec, values: &Values) -> bool {
    option
        .conflicts_with
        .iter()
        .any(|name| values.contains_key(name))
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

fn whence(option: &OptionSpec, source: ValueSource) -> String {
    match (source, &option.env) {
        (ValueSource::Environment, Some(env)) => format!("from the variable {env}"),
        (ValueSource::Configuration, _) => format!("from {FILE}"),
        (ValueSource::Default, _) => "the plugin's own default".to_owned(),
        _ => format!("--{}", option.name),
    }
}

fn missing(target: &Target, option: &OptionSpec) -> Error {
    let or = option
        .env
        .as_ref()
        .map(|env| format!(", or set {env}"))
        .unwrap_or_default();
    let or_file = match option.kind {
        OptionKind::Secret => "",
        _ => ", or write it into deployer.toml",
    };
    Error::new(
        Code::Usage,
        format!("target `{}` needs --{}", target.name, option.name),
    )
    .detail(option.help.clone())
    .help(format!("pass --{} VALUE{or}{or_file}", option.name))
}
