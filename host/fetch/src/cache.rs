//! What was fetched, under its digest, and what names led to which digest.
//!
//! ```text
//! blobs/sha256/<64 digits>     contents, manifests among them
//! names/<64 digits>            what a name led to, the last time
//! packages/                    which versions of a package are here
//! incoming/                    what is on its way
//! ```
//!
//! A content is written aside and gets its name when all of it is verified, so that neither a broken connection nor a
//! second process leaves half of one. Nothing is locked: who comes second leaves the file that is there, because an app is
//! loaded from it, and a new file in its place would be a change.
//!
//! A name is believed, so that it counts only where nobody but this user can have written it; what others wrote is not
//! there, and is replaced.

use std::fs;
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spin_deployer_oci::{Destination, Digest, layout};
use spin_deployer_private as private;
use tempfile::NamedTempFile;

use crate::budget::Budget;
use crate::{FetchError, Progress};

const NAMES: &str = "names";
const INCOMING: &str = "incoming";

/// Nobody downloads one content without a byte for so long; what is older belongs to a process that died.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// In bytes; a record is a line.
const LARGEST_RECORD: u64 = 64 << 10;

/// A folder that need not exist yet.
pub(crate) struct Cache {
    folder: PathBuf,
    cleaned: Once,
}

/// What a name led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name, so that a file in the wrong place is none.
    name: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Cache {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self {
            folder,
            cleaned: Once::new(),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join(layout::BLOBS).join(digest.hex())
    }

    /// Whether a content is there, as far as its size tells. Who takes it verifies it.
    pub(crate) fn has(&self, digest: &Digest, size: u64) -> bool {
        fs::symlink_metadata(self.blob(digest))
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    /// The size of a content that is there and is what its name says.
    pub(crate) fn verified(&self, digest: &Digest) -> Option<u64> {
        let file = private::open(&self.blob(digest)).ok()?;
        let (found, size) = Digest::of_reader(file).ok()?;
        (found == *digest).then_some(size)
    }

    /// All of a small content that is there and is what its name says.
    pub(crate) fn small(&self, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
        let bytes = private::read(&self.blob(digest), limit).ok()?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// Keeps a small content.
    pub(crate) fn put(&self, bytes: &[u8], digest: &Digest) -> Result<(), FetchError> {
        self.name_blob(self.filled(bytes)?, digest)
    }

    /// Removes a content that is damaged; a second process may have replaced it already.
    pub(crate) fn discard(&self, digest: &Digest) {
        if self.verified(digest).is_none() {
            // Who cannot remove it cannot replace it either, and is told so then.
            let _ = fs::remove_file(self.blob(digest));
        }
    }

    /// A place for a content that is on its way.
    pub(crate) fn incoming(
        &self,
        what: &str,
        total: Option<u64>,
        progress: Arc<dyn Progress>,
        budget: Arc<Budget>,
    ) -> Result<Incoming, FetchError> {
        let file = self.aside()?;
        progress.fetching(what, 0, total);
        Ok(Incoming {
            file,
            what: what.to_owned(),
            received: 0,
            total,
            progress,
            budget,
        })
    }

    /// Gives a content its name. It must be verified.
    pub(crate) fn keep(&self, content: Incoming, digest: &Digest) -> Result<(), FetchError> {
        self.name_blob(content.file, digest)
    }

    /// What a name led to.
    pub(crate) fn recall(&self, name: &str) -> Option<Record> {
        let text = private::read(&self.record(name), LARGEST_RECORD).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.name == name).then_some(record)
    }

    /// Remembers what a name led to.
    pub(crate) fn remember(
        &self,
        name: &str,
        digest: &Digest,
        size: u64,
    ) -> Result<(), FetchError> {
        let record = Record {
            name: name.to_owned(),
            digest: digest.clone(),
            size,
        };
        if self.recall(name).as_ref() == Some(&record) {
            return Ok(());
        }
        let text = serde_json::to_vec(&record).unwrap_or_default();
        let path = self.record(name);
        self.folder_of(&path)?;
        let file = self.filled(&text)?;
        file.persist(path)
            .map_err(|error| self.failed()(error.error))?;
        Ok(())
    }

    fn record(&self, name: &str) -> PathBuf {
        let key = Digest::of(name.as_bytes());
        self.folder.join(NAMES).join(key.hex())
    }

    fn filled(&self, bytes: &[u8]) -> Result<NamedTempFile, FetchError> {
        let mut file = self.aside()?;
        file.write_all(bytes).map_err(self.failed())?;
        Ok(file)
    }

    /// A file that is there is replaced only where it is damaged.
    fn name_blob(&self, file: NamedTempFile, digest: &Digest) -> Result<(), FetchError> {
        let path = self.blob(digest);
        self.folder_of(&path)?;
        let error = match file.persist_noclobber(&path) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        if error.error.kind() == io::ErrorKind::AlreadyExists && self.verified(digest).is_some() {
            return Ok(());
        }
        error
            .file
            .persist(path)
            .map_err(|error| self.failed()(error.error))?;
        Ok(())
    }

    fn folder_of(&self, path: &Path) -> Result<(), FetchError> {
        path.parent()
            .map_or(Ok(()), private::create_folder)
            .map_err(self.failed())
    }

    /// A file of mode 0600 beside those that are complete.
    fn aside(&self) -> Result<NamedTempFile, FetchError> {
        let incoming = self.folder.join(INCOMING);
        private::create_folder(&incoming).map_err(self.failed())?;
        self.cleaned.call_once(|| clean(&incoming));
        NamedTempFile::new_in(&incoming).map_err(self.failed())
    }

    pub(crate) fn failed(&self) -> impl Fn(io::Error) -> FetchError {
        |source| FetchError::Cache {
            folder: self.folder.clone(),
            source,
        }
    }
}

/// A content on its way. Dropped, it is gone.
pub(crate) struct Incoming {
    file: NamedTempFile,
    what: String,
    received: u64,
    total: Option<u64>,
    progress: Arc<dyn Progress>,
    budget: Arc<Budget>,
}

impl Incoming {
    /// The digest and size of what is there so far.
    pub(crate) fn digest(&mut self) -> io::Result<(Digest, u64)> {
        self.file.rewind()?;
        Digest::of_reader(&mut self.file)
    }
}

impl Destination for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.budget.take(bytes.len() as u64)?;
        self.file.write_all(bytes)?;
        self.received += bytes.len() as u64;
        self.progress
            .fetching(&self.what, self.received, self.total);
        Ok(())
    }

    fn announced(&mut self, size: u64) {
        self.total = Some(size);
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.rewind()?;
        self.received = 0;
        self.progress.fetching(&self.what, 0, self.total);
        Ok(())
    }
}

