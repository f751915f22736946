//! Keys in files: read for a plugin, made and shown for the user.

use std::fs::Metadata;
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::key::{Key, KeyError, how_to_make};
use crate::report::{KeyReport, SCHEMA};
use crate::{Code, Environment, Error, bounded};

/// Of a file with a key in it, in bytes. A key has 119.
pub(super) const LARGEST: u64 = 16 << 10;

/// Makes a key in a file that is not there yet, for this user only.
///
/// # Errors
/// The file is there, or it cannot be written.
pub fn create_key(environment: &Environment, file: &Path) -> Result<KeyReport, Error> {
    let file = environment.cwd.join(file);
    let unwritable = |e: io::Error| {
        if e.kind() == io::ErrorKind::AlreadyExists {
            let message = format!(
                "{} is there already, and is not overwritten",
                file.display()
            );
            return Error::new(Code::Usage, message).help(
                "name another file; `spin-deployer key show` shows the public key of one that is there",
            );
        }
        Error::new(Code::Usage, format!("cannot write {}", file.display())).detail(e.to_string())
    };
    let pem = Key::generate().map_err(unwritable)?;
    write_new(&file, pem.as_bytes()).map_err(unwritable)?;
    show_key(environment, &file)
}

/// The public key of the key in this file.
///
/// # Errors
/// The file cannot be read, or what is in it is no key.
pub fn show_key(environment: &Environment, file: &Path) -> Result<KeyReport, Error> {
    let file = environment.cwd.join(file);
    let (key, note) = read(&file).map_err(|e| e.told(&Place::File, &file))?;
    Ok(KeyReport {
        schema: SCHEMA,
        public_key: BASE64_STANDARD.encode(key.public()),
        file,
        note,
    })
}

/// Aside and under its name at once, so that half a key is nowhere, nor one that others could read meanwhile.
fn write_new(file: &Path, pem: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(pem)?;
    aside.as_file().sync_all()?;
    aside.persist_noclobber(file)?;
    Ok(())
}

/// Who named a file.
pub(super) enum Place<'a> {
    /// The user, of a command that is about that file.
    File,
    /// The user, as the value of this option.
    Option(&'a str),
    /// This variable. Its value is not shown.
    Variable(&'a str),
}

/// Why there is no key in a file.
pub(super) enum FileError {
    Unreadable(io::Error),
    Unusable(KeyError),
}

impl FileError {
    /// As the user is told of the file that was named there.
    pub(super) fn told(self, place: &Place<'_>, file: &Path) -> Error {
        let path = file.display();
        let message = match place {
            Place::File => format!("cannot use the key {path}"),
            Place::Option(name) => format!("cannot sign with {path}, the key of --{name}"),
            Place::Variable(name) => {
                format!("cannot sign with the key of the file that the variable {name} names")
            }
        };
        match self {
            Self::Unreadable(error) => {
                let unexpanded = file.components().any(|part| part.as_os_str() == "~");
                let told = Error::new(Code::Usage, message).detail(error.to_string());
                match error.kind() {
                    io::ErrorKind::NotFound if unexpanded => {
                        told.help("`~` is not expanded here: write out the path of the home folder")
                    }
                    io::ErrorKind::NotFound => told.help(how_to_make(&place.as_argument(file))),
                    _ => told,
                }
            }
            Self::Unusable(error) => Error::new(Code::Usage, message)
                .detail(error.to_string())
                .help(error.help()),
        }
    }
}

impl Place<'_> {
    /// The file as a shell takes it; a word in its place where it may not be shown, or would have to be quoted.
    fn as_argument(&self, file: &Path) -> String {
        let path = file.to_str().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
        match self {
            Self::Variable(_) => "FILE",
            _ if path.is_empty() || !path.chars().all(plain) => "FILE",
            _ => path,
        }
        .to_owned()
    }
}

