//! Files that somebody else may have put there, and files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

use spin_deployer_deploy::{Code, Error};
use tempfile::NamedTempFile;

/// All of a regular file of at most `most` bytes. A device or a pipe, which may never end, is refused.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |why: String| {
        Error::new(Code::Usage, format!("cannot read {}", path.display())).detail(why)
    };
    // Before it is opened: who opens a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(|e| unreadable(e.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("it is no regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|e| unreadable(e.to_string()))?;
    match bytes.len() as u64 > most {
        true => Err(unreadable(format!("it has more than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// The same of text; `None` where there is no such file.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<Option<String>, Error> {
    if fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    String::from_utf8(read(path, most)?).map(Some).map_err(|e| {
        Error::new(Code::Usage, format!("cannot read {}", path.display())).detail(e.to_string())
    })
}

/// Puts a file in place of what has that name, all of it or nothing, with the permissions that new files have.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_aside(path, bytes, aside)
}

/// The same for this user alone.
pub(crate) fn write_own(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_aside(path, bytes, |folder| NamedTempFile::new_in(folder))
}

fn write_aside(
    path: &Path,
    bytes: &[u8],
    aside: impl FnOnce(&Path) -> std::io::Result<NamedTempFile>,
) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        let mut file = aside(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|e| {
        Error::new(Code::Failed, format!("cannot write {}", path.display())).detail(e.to_string())
    })
}

/// For whoever the user's mask lets read: this file is to be handed on.
fn aside(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert!(read(&path, 2).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("no/x"), b"").is_err());
    }

    #[test]
    fn what_never_ends_is_refused() {
        assert!(read(Path::new("/dev/zero"), 5).is_err());
    }
}
