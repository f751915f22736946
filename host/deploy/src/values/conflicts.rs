//! Options that cannot be used together, and names that are none of the plugin's options.

use spin_deployer_grants::{ValueSource, Values};
use spin_deployer_manifest::{Manifest, OptionName, OptionSpec};

use crate::target::nearest;
use crate::{Code, Error};

/// Whether an option that conflicts with this one has a value in its place.
pub(super) fn replaced(option: &OptionSpec, manifest: &Manifest, values: &Values) -> bool {
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

pub(super) fn refuse_conflicts(manifest: &Manifest, values: &Values) -> Result<(), Error> {
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

pub(super) fn refuse_unknown<'a>(
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