/// Removes what processes left that died.
fn clean(incoming: &Path) {
    let Ok(entries) = fs::read_dir(incoming) else {
        return;
    };
    for entry in entries.flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let old = age.is_ok_and(|modified| {
            modified
                .elapsed()
                .is_ok_and(|elapsed| elapsed > LONGEST_LIFE)
        });
        if old {
            // Somebody else may have done it, and if nobody can, the next one tries again.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_that_is_there_stays_unless_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().to_owned());
        let digest = Digest::of(b"content");
        let blob = cache.blob(&digest);
        cache.put(b"content", &digest).unwrap();
        let first = fs::metadata(&blob).unwrap();
        cache.put(b"content", &digest).unwrap();
        let second = fs::metadata(&blob).unwrap();
        #[cfg(unix)]
        assert_eq!(ids(&first), ids(&second));
        assert_eq!(first.modified().unwrap(), second.modified().unwrap());

        fs::write(&blob, "damaged").unwrap();
        cache.put(b"content", &digest).unwrap();
        assert_eq!(fs::read(&blob).unwrap(), b"content");
        let aside = fs::read_dir(folder.path().join(INCOMING)).unwrap();
        assert_eq!(aside.count(), 0);
    }

    #[cfg(unix)]
    fn ids(metadata: &fs::Metadata) -> (u64, i64) {
        use std::os::unix::fs::MetadataExt as _;
        (metadata.ino(), metadata.ctime_nsec())
    }
}
