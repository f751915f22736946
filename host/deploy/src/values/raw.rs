//! What was written for an option, and where: flag, variable, `deployer.toml`, the manifest's default.

use std::collections::BTreeMap;

use spin_deployer_grants::ValueSource;
use spin_deployer_manifest::{OptionKind, OptionSpec};

use super::keys::refuse_stray_key;
use crate::configuration::{FILE, raw_values};
use crate::{Code, Environment, Error, Target};

/// The raw values of one option and where they come from, by precedence.
pub(super) fn raw(
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
