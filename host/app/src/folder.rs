//! The only way to a file of an app: a handle to its folder that nothing inside can lead out of, links included.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

use crate::memory::FileStamp;

/// An open folder. Paths into it are relative and `/`-separated.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    /// A pipe, a socket or a device.
    Other,
}

/// One name in a directory. A name that is not UTF-8 comes with `�` in it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_utf8: bool,
}

/// Why a path cannot be used; reads as the end of a sentence about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("does not exist")]
    Missing,
    #[error("leads out of the application's folder")]
    Outside,
    #[error("is a directory")]
    Directory,
    #[error("is a pipe, a socket or a device, not a file")]
    NotAFile,
    #[error("is a link that leads back to itself")]
    Loop,
    #[error("cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

impl Refusal {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing-file",
            Self::Outside => "outside-app",
            Self::Directory | Self::NotAFile => "not-a-file",
            Self::Loop => "directory-loop",
            Self::Unreadable(_) => "unreadable",
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::Missing => "paths are relative to the folder of spin.toml; was it built?",
            Self::Outside => {
                "copy what it needs into the folder of spin.toml; links must be relative and stay inside"
            }
            Self::NotAFile => "exclude it, or move it elsewhere",
            Self::Loop => "remove the link",
            Self::Directory | Self::Unreadable(_) => "",
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        #[cfg(unix)]
        if error.raw_os_error() == Some(libc::ELOOP) {
            return Self::Loop;
        }
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            // cap-std reports an escape in its own words, the system a missing permission with its number.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Self::Outside,
            _ => Self::Unreadable(error),
        }
    }
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // `Path::parent` of a bare file name is empty and means here.
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        Ok(Self {
            dir: Dir::open_ambient_dir(path, ambient_authority())?,
        })
    }

    /// Follows links, as long as they stay inside.
    pub(crate) fn kind(&self, path: &str) -> Result<Kind, Refusal> {
        let metadata = self.dir.metadata(here(path))?;
        Ok(kind_of(&metadata))
    }

    pub(crate) fn is_link(&self, path: &str) -> bool {
        self.dir
            .symlink_metadata(here(path))
            .is_ok_and(|metadata| metadata.is_symlink())
    }

    /// What a directory really is, to notice when one is inside itself.
    pub(crate) fn identity(&self, path: &str) -> Result<PathBuf, Refusal> {
        Ok(self.dir.canonicalize(here(path))?)
    }

    /// Sorted by name.
    pub(crate) fn list(&self, path: &str) -> Result<Vec<Entry>, Refusal> {
        let mut entries = Vec::new();
        for entry in self.dir.read_dir(here(path))? {
            let name = entry?.file_name();
            let is_utf8 = name.to_str().is_some();
            entries.push(Entry {
                name: name.to_string_lossy().into_owned(),
                is_utf8,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Opens a regular file, with what identifies its present content.
    pub(crate) fn file(&self, path: &str) -> Result<(std::fs::File, FileStamp), Refusal> {
        let mut options = OpenOptions::new();
        options.read(true);
        // A pipe that took the place of a file must not block us for good.
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            options.custom_flags(libc::O_NONBLOCK);
        }
        // A directory cannot be opened for reading everywhere, so ask first.
        match self.kind(path)? {
            Kind::File => {}
            Kind::Directory => return Err(Refusal::Directory),
            Kind::Other => return Err(Refusal::NotAFile),
        }
        let file = self.dir.open_with(path, &options)?.into_std();
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Refusal::NotAFile);
        }
        Ok((file, FileStamp::new(path, &metadata)))
    }
}

fn here(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

fn kind_of(metadata: &Metadata) -> Kind {
    if metadata.is_file() {
        Kind::File
    } else if metadata.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    }
}
