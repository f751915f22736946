//! All files of one component as a tar+gzip, the same bytes for the same files on every machine at every time.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use spin_deployer_private::create_folder;
use tar::{Builder, EntryType, Header};

use crate::app;
use crate::content::{Content, ContentError};
use crate::hash::{BUFFER, hexadecimal, sha256};
use crate::memory::MadeMemory;

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The app has no such component.
    #[error("the app has no component `{0}`")]
    NoComponent(String),
    /// A file of the component cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Packed again it is not what it was; the next run knows the new one.
    #[error("the archive of `{component}` is not the one that was remembered, run again")]
    Different {
        /// The component's id.
        component: String,
    },
    /// The temporary file cannot be written; the disk may be full.
    #[error("the archive of `{component}` cannot be written to the temporary folder: {source}")]
    Write {
        /// The component's id.
        component: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// What decides about the bytes of an archive besides its files. The version stands for that of the libraries.
const FORMAT: &str = concat!("tar+gzip 1 ", env!("CARGO_PKG_VERSION"));

/// Under what an archive of these files, in this order, is remembered: 64 hexadecimal digits.
fn key(files: &[app::File]) -> String {
    let described = serde_json::json!([FORMAT, files]).to_string();
    hexadecimal(&sha256(described.as_bytes()))
}

/// The archive of `files`: as it is remembered, to be packed when it is first opened, or packed now and remembered.
pub(crate) fn archive(
    component: &app::Component,
    contents: &HashMap<String, Arc<Content>>,
    directory: Option<&Path>,
    memory: Option<Arc<dyn MadeMemory>>,
) -> Result<Content, ArchiveError> {
    let files = component.files.iter().filter_map(|file| {
        let content = contents.get(&file.digest)?;
        Some((file.path.clone(), Arc::clone(content)))
    });
    let recipe = Recipe {
        component: component.id.clone(),
        files: files.collect(),
        directory: directory.map(Path::to_owned),
        key: key(&component.files),
        memory,
    };
    let remembered = recipe.memory.as_ref().and_then(|m| m.recall(&recipe.key));
    if let Some((digest, size)) = remembered {
        return Ok(Content::archive(
            digest.clone(),
            size,
            Deferred {
                recipe,
                digest,
                packed: Mutex::default(),
            },
        ));
    }
    let (file, digest, size) = recipe.pack_and_remember()?;
    Ok(Content::temporary(digest, Arc::new(file), 0, size))
}

/// An archive whose digest is known from the last time.
#[derive(Debug)]
pub(crate) struct Deferred {
    recipe: Recipe,
    digest: String,
    packed: Mutex<Option<Arc<File>>>,
}

impl Deferred {
    /// Packs it, the first time.
    pub(crate) fn file(&self) -> Result<Arc<File>, ArchiveError> {
        let mut packed = self
            .packed
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(file) = &*packed {
            return Ok(Arc::clone(file));
        }
        let (file, digest, _) = self.recipe.pack()?;
        if digest != self.digest {
            if let Some(memory) = &self.recipe.memory {
                memory.forget(&self.recipe.key);
            }
            return Err(ArchiveError::Different {
                component: self.recipe.component.clone(),
            });
        }
        Ok(Arc::clone(packed.insert(Arc::new(file))))
    }
}

#[derive(Debug)]
struct Recipe {
    component: String,
    /// Each with its path.
    files: Vec<(String, Arc<Content>)>,
    directory: Option<PathBuf>,
    key: String,
    memory: Option<Arc<dyn MadeMemory>>,
}

impl Recipe {
    fn pack_and_remember(&self) -> Result<(File, String, u64), ArchiveError> {
        let packed = self.pack()?;
        if let Some(memory) = &self.memory {
            memory.remember(&self.key, &packed.1, packed.2);
        }
        Ok(packed)
    }

    fn pack(&self) -> Result<(File, String, u64), ArchiveError> {
        let files = self
            .files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_ref()));
        pack(&self.component, files, self.directory.as_deref())
    }
}

/// Packs `files`, each with its path, in their order, into a file without a name in `directory`; with its digest
/// and its size.
fn pack<'a>(
    component: &str,
    files: impl Iterator<Item = (&'a str, &'a Content)>,
    directory: Option<&Path>,
) -> Result<(File, String, u64), ArchiveError> {
    let failed = |source| ArchiveError::Write {
        component: component.to_owned(),
        source,
    };
    let file = temporary(directory).map_err(failed)?;
    let hashing = Hashing {
        file,
        hasher: Sha256::new(),
        size: 0,
    };
    // No name, no time, and an operating system of "unknown" (RFC 1952): nothing of this machine in the header.
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(hashing, Compression::fast());
    let mut builder = Builder::new(gzip);
    for (path, content) in files {
        let reader = content.open(0)?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.size());
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        builder
            .append_data(&mut header, path, BufReader::with_capacity(BUFFER, reader))
            .map_err(|error| match error.downcast::<ContentError>() {
                Ok(changed) => changed.into(),
                Err(error) => failed(error),
            })?;
    }
    let Hashing { file, hasher, size } = builder
        .into_inner()
        .and_then(|gzip| gzip.finish())
        .and_then(flushed)
        .map_err(failed)?;
    let digest = format!("sha256:{}", hexadecimal(&hasher.finalize()));
    Ok((file, digest, size))
}

/// A file that is gone when nobody has it open any more, whatever ends the process. In `directory`, which is made
/// when it is not there; where that cannot be, in the system's folder.
pub(crate) fn temporary(directory: Option<&Path>) -> io::Result<File> {
    let wanted = directory.map(|directory| {
        create_folder(directory)?;
        tempfile::tempfile_in(directory)
    });
    match wanted {
        Some(Ok(file)) => Ok(file),
        _ => tempfile::tempfile().map_err(without_path),
    }
}

/// What the system said, without the path of this machine that tempfile adds.
fn without_path(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|inner| inner.source());
    match cause.and_then(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error()) {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error,
    }
}

fn flushed(mut hashing: Hashing) -> io::Result<Hashing> {
    hashing.flush()?;
    Ok(hashing)
}

struct Hashing {
    file: File,
    hasher: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Fails the read that goes past `left` bytes: what comes out of a compressed file has no size of its own.
pub(crate) struct Bounded<R> {
    pub(crate) inner: R,
    /// In bytes.
    pub(crate) left: u64,
}

/// More came out than may.
#[derive(Debug, thiserror::Error)]
#[error("too much data")]
pub(crate) struct TooLarge;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other(TooLarge))?;
        Ok(read)
    }
}
