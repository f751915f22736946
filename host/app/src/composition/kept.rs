//! Where what was composed is kept: among what was fetched, under its digest like everything there, and remembered by
//! what went into it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use spin_deployer_private::create_folder;
use tempfile::NamedTempFile;

use crate::archive::temporary;
use crate::content::Content;
use crate::folder::Folder;
use crate::hash;
use crate::memory::{FileStamp, MadeMemory};
use crate::ports::Remotes;

pub(super) struct Kept<'a> {
    /// Without it, nothing outlives this run.
    pub(super) memory: Option<&'a dyn MadeMemory>,
    pub(super) remotes: &'a dyn Remotes,
    /// For what is not kept.
    pub(super) temporary: Option<&'a Path>,
}

impl Kept<'_> {
    /// What came of the same parts before, verified.
    pub(super) fn recall(&self, key: &str) -> Option<Content> {
        let memory = self.memory?;
        let (digest, size) = memory.recall(key)?;
        let found = self.find(&digest, size);
        if found.is_none() {
            memory.forget(key);
        }
        found
    }

    /// Without a key, or where it cannot be kept, it is for this run only.
    pub(super) fn keep(&self, key: Option<&str>, composed: &[u8]) -> io::Result<Content> {
        let digest = hash::digest_of(composed);
        let size = composed.len() as u64;
        if let (Some(key), Some(memory)) = (key, self.memory) {
            // Another process may be reading the one that is there.
            let kept = self.find(&digest, size);
            let kept = kept.or_else(|| self.store(&digest, composed).ok());
            if let Some(content) = kept {
                memory.remember(key, &digest, size);
                return Ok(content);
            }
        }
        let mut file = temporary(self.temporary)?;
        file.write_all(composed)?;
        Ok(Content::temporary(digest, Arc::new(file), 0, size))
    }

    fn find(&self, digest: &str, size: u64) -> Option<Content> {
        let path = hash::blob_path(digest)?;
        let folder = Folder::open(self.folder()?).ok()?;
        let mut results = hash::files(&folder, &[path], self.remotes.memory());
        let known = results.pop()?.ok()?;
        if known.digest != digest || known.stamp.size != size {
            return None;
        }
        self.remotes.memory().keep();
        Some(Content::file(Arc::new(folder), known.digest, known.stamp))
    }

    /// The stamp is that of the file which was written, so that nothing has to be hashed again to know what is in it.
    fn store(&self, digest: &str, bytes: &[u8]) -> io::Result<Content> {
        let folder = self.folder().ok_or(io::ErrorKind::NotFound)?;
        let path = hash::blob_path(digest).ok_or(io::ErrorKind::InvalidInput)?;
        let place = folder.join(&path);
        let directory = place.parent().unwrap_or(folder);
        create_folder(directory)?;
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(bytes)?;
        let file = match file.persist_noclobber(&place) {
            Ok(file) => file,
            // Damaged, or another process was here in the meantime.
            Err(error) => match self.find(digest, bytes.len() as u64) {
                Some(content) => return Ok(content),
                None => error.file.persist(&place).map_err(|error| error.error)?,
            },
        };
        let stamp = FileStamp::new(&path, &file.metadata()?);
        let folder = Folder::open(folder)?;
        Ok(Content::file(Arc::new(folder), digest.to_owned(), stamp))
    }

    /// `None` where nothing can be fetched.
    fn folder(&self) -> Option<&Path> {
        Some(self.remotes.folder()).filter(|folder| !folder.as_os_str().is_empty())
    }
}

/// Names what goes in, and how it is put together: 64 hexadecimal digits.
pub(super) fn key(component: &str, dependencies: Option<&Map<String, Value>>) -> String {
    let parts = json!([spin_deployer_compose::VERSION, component, dependencies]);
    hash::hexadecimal(&hash::sha256(parts.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::sync::Mutex;

    use super::*;
    use crate::memory::{DigestMemory, FileMemory};
    use crate::ports::{Remote, RemoteError};

    /// Counts the files that are looked at to be hashed.
    struct Shelf(tempfile::TempDir, Mutex<usize>);

    impl DigestMemory for Shelf {
        fn recall(&self, _: &FileStamp) -> Option<String> {
            *self.1.lock().unwrap() += 1;
            None
        }

        fn remember(&self, _: &FileStamp, _: &str) {}
    }

    impl Remotes for Shelf {
        fn folder(&self) -> &Path {
            self.0.path()
        }

        fn memory(&self) -> &dyn DigestMemory {
            self
        }

        fn fetch(&self, _: &[Remote]) -> Vec<Result<String, RemoteError>> {
            unreachable!()
        }

        fn image(&self, _: &spin_deployer_manifest::Reference) -> Result<String, RemoteError> {
            unreachable!()
        }
    }

    #[test]
    fn what_is_kept_is_hashed_once_a_run_and_forgotten_when_it_is_damaged() {
        let remotes = Shelf(tempfile::tempdir().unwrap(), Mutex::default());
        let cache = tempfile::tempdir().unwrap();
        let memory = FileMemory::at(cache.path(), remotes.folder()).made();
        let kept = Kept {
            memory: memory.as_deref(),
            remotes: &remotes,
            temporary: None,
        };
        let looked_at = || std::mem::take(&mut *remotes.1.lock().unwrap());
        let read = |content: Content| {
            let mut bytes = Vec::new();
            let read = content.open(0).unwrap().read_to_end(&mut bytes);
            read.map(|_| bytes)
        };
        let content = kept.keep(Some("key"), b"composed").unwrap();
        let blob = remotes
            .folder()
            .join(hash::blob_path(content.digest()).unwrap());
        assert_eq!(read(content).unwrap(), b"composed");
        assert_eq!(looked_at(), 0);
        assert_eq!(read(kept.recall("key").unwrap()).unwrap(), b"composed");
        assert_eq!(looked_at(), 1);

        // Who found it is not disturbed by who keeps the same.
        let open = kept.recall("key").unwrap();
        kept.keep(Some("other"), b"composed").unwrap();
        assert_eq!(read(open).unwrap(), b"composed");
        // Not even by who did not find it yet.
        let open = kept.recall("key").unwrap();
        kept.store(open.digest(), b"composed").unwrap();
        assert_eq!(read(open).unwrap(), b"composed");

        fs::write(&blob, "damaged!").unwrap();
        assert!(kept.recall("key").is_none());
        let again = kept.keep(Some("key"), b"composed").unwrap();
        assert_eq!(read(again).unwrap(), b"composed");
        assert_eq!(fs::read(blob).unwrap(), b"composed");
    }
}
