//! All files of one component as a tar+gzip, the same bytes for the same files on every machine at every time.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::content::{Content, ContentError};
use crate::hash::{BUFFER, hexadecimal};

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The app has no such component.
    #[error("the app has no component `{0}`")]
    NoComponent(String),
    /// A file of the component cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The temporary file cannot be written; the disk may be full.
    #[error("the archive of `{component}` cannot be written to the temporary folder")]
    Write {
        /// The component's id.
        component: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Packs `files`, each with its path, in their order, into a file without a name in `directory`.
pub(crate) fn pack<'a>(
    component: &str,
    files: impl Iterator<Item = (&'a str, &'a Content)>,
    directory: Option<&Path>,
) -> Result<Content, ArchiveError> {
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
        .write(hashing, Compression::default());
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
    Ok(Content::temporary(digest, Arc::new(file), 0, size))
}

/// A file that is gone when nobody has it open any more, whatever ends the process.
pub(crate) fn temporary(directory: Option<&Path>) -> io::Result<File> {
    match directory {
        Some(directory) => tempfile::tempfile_in(directory),
        None => tempfile::tempfile(),
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
