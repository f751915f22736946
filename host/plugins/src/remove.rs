//! `plugins uninstall`.

use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_manifest::{NameError, PluginName};
use spin_deployer_store::bundled;

use crate::kept::Kept;
use crate::report::{PluginId, SCHEMA, UninstallReport};

/// Takes plugins away, and what was agreed to for them. A lock that names one still does.
///
/// # Errors
/// One of them is not installed: then none is taken away.
pub fn uninstall(environment: &Environment, names: &[String]) -> Result<UninstallReport, Error> {
    let kept = Kept::of(environment)?;
    let names: Vec<PluginName> = names
        .iter()
        .map(|name| {
            name.parse().map_err(|error: NameError| {
                Error::new(Code::Usage, error.to_string())
                    .help("`spin-deployer plugins list` shows what is installed")
            })
        })
        .collect::<Result<_, Error>>()?;
    for name in &names {
        if kept.installed(name)?.is_none() {
            let error = Error::new(Code::Usage, format!("no plugin `{name}` is installed"));
            return Err(match bundled::find(name.as_str()) {
                Some(_) => error.help("the one of that name is part of the program"),
                None => error.help("`spin-deployer plugins list` shows what is"),
            });
        }
    }
    let mut removed = Vec::new();
    for name in names {
        // What was agreed to first: whatever ends it between the two, the plugin is there to be uninstalled again.
        if let Some(there) = kept.installed(&name)? {
            kept.agreed.remove(&there.digest)?;
        }
        let Some(gone) = kept.plugins.remove(name.as_str())? else {
            continue;
        };
        // Another one by now, where somebody upgraded it meanwhile.
        kept.agreed.remove(&gone.digest)?;
        removed.push(PluginId {
            name: name.to_string(),
            version: gone.version.to_string(),
            digest: gone.digest.to_string(),
        });
    }
    Ok(UninstallReport {
        schema: SCHEMA,
        removed,
    })
}
