//! `plugins list`: what there is, and what is outdated.

use std::collections::BTreeMap;

use semver::Version;
use spin_deployer_deploy::{Environment, Error, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Manifest, PluginName, section};
use spin_deployer_store::bundled;

use crate::arrive::Arrivals;
use crate::component::LARGEST;
use crate::kept::Kept;
use crate::lock::AppLock;
use crate::newer::{Newest, Present, newest};
use crate::report::{ListReport, Listed, Provenance, SCHEMA};

/// Lists the plugins of the program, of the user and of the app in the working directory. Unless offline, and unless
/// `ask` is false, catalogs and registries are asked what they have newer; who does not answer is no error.
///
/// # Errors
/// What is installed, or the lock, cannot be read.
pub async fn list(
    workbench: &Workbench,
    ask: bool,
    spin_version: Option<&Version>,
) -> Result<ListReport, Error> {
    let environment = workbench.environment();
    let mut plugins: BTreeMap<(String, &'static str), Listed> = BTreeMap::new();
    let mut add = |listed: Listed| {
        plugins.insert((listed.name.clone(), listed.from), listed);
    };
    for built_in in bundled::all() {
        let manifest: Option<Manifest> = section::extract(built_in.wasm)
            .ok()
            .and_then(|text| text.parse().ok());
        add(Listed {
            name: built_in.name.to_owned(),
            version: manifest.map(|m| m.version.to_string()).unwrap_or_default(),
            digest: built_in.digest.to_owned(),
            from: "built-in",
            provenance: Provenance::default(),
            overrides: false,
            newer: None,
            unknown: None,
        });
    }
    let installed = match environment.directories.data() {
        Some(_) => Kept::of(environment)?.plugins.list()?,
        None => Default::default(),
    };
    let lock = AppLock::here(environment)?;
    let locked = lock.iter().flat_map(AppLock::third_party);
    let locked = locked.filter(|(name, entry)| {
        let same = |other: &LockedPlugin| other.digest == entry.digest;
        !installed.plugins.get(*name).is_some_and(same)
    });
    let all = installed
        .plugins
        .iter()
        .map(|(name, entry)| (name, entry, "installed"))
        .chain(locked.map(|(name, entry)| (name, entry, "locked")));
    let fetching = workbench.fetching(LARGEST)?;
    let ask = ask && !workbench.offline();
    let arrivals = Arrivals {
        workbench,
        fetching: &fetching,
        spin: match ask {
            true => workbench.spin(spin_version).await?,
            false => None,
        },
        catalog: None,
    };
    let folder = AppLock::folder(lock.as_ref(), environment);
    for (name, entry, from) in all {
        let present = Present {
            name,
            entry,
            folder,
        };
        let mut listed = of(name, entry, from);
        if ask {
            match newest(&arrivals, present).await {
                Ok(Newest::Newer { version, .. }) => listed.newer = Some(version.to_string()),
                Ok(Newest::Same | Newest::Unfit(_)) => {}
                Ok(Newest::Unknown(why)) => listed.unknown = Some(why),
                Err(error) => listed.unknown = Some(error.message),
            }
        }
        add(listed);
    }
    Ok(ListReport {
        schema: SCHEMA,
        plugins: plugins.into_values().collect(),
    })
}

fn of(name: &PluginName, entry: &LockedPlugin, from: &'static str) -> Listed {
    Listed {
        name: name.to_string(),
        version: entry.version.to_string(),
        digest: entry.digest.to_string(),
        from,
        provenance: provenance(entry),
        overrides: entry.overrides,
        newer: None,
        unknown: None,
    }
}

/// What an entry says of where a plugin came from.
pub(crate) fn provenance(entry: &LockedPlugin) -> Provenance {
    Provenance {
        source: Some(entry.source.as_str().to_owned()),
        signer: entry.signer.as_ref().map(|line| line.as_str().to_owned()),
    }
}

/// Names of what is installed, as far as that can be known: for completions.
pub fn installed_names(environment: &Environment) -> Vec<String> {
    let listed = Kept::of(environment).map(|kept| kept.plugins.list());
    match listed {
        Ok(Ok(lock)) => lock.plugins.keys().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
