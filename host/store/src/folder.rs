//! A folder of this user's, and files in it that are replaced whole or not at all.
//!
//! Who changes a file holds the folder's lock meanwhile, writes aside and renames: readers see all of a change or nothing
//! of it, two writers lose nothing, and a process that is killed at any moment leaves the old file or the new one.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use spin_deployer_private as private;
use zeroize::Zeroizing;

/// Who else may do what with the folder and its files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Others {
    /// Not even look.
    Nothing,
    /// Read, and write nothing.
    Read,
}

/// Why a folder or file of ours cannot be used.
#[derive(Debug)]
pub(crate) enum FolderError {
    /// Somebody else could have written it, or can get at it.
    Foreign { path: PathBuf, why: String },
    /// Something else than a file has its name.
    NoFile { path: PathBuf },
    /// It has grown beyond all use.
    TooLarge { path: PathBuf },
    /// Reading or writing failed.
    Io { path: PathBuf, source: io::Error },
}

/// A folder, which need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    others: Others,
}

/// The right to change what is in the folder, until it is dropped. The system lets go of it when a process ends,
/// however that happens.
pub(crate) struct Held {
    folder: Folder,
    _lock: File,
}

impl Folder {
    pub(crate) fn at(path: PathBuf, others: Others) -> Self {
        Self { path, others }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// All of a file of at most `most` bytes. `None`: there is none.
    pub(crate) fn read(
        &self,
        name: &str,
        most: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FolderError> {
        if !self.exists()? {
            return Ok(None);
        }
        let path = self.file(name);
        let file = match private::open_anyones(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(unopened(&path, e)),
        };
        let metadata = file.metadata().map_err(at(&path))?;
        if !metadata.is_file() {
            return Err(FolderError::NoFile { path });
        }
        self.check(&path, &metadata)?;
        // Room for all of it, so that no copy is left behind where it grew.
        let size = usize::try_from(metadata.len().min(most)).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
        let mut bounded = file.take(most.saturating_add(1));
        bounded.read_to_end(&mut bytes).map_err(at(&path))?;
        if bytes.len() as u64 > most {
            return Err(FolderError::TooLarge { path });
        }
        Ok(Some(bytes))
    }

    /// The right to change what is in it. The folder is made where it is missing.
    pub(crate) fn hold(&self) -> Result<Held, FolderError> {
        if !self.exists()? {
            private::create_folder(&self.path).map_err(at(&self.path))?;
            self.exists()?;
        }
        let path = self.file("lock");
        let mut options = OpenOptions::new();
        let lock = private::open_with(options.write(true).create(true), &path)
            .map_err(|e| unopened(&path, e))?;
        lock.lock().map_err(at(&path))?;
        Ok(Held {
            folder: self.clone(),
            _lock: lock,
        })
    }

    /// Whether it is there.
    ///
    /// # Errors
    /// It is, and is not this user's alone.
    pub(crate) fn exists(&self) -> Result<bool, FolderError> {
        let path = &self.path;
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.check(path, &metadata).map(|()| true),
            Ok(_) => Err(FolderError::Foreign {
                path: path.clone(),
                why: "it is no folder".to_owned(),
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(at(path)(e)),
        }
    }

    fn check(&self, path: &Path, metadata: &Metadata) -> Result<(), FolderError> {
        let why = match self.others {
            Others::Nothing => private::exposed(metadata),
            Others::Read => private::foreign(metadata),
        };
        match why {
            None => Ok(()),
            Some(why) => Err(FolderError::Foreign {
                path: path.to_owned(),
                why,
            }),
        }
    }
}

impl Held {
    /// Puts a file in place of the one of that name.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let (path, aside) = (self.folder.file(name), self.aside(name));
        // Of a process that was killed; nobody else is here while the lock is held.
        remove(&aside)?;
        let mut options = OpenOptions::new();
        let mut file =
            private::open_with(options.write(true).create_new(true), &aside).map_err(at(&aside))?;
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&aside, &path));
        written.map_err(|e| {
            // On a full disk what was begun is in the way.
            let _ = fs::remove_file(&aside);
            at(&path)(e)
        })
    }

    /// Removes the file, where there is one, and what a killed process left of it.
    pub(crate) fn remove(&self, name: &str) -> Result<(), FolderError> {
        remove(&self.aside(name))?;
        remove(&self.folder.file(name))
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.folder.file(&format!("{name}.new"))
    }
}

fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(path)(e)),
        _ => Ok(()),
    }
}

fn unopened(path: &Path, error: io::Error) -> FolderError {
    let is_link = fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_symlink());
    if is_link {
        return FolderError::Foreign {
            path: path.to_owned(),
            why: "it is a link".to_owned(),
        };
    }
    at(path)(error)
}

fn at(path: &Path) -> impl Fn(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io {
        path: path.clone(),
        source,
    }
}
