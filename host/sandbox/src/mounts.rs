//! The part of the file system that a plugin sees.
//!
//! A directory is opened once and everything below is resolved against that handle, so neither `..` nor a symlink leads
//! out of it. A file has no such handle of its own in WASI: the plugin gets a directory with a copy and nothing else,
//! private to the user and gone with the call. A link in its place would show whatever the file becomes later, and not
//! work across file systems; and what options of type `file` name (a key, a configuration) is small.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::CallError;
use crate::limits::Bytes;

/// The largest file that can be mounted. In bytes.
const LARGEST: usize = 16 << 20;

/// A file or directory of the user's that the plugin sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where the plugin finds the directory, or the directory with only the file: `/options/<name>`.
    pub guest_path: String,
    /// A directory, or a file of at most 16 MiB. Symlinks in this path itself are followed: the user named it.
    pub host_path: PathBuf,
    /// Whether the plugin may write. A file is never writable.
    pub writable: bool,
}

impl Mount {
    /// What to tell the plugin: the directory, or the path of the file in it.
    pub fn file_path(&self) -> String {
        match self.host_path.file_name() {
            Some(name) if self.host_path.is_file() => {
                format!("{}/{}", self.guest_path, name.to_string_lossy())
            }
            _ => self.guest_path.clone(),
        }
    }
}

/// Opens the mounts. What it returns has to live as long as the call.
pub(crate) fn open(mounts: &[Mount], wasi: &mut WasiCtxBuilder) -> Result<Vec<TempDir>, CallError> {
    let mut copies = Vec::new();
    for mount in mounts {
        let failed = |source| CallError::Mount {
            path: mount.host_path.display().to_string(),
            source,
        };
        let kind = fs::metadata(&mount.host_path).map_err(failed)?;
        let (path, perms) = if kind.is_dir() {
            let perms = if mount.writable {
                FsPerms::ReadWrite
            } else {
                FsPerms::ReadOnly
            };
            (mount.host_path.clone(), perms)
        } else if kind.is_file() {
            let copy = copy(&mount.host_path).map_err(failed)?;
            let path = copy.path().to_owned();
            copies.push(copy);
            (path, FsPerms::ReadOnly)
        } else {
            return Err(failed(io::Error::other("neither a file nor a directory")));
        };
        wasi.preopened_dir(&path, &mount.guest_path, perms)
            .map_err(|e| failed(io::Error::other(e.to_string())))?;
    }
    Ok(copies)
}

fn copy(file: &Path) -> io::Result<TempDir> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let too_large = || io::Error::other(format!("larger than {}", Bytes(LARGEST)));
    let directory = tempfile::Builder::new()
        .prefix("spin-deployer-")
        .tempdir()?;
    let mut content = Vec::new();
    fs::File::open(file)?
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut content)?;
    if content.len() > LARGEST {
        return Err(too_large());
    }
    fs::File::create_new(directory.path().join(name))?.write_all(&content)?;
    Ok(directory)
}
