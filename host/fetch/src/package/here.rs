//! Which versions of a package are here, so that a requirement can be met without asking anybody.
//!
//! ```text
//! packages/<64 digits>/<version>     an empty file for each version that was fetched
//! ```
//!
//! One file a version, so that two processes never write the same one. What it led to is a name as any other.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;

use semver::Version;
use spin_deployer_oci::Digest;
use spin_deployer_private as private;

use super::Package;
use crate::{FetchError, Fetcher};

const PACKAGES: &str = "packages";

impl Fetcher {
    /// Remembers what a version is.
    pub(super) fn remember(
        &self,
        package: &Package,
        version: &Version,
        digest: &Digest,
        size: u64,
    ) -> Result<(), FetchError> {
        self.cache.remember(&name(package, version), digest, size)?;
        let folder = self.versions(package);
        // Whatever is there is not opened: it is the name that counts.
        let made = private::create_folder(&folder)
            .and_then(|()| File::create_new(folder.join(version.to_string())));
        match made {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(self.cache.failed()(error))
            }
            _ => Ok(()),
        }
    }

    /// The digest of a version that is here, and its size.
    pub(super) fn recall(&self, package: &Package, version: &Version) -> Option<(Digest, u64)> {
        let record = self.cache.recall(&name(package, version))?;
        let here = self.cache.has(&record.digest, record.size);
        here.then_some((record.digest, record.size))
    }

    /// The digest of the highest version here that is wanted.
    pub(super) fn highest_here(&self, package: &Package) -> Option<Digest> {
        let entries = fs::read_dir(self.versions(package)).ok()?;
        let named = entries
            .flatten()
            .filter_map(|entry| Version::parse(entry.file_name().to_str()?).ok());
        let mut versions: Vec<_> = named
            .filter(|version| package.wanted.is_met_by(version))
            .collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        let (digest, _) = versions
            .iter()
            .find_map(|version| self.recall(package, version))?;
        Some(digest)
    }

    fn versions(&self, package: &Package) -> PathBuf {
        let key = format!("{} {}", package.source, package.name);
        let key = Digest::of(key.as_bytes());
        self.cache.folder().join(PACKAGES).join(key.hex())
    }
}

fn name(package: &Package, version: &Version) -> String {
    format!("package {} {}@{version}", package.source, package.name)
}
