//! Packages in a folder: `<root>/<namespace>/<name>/<version>.wasm`.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use semver::Version;
use spin_deployer_oci::Destination as _;

use super::Package;
use super::requirement::Requirement;
use crate::{FetchError, Fetcher};

/// A folder with more files than this is none of packages.
const MOST_FILES: usize = 100_000;

impl Fetcher {
    /// Copies it anew each time: who builds packages changes them, and nothing is sent.
    pub(super) fn local(
        &self,
        package: &Package,
        root: Option<PathBuf>,
    ) -> Result<String, FetchError> {
        let unusable = |reason: String| FetchError::Unusable {
            what: package.what.clone(),
            reason,
        };
        let root = root.ok_or_else(|| {
            unusable("its registry is a folder, and `local.root` does not say which".to_owned())
        })?;
        let folder = root
            .join(package.name.namespace())
            .join(package.name.name());
        let version = match &package.wanted {
            Requirement::Only(version) => version.clone(),
            Requirement::Highest(_) => {
                let versions = versions(&folder).map_err(package.failed_at(&folder))?;
                package.wanted.choose(&package.what, versions)?
            }
        };
        let path = folder.join(format!("{version}.wasm"));
        let failed = package.failed_at(&path);
        let mut file = File::open(&path).map_err(&failed)?;
        let mut incoming = self.incoming(&package.in_words(&version), None)?;
        let limit = self.bounds.content;
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        loop {
            let read = file.read(&mut buffer).map_err(&failed)?;
            if read == 0 {
                break;
            }
            copied += read as u64;
            if copied > limit {
                let what = package.what.clone();
                return Err(FetchError::TooLarge { what, limit });
            }
            incoming
                .write(&buffer[..read])
                .map_err(|error| FetchError::of_write(&package.what, error, self.cache.failed()))?;
        }
        let (digest, _) = incoming.digest().map_err(self.cache.failed())?;
        self.cache.keep(incoming, &digest)?;
        Ok(digest.to_string())
    }
}

/// Those of `<version>.wasm`; other files are no packages.
fn versions(folder: &Path) -> std::io::Result<Vec<Version>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder)?.take(MOST_FILES) {
        let name = entry?.file_name();
        let version = name.to_str().and_then(|name| name.strip_suffix(".wasm"));
        versions.extend(version.and_then(|version| Version::parse(version).ok()));
    }
    Ok(versions)
}

impl Package {
    fn failed_at(&self, path: &Path) -> impl Fn(std::io::Error) -> FetchError {
        |error| {
            let reason = format!("{}: {error}", path.display());
            let what = self.what.clone();
            if error.kind() == ErrorKind::NotFound {
                FetchError::NotFound { what, reason }
            } else {
                FetchError::Unusable { what, reason }
            }
        }
    }
}
