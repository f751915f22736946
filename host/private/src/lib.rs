//! Files and folders that only this user can have written, or read.
//!
//! What one run leaves for the next is believed there: code that is run, digests of files that are not read again, what a
//! name led to. So a file is taken only where it belongs to this user and nobody else may write to it, and is no link: a
//! link could lead to a file of this user's that somebody else filled. Windows keeps other users out of a profile by itself;
//! nothing is asked there.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Makes a folder, and those above it that are missing, for this user only. One that is there stays as it is.
///
/// # Errors
/// What the system says.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// All of a file that only this user can have written.
///
/// # Errors
/// As for [`open`], or where it is longer than `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut start = open(path)?.take(limit.saturating_add(1));
    start.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// Opens a file that only this user can have written.
///
/// # Errors
/// There is none, it cannot be read, or it is a link, a pipe or something else that is no file; of the kind
/// [`io::ErrorKind::PermissionDenied`] where others could have written it.
pub fn open(path: &Path) -> io::Result<File> {
    let file = open_anyones(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    match foreign(&metadata) {
        None => Ok(file),
        Some(why) => Err(io::Error::new(io::ErrorKind::PermissionDenied, why)),
    }
}

/// Opens what is no link, whoever wrote it, without waiting for the other end of a pipe.
///
/// # Errors
/// There is none, it cannot be read, or it is a link.
pub fn open_anyones(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The same with these options. What is created is for this user only.
///
/// # Errors
/// What the system says, or it is a link.
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
        options.mode(0o600);
    }
    options.open(path)
}

/// Why somebody else could have written this file, or into this folder, and what to do; `None` where nobody could.
#[cfg(unix)]
pub fn foreign(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    somebody_elses(metadata).or_else(|| {
        let mode = metadata.mode() & 0o777;
        let open = mode & 0o022 != 0;
        open.then(|| {
            format!("its mode is {mode:03o}, so others may write to it: run `chmod go-w` on it")
        })
    })
}

/// Why somebody else could get at what is in this file or folder at all; `None` where nobody can.
#[cfg(unix)]
pub fn exposed(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    somebody_elses(metadata).or_else(|| {
        let mode = metadata.mode() & 0o777;
        let open = mode & 0o077 != 0;
        open.then(|| format!("its mode is {mode:03o}, so others may get at it"))
    })
}

#[cfg(unix)]
fn somebody_elses(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let user = rustix::process::geteuid().as_raw();
    let owner = metadata.uid();
    (owner != user).then(|| format!("it belongs to user {owner}, and you are {user}"))
}

/// Nobody else can have.
#[cfg(not(unix))]
pub fn foreign(_: &Metadata) -> Option<String> {
    None
}

/// Nobody else can.
#[cfg(not(unix))]
pub fn exposed(_: &Metadata) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::path::PathBuf;

    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet");
        create_folder(path.parent().unwrap()).unwrap();
        fs::write(&path, "content").unwrap();
        #[cfg(unix)]
        on_unix::chmod(&path, 0o600);
        (folder, path)
    }

    #[test]
    fn an_own_file_is_read_up_to_the_limit() {
        let (_folder, path) = file();
        assert_eq!(read(&path, 7).unwrap(), b"content");
        assert_eq!(read(&path, 6).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let other = path.with_file_name("other");
        assert_eq!(read(&other, 7).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[cfg(unix)]
    mod on_unix {
        use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
        use std::process::Command;

        use rstest::rstest;

        use super::*;

        pub(super) fn chmod(path: &Path, mode: u32) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        #[test]
        fn a_folder_is_made_for_the_user_only_and_one_that_is_there_stays() {
            let (_folder, path) = file();
            let parent = path.parent().unwrap();
            let mode = || fs::metadata(parent).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(), 0o700);
            chmod(parent, 0o755);
            create_folder(parent).unwrap();
            assert_eq!(mode(), 0o755);
        }

        #[rstest]
        #[case(0o620)]
        #[case(0o602)]
        fn a_file_that_others_may_write_to_is_refused(#[case] mode: u32) {
            let (_folder, path) = file();
            chmod(&path, mode);
            let error = open(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.to_string().contains("chmod"), "{error}");
        }

        #[test]
        fn a_file_of_somebody_else_is_refused() {
            let (_folder, path) = file();
            // Only root can give files away.
            if chown(&path, Some(12_345), None).is_ok() {
                let error = open(&path).unwrap_err();
                assert!(error.to_string().contains("12345"), "{error}");
            }
        }

        #[test]
        fn what_is_no_file_is_refused_at_once() {
            let (_folder, path) = file();
            let link = path.with_file_name("link");
            symlink(&path, &link).unwrap();
            let pipe = path.with_file_name("pipe");
            let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
            assert!(made.success());
            let folder = path.parent().unwrap();
            for path in [&link, &pipe, folder, Path::new("/dev/zero")] {
                open(path).unwrap_err();
            }
        }
    }
}
