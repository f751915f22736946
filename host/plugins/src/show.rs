//! `plugins show`: everything about one plugin. Nothing of it runs.

use std::path::Path;

use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_manifest::PluginName;
use spin_deployer_store::bundled;

use crate::agreement::consent;
use crate::component::{Component, exists};
use crate::kept::Kept;
use crate::list::provenance;
use crate::lock::{AppLock, is_built_in};
use crate::report::{About, Provenance, SCHEMA, ShowReport};

/// Shows a plugin by its name, as it would be used in the working directory, or a file.
///
/// # Errors
/// There is none of that name, or it is no plugin.
pub fn show(environment: &Environment, named: &str) -> Result<ShowReport, Error> {
    let path = environment.cwd.join(named);
    let is_file = named.contains(['/', '\\']) || Path::new(named).extension().is_some();
    if is_file || (exists(&path) && named.parse::<PluginName>().is_err()) {
        let component = Component::open(&path)?;
        let source = Some(path.display().to_string());
        let provenance = Provenance {
            source,
            signer: None,
        };
        return report(&component, "file", provenance);
    }
    let name: PluginName = named
        .parse()
        .map_err(|error: spin_deployer_manifest::NameError| {
            Error::new(Code::Usage, error.to_string())
        })?;
    let kept = Kept::of(environment).ok();
    let lock = AppLock::here(environment)?;
    let locked = lock.as_ref().and_then(|lock| lock.entry(&name));
    let built_in = bundled::find(name.as_str());
    if let Some(entry) = locked.filter(|entry| !is_built_in(&name, entry)) {
        let here = match &kept {
            Some(kept) => kept.component(name.as_str(), &entry.digest)?,
            None => None,
        };
        let component = here.ok_or_else(|| {
            let message = format!("`{name}` {} is in the lock, and not here", entry.version);
            Error::new(Code::Usage, message).help("bring it here: spin-deployer plugins fetch")
        })?;
        return report(&component, "locked", provenance(&entry));
    }
    let installed = match &kept {
        Some(kept) => kept.installed(&name)?,
        None => None,
    };
    let meant = installed.filter(|entry| !is_built_in(&name, entry));
    match (built_in, meant, &kept) {
        (_, Some(entry), Some(kept)) => {
            let component = kept.component(name.as_str(), &entry.digest)?;
            let component = component.ok_or_else(|| {
                let message = format!("the component of `{name}` is gone");
                Error::new(Code::Failed, message).help(format!(
                    "install it again: spin-deployer plugins install {}",
                    entry.source.as_str()
                ))
            })?;
            report(&component, "installed", provenance(&entry))
        }
        (Some(built_in), _, _) => of_program(built_in),
        _ => Err(
            Error::new(Code::Usage, format!("there is no plugin `{name}`")).help(
                "`spin-deployer plugins list` shows what there is; a file is named by its path",
            ),
        ),
    }
}

fn of_program(built_in: &bundled::Bundled) -> Result<ShowReport, Error> {
    let component = Component::of(built_in.name, built_in.wasm.to_vec())?;
    report(&component, "built-in", Provenance::default())
}

fn report(
    component: &Component,
    from: &'static str,
    provenance: Provenance,
) -> Result<ShowReport, Error> {
    let contract = component.fits()?;
    Ok(ShowReport {
        schema: SCHEMA,
        plugin: About::of(component, &contract),
        consent: consent(component, &provenance),
        from,
        provenance,
        manifest: component.text.clone(),
    })
}
