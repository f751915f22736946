//! `deployer.lock` on disk: beside `deployer.toml` and `spin.toml`, committed with them.
//!
//! It is read strictly, and changed whole or not at all: written aside and renamed, by one process at a time, each of which
//! reads it again first. So two deploys at once lose nothing of each other's, and one that is killed leaves the old file
//! or the new one. What is in it says [`spin_deployer_grants::Lock`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use spin_deployer_app::Source;
use spin_deployer_grants::{Lock, LockError};

use crate::{Code, Environment, Error, bounded, target};

/// The file's name.
pub const FILE: &str = "deployer.lock";
/// What is written until it is renamed.
const ASIDE: &str = ".deployer.lock.new";
/// In bytes.
const LARGEST: u64 = 1 << 20;

/// The lock of an app, as it was when it was read.
#[derive(Clone, Debug)]
pub struct LockFile {
    path: PathBuf,
    lock: Option<Lock>,
    /// Whether it is made where there is none: an app that is an image has no folder of its own.
    makes: bool,
}

impl LockFile {
    /// The lock beside the app that `from` names. There need not be one.
    ///
    /// # Errors
    /// One that cannot be read, or is wrong.
    pub fn beside(environment: &Environment, from: Option<&str>) -> Result<Self, Error> {
        let source = Source::parse(from, &environment.cwd);
        let folder = target::folder(environment, from);
        Self::within(&folder, matches!(source, Ok(Source::Manifest(_))))
    }

    fn within(folder: &Path, makes: bool) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let lock = read(&path)?;
        Ok(Self { path, lock, makes })
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is one.
    pub fn exists(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether there is one, or one may be made.
    pub fn is_kept(&self) -> bool {
        self.makes || self.exists()
    }

    /// What is in it. Where there is none, nothing.
    pub fn lock(&self) -> &Lock {
        static NONE: Lock = Lock {
            plugins: std::collections::BTreeMap::new(),
        };
        self.lock.as_ref().unwrap_or(&NONE)
    }

    /// Changes what is in it now, which may be more than when it was read. Says whether that made a difference.
    ///
    /// # Errors
    /// It cannot be read any more, or not be written. Then nothing changed.
    pub fn update(&mut self, change: impl FnOnce(&mut Lock)) -> Result<bool, Error> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let _held = hold(folder);
        let before = read(&self.path)?;
        let mut lock = before.clone().unwrap_or_default();
        change(&mut lock);
        let differs = before.as_ref() != Some(&lock);
        if differs {
            replace(folder, &self.path, lock.to_string().as_bytes()).map_err(|e| {
                Error::new(
                    Code::Failed,
                    format!("{} cannot be written", self.path.display()),
                )
                .detail(e.to_string())
                .help("it is as it was; is the folder yours, and is there room on its disk?")
            })?;
        }
        self.lock = Some(lock);
        Ok(differs)
    }
}

fn read(path: &Path) -> Result<Option<Lock>, Error> {
    let shown = path.display();
    let bytes = match bounded::read(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            let error = Error::new(Code::Usage, format!("cannot read {shown}"));
            return Err(error.detail(e.to_string()));
        }
    };
    let wrong = |place: String, problem: String| {
        Error::new(Code::Usage, format!("{shown} is not valid"))
            .detail(format!("{shown}{place}\n{problem}"))
    };
    let text = String::from_utf8(bytes).map_err(|e| wrong(String::new(), e.to_string()))?;
    let lock: Result<Lock, LockError> = text.parse();
    lock.map(Some).map_err(|e| {
        let error = wrong(format!(":{}:{}", e.line, e.column), e.problem.to_string());
        match text.lines().any(|line| line.starts_with("<<<<<<<")) {
            true => error.help("a merge left both sides in it: each plugin has one table, keep that of one side"),
            false => error.help("take the one that was committed, or remove the tables that are wrong: a deploy writes them again"),
        }
    })
}

/// One process at a time, until it is dropped. Where the system cannot do that, a change is still whole.
#[cfg(unix)]
fn hold(folder: &Path) -> Option<File> {
    // The folder itself: a file of its own would be left in the app.
    let folder = File::open(folder).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

#[cfg(not(unix))]
fn hold(folder: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    let path = folder.join(".deployer.lock.held");
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .ok()?;
    file.lock().ok()?;
    Some(file)
}

fn replace(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let aside = folder.join(ASIDE);
    // Of a process that was killed; or a link, which would lead elsewhere.
    match fs::remove_file(&aside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&aside)?;
    let written = file
        .write_all(text)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use spin_deployer_grants::LockedPlugin;
    use spin_deployer_manifest::Ask;

    use super::*;

    fn locked(n: u32) -> LockedPlugin {
        LockedPlugin {
            source: format!("./{n}.wasm").try_into().unwrap(),
            version: "0.1.0".parse().unwrap(),
            digest: format!("sha256:{n:064x}").parse().unwrap(),
            signer: None,
            overrides: false,
            asks: Ask::default(),
        }
    }

    fn insert(n: u32) -> impl FnOnce(&mut Lock) {
        move |lock| {
            lock.plugins
                .insert(format!("p{n}").parse().unwrap(), locked(n));
        }
    }

    #[test]
    fn what_was_recorded_is_read_back_and_nothing_is_written_twice() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = LockFile::within(folder.path(), true).unwrap();
        assert!(!file.exists() && file.lock().plugins.is_empty());
        assert!(file.update(insert(1)).unwrap());
        assert!(file.exists());
        let written = fs::metadata(file.path()).unwrap().modified().unwrap();
        assert!(!file.update(insert(1)).unwrap());
        assert_eq!(
            fs::metadata(file.path()).unwrap().modified().unwrap(),
            written
        );
        let again = LockFile::within(folder.path(), true).unwrap();
        assert_eq!(again.lock(), file.lock());
        let names = fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE]);
    }

    #[test]
    fn two_at_once_lose_nothing_of_each_others() {
        let folder = tempfile::tempdir().unwrap();
        let empty = LockFile::within(folder.path(), true).unwrap();
        std::thread::scope(|scope| {
            for n in 0..16 {
                let mut file = empty.clone();
                scope.spawn(move || file.update(insert(n)).unwrap());
            }
        });
        let file = LockFile::within(folder.path(), true).unwrap();
        assert_eq!(file.lock().plugins.len(), 16);
    }

    #[test]
    fn a_mistake_is_told_with_file_and_line_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let mut file = LockFile::within(folder.path(), true).unwrap();
        for (text, place, help) in [
            ("schema = 1\nplugin = 1\n", "deployer.lock:2:1", "committed"),
            ("schema = 1\n<<<<<<< ours\n", "deployer.lock:2:", "a merge"),
        ] {
            fs::write(&path, text).unwrap();
            for error in [
                LockFile::within(folder.path(), true).unwrap_err(),
                file.update(insert(1)).unwrap_err(),
            ] {
                assert_eq!(error.code, Code::Usage);
                assert!(error.detail.unwrap().contains(place));
                assert!(error.help.unwrap().contains(help));
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way_and_a_link_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, folder.path().join(ASIDE)).unwrap();
        let mut file = LockFile::within(folder.path(), true).unwrap();
        file.update(insert(1)).unwrap();
        assert!(!elsewhere.exists());
        fs::write(folder.path().join(ASIDE), "half").unwrap();
        file.update(insert(2)).unwrap();
        let again = LockFile::within(folder.path(), true).unwrap();
        assert_eq!(again.lock().plugins.len(), 2);
    }
}
