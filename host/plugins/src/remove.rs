//! `plugins uninstall`.

use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_manifest::{NameError, PluginName};
use spin_deployer_store::bundled;

use crate::kept::Kept;
use crate::lock::AppLock;
use crate::report::{PluginId, SCHEMA, UninstallReport};

fn is_gone(removed: &[PluginId], name: &PluginName) -> bool {
    removed.iter().any(|gone| gone.name == name.as_str())
}

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
        // What was agreed to first: whatever ends it between the two, the plugin is there to be uninstalled again. All of
        // it, so that no other version comes back without a question.
        kept.agreed.remove_all(&name)?;
        let Some(gone) = kept.plugins.remove(name.as_str())? else {
            continue;
        };
        removed.push(PluginId {
            name: name.to_string(),
            version: gone.version.to_string(),
            digest: gone.digest.to_string(),
        });
    }
    let lock = AppLock::here(environment)?;
    let names_one = |lock: &AppLock| lock.third_party().any(|(name, _)| is_gone(&removed, name));
    Ok(UninstallReport {
        schema: SCHEMA,
        lock: lock.filter(names_one).map(|lock| lock.path().to_owned()),
        removed,
    })
}
