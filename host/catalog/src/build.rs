//! Writing a catalog: the files that a web server has to hand out.

use std::collections::BTreeMap;

use semver::Version;
use spin_deployer_manifest::PluginName;
use spin_deployer_publish::Digest;

use crate::address::{INDEX, entry_path};
use crate::entry::{Entry, MAX_ENTRY};
use crate::error::CatalogError;
use crate::index::{Index, Listed, MAX_INDEX, Release};

/// Why these entries make no catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An entry that nobody could read.
    #[error("plugin `{name}` {version}: {problem}")]
    Entry {
        /// Whose entry.
        name: PluginName,
        /// Of which version.
        version: Version,
        /// What is wrong with it.
        #[source]
        problem: Box<CatalogError>,
    },
    /// Two components under one name.
    #[error(
        "plugin `{name}` {version} is two components, {one} and {other}: a version that is published stays as it is; give the new one a new version"
    )]
    Conflict {
        /// Which plugin.
        name: PluginName,
        /// Which version.
        version: Version,
        /// The smaller of the two.
        one: Digest,
        /// The other one.
        other: Digest,
    },
    /// Two entries for one component that do not say the same.
    #[error(
        "plugin `{name}` {version} is there twice, and not in the same words or the same place: leave one of them out"
    )]
    Differs {
        /// Which plugin.
        name: PluginName,
        /// Which version.
        version: Version,
    },
    /// Two files that some disks take for one.
    #[error(
        "plugin `{name}` has the versions {one} and {other}, which would be one file where a disk takes `A` for `a`"
    )]
    Case {
        /// Which plugin.
        name: PluginName,
        /// One of them.
        one: Version,
        /// The other one.
        other: Version,
    },
    /// More than a catalog holds.
    #[error("the catalog: {0}")]
    Catalog(#[source] CatalogError),
}

/// The files of a catalog with these versions of plugins, by their paths with `/` below its folder: the same for the same
/// entries, in whatever order they come. An entry that is there twice counts once.
///
/// # Errors
/// When they contradict each other, or when nobody could read what came of it.
pub fn build(
    entries: impl IntoIterator<Item = Entry>,
) -> Result<BTreeMap<String, Vec<u8>>, BuildError> {
    let mut plugins: BTreeMap<PluginName, BTreeMap<Version, Entry>> = BTreeMap::new();
    for entry in entries {
        entry.check().map_err(|problem| broken(&entry, problem))?;
        let versions = plugins.entry(entry.name.clone()).or_default();
        match versions.get(&entry.version) {
            None => drop(versions.insert(entry.version.clone(), entry)),
            Some(known) => agree(known, &entry)?,
        }
    }
    let mut files = BTreeMap::new();
    let mut index = Index::default();
    for (name, versions) in plugins {
        check_case(&name, &versions)?;
        // Ascending; a pre-release is the newest only where there is nothing else.
        let stable = |entry: &&Entry| entry.version.pre.is_empty();
        let newest = versions
            .values()
            .rfind(stable)
            .or(versions.values().next_back());
        let Some(newest) = newest else { continue };
        files.insert(format!("{name}/{name}.json"), bytes(newest)?);
        for entry in versions.values() {
            files.insert(entry_path(&name, &entry.version), bytes(entry)?);
        }
        let listed = Listed {
            description: newest.description.clone(),
            versions: versions.values().map(released).collect(),
        };
        index.plugins.insert(name, listed);
    }
    index.settle().map_err(BuildError::Catalog)?;
    let written = index.to_string().into_bytes();
    within(written.len(), MAX_INDEX).map_err(BuildError::Catalog)?;
    files.insert(INDEX.to_owned(), written);
    Ok(files)
}

fn released(entry: &Entry) -> Release {
    Release {
        version: entry.version.clone(),
        spin_compatibility: entry.spin_compatibility.clone(),
        digest: entry.component.digest.clone(),
    }
}

fn agree(known: &Entry, entry: &Entry) -> Result<(), BuildError> {
    let (name, version) = (entry.name.clone(), entry.version.clone());
    let mut digests = [&known.component.digest, &entry.component.digest];
    digests.sort();
    match digests {
        [one, other] if one != other => Err(BuildError::Conflict {
            name,
            version,
            one: one.clone(),
            other: other.clone(),
        }),
        _ if known != entry => Err(BuildError::Differs { name, version }),
        _ => Ok(()),
    }
}

fn check_case(name: &PluginName, versions: &BTreeMap<Version, Entry>) -> Result<(), BuildError> {
    let mut known: BTreeMap<String, &Version> = BTreeMap::new();
    for version in versions.keys() {
        if let Some(one) = known.insert(version.to_string().to_ascii_lowercase(), version) {
            return Err(BuildError::Case {
                name: name.clone(),
                one: one.clone(),
                other: version.clone(),
            });
        }
    }
    Ok(())
}

fn bytes(entry: &Entry) -> Result<Vec<u8>, BuildError> {
    let bytes = entry.to_string().into_bytes();
    within(bytes.len(), MAX_ENTRY).map_err(|problem| broken(entry, problem))?;
    Ok(bytes)
}

fn within(bytes: usize, most: usize) -> Result<(), CatalogError> {
    if bytes > most {
        return Err(CatalogError::TooLarge { bytes, most });
    }
    Ok(())
}

fn broken(entry: &Entry, problem: CatalogError) -> BuildError {
    BuildError::Entry {
        name: entry.name.clone(),
        version: entry.version.clone(),
        problem: Box::new(problem),
    }
}
