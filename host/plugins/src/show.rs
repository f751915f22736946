//! `plugins show`: everything about one plugin. Nothing of it runs.

use std::path::Path;

use spin_deployer_deploy::{Code, Environment, Error, Found, Search, Target};
use spin_deployer_manifest::PluginName;

use crate::agreement::consent;
use crate::component::{Component, exists};
use crate::lock::AppLock;
use crate::report::{About, Provenance, SCHEMA, ShowReport};

/// Shows a plugin by its name, the one that a deploy from the working directory would use, or a file.
///
/// # Errors
/// There is none of that name, or it is no plugin.
pub fn show(
    environment: &Environment,
    named: &str,
    vendor: Option<&Path>,
) -> Result<ShowReport, Error> {
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
    let search = Search { from: None, vendor };
    let target = Target::of_plugin(environment, search, name.as_str())?.ok_or_else(|| {
        Error::new(Code::Usage, format!("no plugin `{name}` is here")).help(
            "`spin-deployer plugins list` shows what there is, `spin-deployer plugins search` what could be; a file is named by its path",
        )
    })?;
    let component = Component::of(name.as_str(), target.component().to_vec())?;
    let lock = AppLock::here(environment)?;
    let locked = lock.and_then(|lock| lock.entry(&name));
    let from = match target.found {
        Found::BuiltIn => "built-in",
        _ if locked.is_some_and(|locked| locked.digest == target.digest) => "locked",
        Found::Installed => "installed",
        Found::Vendored | Found::File => "file",
    };
    let provenance = match target.found {
        Found::BuiltIn => Provenance::default(),
        _ => Provenance {
            source: Some(target.source.as_str().to_owned()),
            signer: target
                .proven_signer()
                .map(|signer| signer.as_str().to_owned()),
        },
    };
    report(&component, from, provenance)
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
