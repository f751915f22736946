//! What the catalog in a folder has published already, which a new build neither changes nor loses.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;
use spin_deployer_catalog::{Entry, INDEX, Index, MAX_ENTRY, MAX_INDEX, entry_path};
use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::PluginName;
use spin_deployer_oci::Digest;

use crate::component::{LARGEST, exists};
use crate::files;

/// Which component each version is, by plugin and version.
type Versions = BTreeMap<(PluginName, Version), Digest>;

/// The versions of a catalog that is there.
pub(crate) struct Published {
    /// As its index has them.
    listed: Versions,
}

impl Published {
    /// Those of the catalog in this folder; none where there is no catalog yet.
    ///
    /// # Errors
    /// There is an index, and it cannot be read.
    pub(crate) fn of(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(INDEX);
        let mut listed = Versions::new();
        if !exists(&path) {
            return Ok(Self { listed });
        }
        let bytes = files::read(&path, MAX_INDEX as u64)?;
        let index = Index::parse(&bytes).map_err(|error| broken(&path, &error))?;
        for (name, plugin) in index.plugins {
            for release in plugin.versions {
                listed.insert((name.clone(), release.version), release.digest);
            }
        }
        Ok(Self { listed })
    }

    /// The entries that stay beside those that are `new`: of versions whose component is there, or elsewhere.
    ///
    /// # Errors
    /// A version would become another component, or one is listed whose component is gone.
    pub(crate) fn beside(&self, new: &[Entry], folder: &Path) -> Result<Vec<Entry>, Error> {
        let mut now = Versions::new();
        for entry in new {
            let version = (entry.name.clone(), entry.version.clone());
            now.insert(version, entry.component.digest.clone());
        }
        let mut stay = Vec::new();
        for ((name, version), digest) in &self.listed {
            let key = (name.clone(), version.clone());
            match now.get(&key) {
                Some(same) if same == digest => {}
                Some(other) => return Err(changed(name, version, digest, other)),
                None => stay.extend(still_there(folder, name, version, digest)?),
            }
        }
        Ok(stay)
    }
}

/// The entry of a version that was published from a component which is not among the plugins of the folder now. `None`:
/// its publisher took the version back.
fn still_there(
    folder: &Path,
    name: &PluginName,
    version: &Version,
    digest: &Digest,
) -> Result<Option<Entry>, Error> {
    let file = entry_path(name, version);
    let path = folder.join(&file);
    if !exists(&path) {
        return Ok(None);
    }
    let bytes = files::read(&path, MAX_ENTRY as u64)?;
    let entry = Entry::parse(&bytes).map_err(|error| broken(&path, &error))?;
    let same = entry.name == *name && entry.version == *version;
    if !same || entry.component.digest != *digest {
        return Err(broken(
            &path,
            &format!("{INDEX} says something else of `{name}` {version}"),
        ));
    }
    // What lies on another server is not asked for.
    let Some(place) = entry.component.url.path() else {
        return Ok(Some(entry));
    };
    let component = folder.join(place);
    if !exists(&component) {
        return Err(gone(name, version, place, &file));
    }
    match Digest::of(&files::read(&component, LARGEST)?) {
        here if here == *digest => Ok(Some(entry)),
        _ => Err(gone(name, version, place, &file)),
    }
}

fn changed(name: &PluginName, version: &Version, published: &Digest, now: &Digest) -> Error {
    let message = format!("`{name}` {version} is published, and would become another component");
    Error::new(Code::Usage, message)
        .detail(format!("it is {published} in {INDEX}, and {now} in the folder"))
        .help(format!(
            "nothing was written: locks name what is published, so give the new one a new version, and put the old one back; if nobody has it yet, remove {INDEX} and build again"
        ))
}

fn gone(name: &PluginName, version: &Version, place: &str, file: &str) -> Error {
    let message = format!("`{name}` {version} is published, and its component is gone");
    Error::new(Code::Usage, message)
        .detail(format!("it was {place}, which is not there or has another digest now"))
        .help(format!(
            "nothing was written: put it back under any name, so that who has it in a lock can fetch it; to take the version back, remove {file} and build again"
        ))
}

fn broken(path: &Path, why: &dyn std::fmt::Display) -> Error {
    let message = format!(
        "the catalog that is there cannot be read: {}",
        path.display()
    );
    Error::new(Code::Usage, message)
        .detail(why.to_string())
        .help("nothing was written: put it back as it was published, or remove it to begin anew")
}
