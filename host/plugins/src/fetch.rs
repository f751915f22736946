//! `plugins fetch`: brings here what the lock of the app names, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Code, Error, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Line, PluginName};
use spin_deployer_oci::Digest;
use spin_deployer_signature::{MAX_PROOF, Proof};
use spin_deployer_store::{component_name, proof_name};

use crate::arrive::{Arrivals, another};
use crate::component::{Component, LARGEST};
use crate::files;
use crate::kept::Kept;
use crate::lock::{AppLock, is_built_in};
use crate::report::{FetchReport, Fetched, SCHEMA};
use crate::signer::{self, Keys};
use crate::source::Source;

/// Brings what is missing, into what is installed or into a folder; each with the digest of the lock, and signed by who
/// signed it when the lock was written. What proves the signature is kept beside it.
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
    let shown = lock.shown();
    let recorded = |text: &Line| signer::recorded(text.as_str(), &shown);
    let signed_by = entry.signer.as_ref().map(recorded).transpose()?;
    let keys = Keys {
        earlier: signed_by
            .map(|key| (key, shown.clone()))
            .into_iter()
            .collect(),
        ..Keys::default()
    };
    let wanted = keys.wanted(name.as_str(), arrivals.workbench.policies())?;
    let verify =
        |proof: Option<&Proof>, wasm: &[u8]| signer::verify(name.as_str(), &wanted, proof, wasm);
    // One that is here without a proof of who signed it is brought again, with it.
    let here = place.component(&entry.digest);
    let here = here.and_then(|wasm| verify(place.proof(&entry.digest).as_ref(), &wasm).ok());
    report.was_here = here.is_some();
    let signer = match here {
        Some(signer) => signer,
        None => {
            let folder = lock.path().parent().unwrap_or(Path::new("."));
            let source = Source::parse(entry.source.as_str(), folder)?;
            let arrived = arrivals.bring(&source).await?;
            is_the_one(name, entry, &arrived.component, &source)?;
            let proof = match wanted.is_empty() {
                true => None,
                false => arrivals.proof(&arrived).await?,
            };
            let signer = verify(proof.as_ref(), &arrived.component.wasm)?;
            place.keep(&entry.digest, &arrived.component.wasm, proof.as_ref())?;
            signer
        }
    };
    let key = signer.as_ref().map(|signer| &signer.key);
    let admitted = arrivals
        .workbench
        .admit_signer(name.as_str(), entry.digest.as_str(), key);
    admitted.map(|()| report)
}

/// What came is what the lock has under that name: digest, name and version.
fn is_the_one(
    name: &PluginName,
    entry: &LockedPlugin,
    came: &Component,
    source: &Source,
) -> Result<(), Error> {
    if came.digest != entry.digest {
        let name = format!("`{name}` of {source}");
        return Err(another(&name, &entry.digest, &came.digest));
    }
    let (manifest, version) = (&came.manifest, &entry.version);
    match manifest.name == *name && manifest.version == *version {
        true => Ok(()),
        false => Err(Error::new(
            Code::Denied,
            format!("what the lock has as `{name}` {version} is another plugin"),
        )
        .detail(format!(
            "{} calls itself `{}` {}",
            entry.digest, manifest.name, manifest.version
        ))
        .help("see who wrote that into deployer.lock, and install the plugin again")),
    }
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

    /// What is there and whole: what is damaged is fetched anew.
    fn component(&self, digest: &Digest) -> Option<Vec<u8>> {
        match self {
            Self::Kept(kept) => kept.plugins.component(digest).ok()?,
            Self::Vendor(_) => files::read(&self.file(digest), LARGEST)
                .ok()
                .filter(|wasm| Digest::of(wasm) == *digest),
        }
    }

    /// What proves who signed it.
    fn proof(&self, digest: &Digest) -> Option<Proof> {
        Proof::from_json(&match self {
            Self::Kept(kept) => kept.plugins.proof(digest)?,
            Self::Vendor(folder) => {
                files::read(&folder.join(proof_name(digest)), MAX_PROOF).ok()?
            }
        })
    }

    fn keep(&self, digest: &Digest, wasm: &[u8], proof: Option<&Proof>) -> Result<(), Error> {
        let proof = proof.map(Proof::to_json);
        let proof = proof.as_ref().map(String::as_bytes);
        match self {
            Self::Kept(kept) => kept
                .plugins
                .keep(wasm, proof)
                .map(drop)
                .map_err(Error::from),
            Self::Vendor(folder) => {
                fs::create_dir_all(folder).map_err(|error| {
                    let message = format!("cannot write {}", folder.display());
                    Error::new(Code::Usage, message).detail(error.to_string())
                })?;
                if let Some(proof) = proof {
                    files::write(&folder.join(proof_name(digest)), proof)?;
                }
                files::write(&self.file(digest), wasm)
            }
        }
    }
}
