//! Bytes of an app that never change: opened by digest, read from any offset, never wholly in memory.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use spin_deployer_manifest::counted;

use crate::archive::{ArchiveError, Deferred};
use crate::folder::{Folder, Refusal};
use crate::memory::FileStamp;

/// A component's Wasm, an asset, or an archive of assets.
#[derive(Debug)]
pub struct Content {
    digest: String,
    size: u64,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// A file of the app, or a blob of a layout.
    File {
        folder: Arc<Folder>,
        stamp: FileStamp,
    },
    /// Small, and made by us.
    Bytes(Arc<[u8]>),
    /// A piece of a temporary file without a name.
    Temporary { file: Arc<File>, start: u64 },
    /// Packed when it is first opened.
    Archive(Box<Deferred>),
}

/// Why content cannot be read. Inside a [`Reader`] it is the source of the [`io::Error`].
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The file is not any more what was hashed.
    #[error("{path} changed after it was read, run again")]
    Changed {
        /// Relative to the folder of the app.
        path: String,
    },
    /// The file cannot be opened any more.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Relative to the folder of the app.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An archive cannot be packed.
    #[error(transparent)]
    Archive(Box<ArchiveError>),
    /// An offset past the end.
    #[error("byte {offset} was asked for in a content of {}", counted(*size, "byte"))]
    PastEnd {
        /// What was asked for, in bytes.
        offset: u64,
        /// What there is, in bytes.
        size: u64,
    },
}

impl Content {
    pub(crate) fn file(folder: Arc<Folder>, digest: String, stamp: FileStamp) -> Self {
        Self {
            digest,
            size: stamp.size,
            origin: Origin::File { folder, stamp },
        }
    }

    pub(crate) fn bytes(digest: String, bytes: Vec<u8>) -> Self {
        Self {
            digest,
            size: bytes.len() as u64,
            origin: Origin::Bytes(bytes.into()),
        }
    }

    pub(crate) fn temporary(digest: String, file: Arc<File>, start: u64, size: u64) -> Self {
        Self {
            digest,
            size,
            origin: Origin::Temporary { file, start },
        }
    }

    pub(crate) fn archive(digest: String, size: u64, deferred: Deferred) -> Self {
        Self {
            digest,
            size,
            origin: Origin::Archive(Box::new(deferred)),
        }
    }

    /// `sha256:` and 64 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// In bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Everything from `offset` on. An archive may be packed first: not for the thread of an executor.
    ///
    /// # Errors
    /// When the offset is past the end, the file is not what was hashed, or the archive cannot be packed.
    pub fn open(&self, offset: u64) -> Result<Reader, ContentError> {
        if offset > self.size {
            return Err(ContentError::PastEnd {
                offset,
                size: self.size,
            });
        }
        let remaining = self.size - offset;
        let from = match &self.origin {
            Origin::Bytes(bytes) => From::Bytes {
                bytes: Arc::clone(bytes),
                at: offset as usize,
            },
            Origin::Temporary { file, start } => From::Temporary {
                file: Arc::clone(file),
                at: start + offset,
            },
            Origin::Archive(deferred) => From::Temporary {
                file: deferred.file().map_err(|error| match error {
                    ArchiveError::Content(error) => error,
                    error => ContentError::Archive(Box::new(error)),
                })?,
                at: offset,
            },
            Origin::File { folder, stamp } => {
                let path = stamp.path.clone();
                let unreadable = |source| ContentError::Unreadable {
                    path: path.clone(),
                    source,
                };
                let (mut file, now) =
                    folder.file(&stamp.path).map_err(|refusal| match refusal {
                        Refusal::Unreadable(source) => unreadable(source),
                        _ => ContentError::Changed { path: path.clone() },
                    })?;
                if now != *stamp {
                    return Err(ContentError::Changed { path });
                }
                file.seek(SeekFrom::Start(offset)).map_err(unreadable)?;
                From::File {
                    file,
                    stamp: stamp.clone(),
                }
            }
        };
        Ok(Reader { from, remaining })
    }
}

/// Reads a content to its end. The read that would return the last bytes fails instead when the file behind it
/// changed, so nobody who counts bytes can take a mixture for the content.
#[derive(Debug)]
pub struct Reader {
    from: From,
    /// In bytes.
    remaining: u64,
}

#[derive(Debug)]
enum From {
    File { file: File, stamp: FileStamp },
    Bytes { bytes: Arc<[u8]>, at: usize },
    Temporary { file: Arc<File>, at: u64 },
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer
            .len()
            .min(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let read = match &mut self.from {
            From::Bytes { bytes, at } => {
                let read = (&bytes[*at..]).read(buffer)?;
                *at += read;
                read
            }
            From::Temporary { file, at } => {
                let read = read_at(file, buffer, *at)?;
                *at += read as u64;
                read
            }
            From::File { file, stamp } => file
                .read(buffer)
                .map_err(|error| unreadable(stamp, error))?,
        };
        self.remaining -= read as u64;
        if read == 0 {
            return Err(match &self.from {
                From::File { stamp, .. } => changed(stamp),
                _ => io::ErrorKind::UnexpectedEof.into(),
            });
        }
        if let From::File { file, stamp } = &self.from
            && self.remaining == 0
            && FileStamp::new(
                &stamp.path,
                &file.metadata().map_err(|error| unreadable(stamp, error))?,
            ) != *stamp
        {
            return Err(changed(stamp));
        }
        Ok(read)
    }
}

fn changed(stamp: &FileStamp) -> io::Error {
    io::Error::other(ContentError::Changed {
        path: stamp.path.clone(),
    })
}

fn unreadable(stamp: &FileStamp, source: io::Error) -> io::Error {
    // Whoever reads tries again, as long as it sees why.
    if source.kind() == io::ErrorKind::Interrupted {
        return source;
    }
    io::Error::other(ContentError::Unreadable {
        path: stamp.path.clone(),
        source,
    })
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
