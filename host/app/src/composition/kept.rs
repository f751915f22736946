//! Where what was composed is kept: among what was fetched, under its digest like everything there, and remembered by
//! what went into it.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::archive::{private_directory, temporary};
use crate::content::Content;
use crate::folder::Folder;
use crate::hash;
use crate::memory::ArchiveMemory;
use crate::ports::Remotes;

pub(super) struct Kept<'a> {
    /// Without it, nothing outlives this run.
    pub(super) memory: Option<&'a dyn ArchiveMemory>,
    pub(super) remotes: &'a dyn Remotes,
    /// For what is not kept.
    pub(super) temporary: Option<&'a Path>,
}

impl Kept<'_> {
    /// What came of the same parts before, verified.
    pub(super) fn recall(&self, key: &str) -> Option<Content> {
        let memory = self.memory?;
        let (digest, size) = memory.recall(key)?;
        let path = hash::blob_path(&digest)?;
        let folder = Arc::new(Folder::open(self.remotes.folder()).ok()?);
        let mut results = hash::files(&folder, &[path], self.remotes.memory());
        match results.pop() {
            Some(Ok(known)) if known.digest == digest && known.stamp.size == size => {
                self.remotes.memory().keep();
                Some(Content::file(folder, known.digest, known.stamp))
            }
            _ => {
                memory.forget(key);
                None
            }
        }
    }

    /// Without a key, or where it cannot be kept, it is for this run only.
    pub(super) fn keep(&self, key: Option<&str>, composed: &[u8]) -> io::Result<Content> {
        let digest = hash::digest_of(composed);
        if let (Some(key), Some(memory)) = (key, self.memory)
            && store(self.remotes.folder(), &digest, composed).is_ok()
        {
            memory.remember(key, &digest, composed.len() as u64);
            if let Some(content) = self.recall(key) {
                return Ok(content);
            }
        }
        let mut file = temporary(self.temporary)?;
        file.write_all(composed)?;
        let size = composed.len() as u64;
        Ok(Content::temporary(digest, Arc::new(file), 0, size))
    }
}

/// Names what goes in, and how it is put together: 64 hexadecimal digits.
pub(super) fn key(component: &str, dependencies: Option<&Map<String, Value>>) -> String {
    let parts = json!([spin_deployer_compose::VERSION, component, dependencies]);
    hash::hexadecimal(&hash::sha256(parts.to_string().as_bytes()))
}

fn store(folder: &Path, digest: &str, bytes: &[u8]) -> io::Result<()> {
    let path = hash::blob_path(digest).filter(|_| !folder.as_os_str().is_empty());
    let path = folder.join(path.ok_or(io::ErrorKind::NotFound)?);
    let directory = path.parent().unwrap_or(folder);
    private_directory(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}
