//! `plugins fetch`: brings here what the lock of the app names, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Code, Error, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::PluginName;
use spin_deployer_oci::Digest;
use spin_deployer_store::component_name;

use crate::arrive::{Arrivals, another};
use crate::component::LARGEST;
use crate::files;
use crate::kept::Kept;
use crate::lock::{AppLock, is_built_in};
use crate::report::{FetchReport, Fetched, SCHEMA};
use crate::signer::{self, Keys};
use crate::source::Source;

/// Brings what is missing, into what is installed or into a folder; each with the digest of the lock, and signed by who
/// signed it when the lock was written.
///
/// # Errors
/// There is no lock, or one of the plugins is not to be had as the lock names it. Those before it are here.
pub async fn fetch(workbench: &Workbench, vendor: Option<&Path>) -> Result<FetchReport, Error> {
    let environment = workbench.environment();
    let lock = AppLock::here(environment)?.filter(AppLock::exists);
    let lock = lock.ok_or_else(|| {
        Error::new(Code::Usage, "there is no deployer.lock here")
            .help("the first deploy with a plugin writes it, and so does `spin-deployer plugins install` beside spin.toml")
    })?;
    let place = match vendor {
        Some(folder) => Place::Vendor(environment.cwd.join(folder)),
        None => Place::Kept(Kept::of(environment)?),
    };
    let fetching = workbench.fetching(LARGEST)?;
    let arrivals = Arrivals {
        workbench,
        fetching: &fetching,
        // A lock names what its app is deployed with, whatever Spin is here.
        spin: None,
        catalog: None,
    };
    let mut plugins = BTreeMap::new();
    for (name, entry) in lock.all() {
        let fetched = one(&arrivals, &lock, &place, name, entry).await?;
        plugins.insert(name.clone(), fetched);
    }
    Ok(FetchReport {
        schema: SCHEMA,
        lock: lock.path().to_owned(),
        plugins: plugins.into_values().collect(),
    })
}

async fn one(
    arrivals: &Arrivals<'_>,
    lock: &AppLock,
    place: &Place,
    name: &PluginName,
    entry: &LockedPlugin,
) -> Result<Fetched, Error> {
    let mut report = Fetched {
        name: name.to_string(),
        digest: entry.digest.to_string(),
        file: None,
        was_here: true,
    };
    if is_built_in(name, entry) {
        return Ok(report);
    }
    report.file = Some(place.file(&entry.digest));
    if place.has(&entry.digest) {
        return Ok(report);
    }
    let folder = lock.path().parent().unwrap_or(Path::new("."));
    let source = Source::parse(entry.source.as_str(), folder)?;
    let arrived = arrivals.bring(&source).await?;
    if arrived.component.digest != entry.digest {
        let name = format!("`{name}` of {source}");
        return Err(another(&name, &entry.digest, &arrived.component.digest));
    }
    let signed = entry.signer.as_ref();
    let earlier = signed
        .map(|text| {
            Ok::<_, Error>((
                signer::recorded(text.as_str(), &lock.shown())?,
                lock.shown(),
            ))
        })
        .transpose()?;
    let keys = Keys {
        earlier,
        ..Keys::default()
    };
    let wanted = keys.wanted(name.as_str(), arrivals.workbench.policies())?;
    if !wanted.is_empty() {
        let proof = arrivals.proof(&arrived).await?;
        signer::verify(name.as_str(), &wanted, &proof, &arrived.component.wasm)?;
    }
    place.keep(&entry.digest, &arrived.component.wasm)?;
    report.was_here = false;
    Ok(report)
}

/// Where it is brought.
enum Place {
    Kept(Kept),
    Vendor(PathBuf),
}

impl Place {
    fn file(&self, digest: &Digest) -> PathBuf {
        match self {
            Self::Kept(kept) => kept.plugins.component_file(digest),
            Self::Vendor(folder) => folder.join(component_name(digest)),
        }
    }

    /// Whether it is there and whole: what is damaged is fetched anew.
    fn has(&self, digest: &Digest) -> bool {
        match self {
            Self::Kept(kept) => matches!(kept.plugins.component(digest), Ok(Some(_))),
            Self::Vendor(_) => files::read(&self.file(digest), LARGEST)
                .is_ok_and(|wasm| Digest::of(&wasm) == *digest),
        }
    }

    fn keep(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error> {
        match self {
            Self::Kept(kept) => kept.plugins.keep(wasm).map(drop).map_err(Error::from),
            Self::Vendor(folder) => {
                fs::create_dir_all(folder).map_err(|error| {
                    let message = format!("cannot write {}", folder.display());
                    Error::new(Code::Usage, message).detail(error.to_string())
                })?;
                files::write(&self.file(digest), wasm)
            }
        }
    }
}
