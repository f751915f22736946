//! Packages in a folder: `<root>/<namespace>/<name>/<version>.wasm`.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use spin_deployer_oci::Destination as _;

use super::Package;
use crate::{FetchError, Fetcher};

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
        let path = root
            .join(package.name.namespace())
            .join(package.name.name())
            .join(format!("{}.wasm", package.version));
        let failed = |error: std::io::Error| {
            let reason = format!("{}: {error}", path.display());
            let what = package.what.clone();
            if error.kind() == ErrorKind::NotFound {
                FetchError::NotFound { what, reason }
            } else {
                FetchError::Unusable { what, reason }
            }
        };
        let mut file = File::open(&path).map_err(failed)?;
        let progress = Arc::clone(&self.progress);
        let mut incoming = self.cache.incoming(&package.what, None, progress)?;
        let limit = self.bounds.content;
        let mut buffer = vec![0; 64 << 10];
        let mut copied = 0;
        loop {
            let read = file.read(&mut buffer).map_err(failed)?;
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
                .map_err(self.cache.failed())?;
        }
        let (digest, _) = incoming.digest().map_err(self.cache.failed())?;
        self.cache.keep(incoming, &digest)?;
        Ok(digest.to_string())
    }
}