/// The key in a file, and what to say of the file where others can read it too.
pub(super) fn read(file: &Path) -> Result<(Key, Option<String>), FileError> {
    let (text, metadata) = text(file).map_err(FileError::Unreadable)?;
    let text = std::str::from_utf8(&text).unwrap_or_default();
    let key = Key::from_pem(text).map_err(FileError::Unusable)?;
    let note = spin_deployer_private::exposed(&metadata)
        .map(|why| format!("the key {} is not yours alone: {why}", file.display()));
    Ok((key, note))
}

fn text(file: &Path) -> io::Result<(Zeroizing<Vec<u8>>, Metadata)> {
    let opened = bounded::open(file)?;
    // Of its full size at once: what it grew out of would not be cleared.
    let size = usize::try_from(LARGEST + 1).unwrap_or_default();
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    bounded::read_into(&opened, LARGEST, &mut text)?;
    Ok((text, opened.metadata()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::time::Instant;

    use super::super::key::tests::{PEM, PUBLIC};
    use super::*;

    fn environment(folder: &Path) -> Environment {
        let vars = BTreeMap::new();
        Environment {
            directories: spin_deployer_store::Directories::from_vars(&vars),
            vars,
            cwd: folder.to_owned(),
            started: Instant::now(),
        }
    }

    fn refused(file: &Path) -> Error {
        let environment = environment(file.parent().unwrap());
        let error = show_key(&environment, file).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        error
    }

    #[test]
    fn a_key_is_made_where_the_user_is_and_shown_again() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        let made = create_key(&environment, Path::new("key.pem")).unwrap();
        assert_eq!(made.file, folder.path().join("key.pem"));
        assert_eq!(BASE64_STANDARD.decode(&made.public_key).unwrap().len(), 32);
        let shown = show_key(&environment, &made.file).unwrap();
        assert_eq!(shown.public_key, made.public_key);
        // Nothing of what was written aside is left.
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&made.file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_there_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let environment = environment(folder.path());
        let file = folder.path().join("key.pem");
        fs::write(&file, PEM).unwrap();
        let error = create_key(&environment, &file).unwrap_err();
        assert!(error.message.contains("is not overwritten"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), PEM);
        assert_eq!(show_key(&environment, &file).unwrap().public_key, PUBLIC);
        #[cfg(unix)]
        {
            let link = folder.path().join("link.pem");
            std::os::unix::fs::symlink("nowhere", &link).unwrap();
            create_key(&environment, &link).unwrap_err();
            assert!(!folder.path().join("nowhere").exists());
        }
        create_key(&environment, Path::new("no/folder/key.pem")).unwrap_err();
    }

    #[test]
    fn what_is_no_file_with_a_key_is_told_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let absent = refused(&folder.path().join("absent.pem"));
        let create = format!(
            "`spin-deployer key create {}/absent.pem`",
            folder.path().display()
        );
        assert!(absent.help.unwrap().contains(&create));
        let spaced = refused(&folder.path().join("my key.pem"));
        assert!(spaced.help.unwrap().contains("key create FILE"));
        let home = refused(&folder.path().join("~/key.pem"));
        assert!(home.help.unwrap().contains("`~` is not expanded"));
        let file = folder.path().join("large.pem");
        fs::write(&file, PEM.repeat(200)).unwrap();
        assert!(refused(&file).detail.unwrap().contains("16384 bytes"));
        fs::write(&file, [0x30, 0x2e, 0x02, 0xff]).unwrap();
        assert!(refused(&file).detail.unwrap().contains("no PEM"));
        assert!(
            refused(folder.path())
                .detail
                .unwrap()
                .contains("no regular file")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_used_with_a_note() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        fs::write(&file, PEM).unwrap();
        let note = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let Ok((_, note)) = read(&file) else {
                panic!("{mode:o} is not read");
            };
            note
        };
        let shown = || show_key(&environment(folder.path()), &file).unwrap().note;
        assert_eq!(note(0o600), None);
        assert_eq!(shown(), None);
        assert_eq!(note(0o400), None);
        for mode in [0o640, 0o604, 0o660] {
            let said = note(mode).unwrap();
            assert!(said.contains(&format!("its mode is {mode:03o}")), "{said}");
            assert_eq!(shown(), Some(said));
        }
    }
}
