//! Digests that are remembered from one run to the next, so that a second plan reads almost nothing.
//!
//! A digest is remembered under everything that the system says about a file without reading it ([`FileStamp`]).
//! A file that changed in the last two seconds before it was hashed is not remembered: it could change again
//! within the resolution of the clock of its file system, unseen (git calls such an entry racy).

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use spin_deployer_private as private;

use crate::hash;

/// What identifies one content of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamp {
    /// Relative to the app's folder, `/`-separated.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// Last change of the content, in nanoseconds since 1970.
    pub modified: i128,
    /// Last change of the content or of its inode, in nanoseconds since 1970; creation time on Windows.
    pub changed: i128,
    /// 0 on Windows.
    pub inode: u64,
    /// 0 on Windows.
    pub device: u64,
}

impl FileStamp {
    #[cfg(unix)]
    pub(crate) fn new(path: &str, metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            path: path.to_owned(),
            size: metadata.len(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    #[cfg(not(unix))]
    pub(crate) fn new(path: &str, metadata: &Metadata) -> Self {
        let nanoseconds = |time: io::Result<SystemTime>| {
            let since = time
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            since.map_or(0, |since| since.as_nanos() as i128)
        };
        Self {
            path: path.to_owned(),
            size: metadata.len(),
            modified: nanoseconds(metadata.modified()),
            changed: nanoseconds(metadata.created()),
            inode: 0,
            device: 0,
        }
    }

    /// Whether the file had not changed for two seconds at `time`.
    pub(crate) fn settled_at(&self, time: SystemTime) -> bool {
        let limit = time
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_sub(Duration::from_secs(2));
        let limit = limit.as_nanos() as i128;
        self.modified < limit && self.changed < limit
    }
}

/// Where digests of files are kept between runs. [`NoMemory`] forgets, [`FileMemory`] is the real one.
pub trait DigestMemory: Sync {
    /// The digest, `sha256:…`, of the file that has exactly this stamp.
    fn recall(&self, stamp: &FileStamp) -> Option<String>;
    /// Only called with stamps that are old enough to be trusted.
    fn remember(&self, stamp: &FileStamp, digest: &str);
    /// Where the digests of what is made are kept: archives are packed long after the load.
    fn made(&self) -> Option<Arc<dyn MadeMemory>> {
        None
    }
    /// Called once, after a load. Failing to write is no failure of the load.
    fn keep(&self) {}
}

/// Where digests of what is made of an app's contents are kept between runs: archives of files, and composed components.
/// Each goes by a key that says what went into it and how it was made. Failing to write is no failure.
pub trait MadeMemory: std::fmt::Debug + Send + Sync {
    /// Digest, `sha256:…`, and size in bytes.
    fn recall(&self, key: &str) -> Option<(String, u64)>;
    /// Keeps it at once. `key` has 64 hexadecimal digits.
    fn remember(&self, key: &str, digest: &str, size: u64);
    /// What was remembered turned out to be wrong.
    fn forget(&self, key: &str);
}

/// Every file is read every time.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMemory;

impl DigestMemory for NoMemory {
    fn recall(&self, _: &FileStamp) -> Option<String> {
        None
    }

    fn remember(&self, _: &FileStamp, _: &str) {}
}

/// One compact file for each app folder, in a directory of the user's cache.
#[derive(Debug)]
pub struct FileMemory(Arc<Shared>);

/// What an app has from it for what is made of its contents.
#[derive(Debug)]
struct Shared {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: Entries,
    changed: bool,
}

#[derive(Debug, Default)]
struct Entries {
    /// By path.
    files: BTreeMap<String, (FileStamp, String)>,
    /// Of archives and of what was composed: digest and size, by key.
    made: BTreeMap<String, (String, u64)>,
}

/// Then a line for each thing that was made, `made DIGEST SIZE KEY`, and for each file.
const HEADER: &str = "spin-deployer digests 3";
const MADE: &str = "made ";
/// Beyond this the files, or what was made, are begun anew: it has to stay quick to read.
const MOST_ENTRIES: usize = 50_000;
const MOST_MADE: usize = 1_000;
const LARGEST_FILE: u64 = 32 << 20;

impl FileMemory {
    /// What was remembered for the app in `folder`, kept below `directory`. What cannot be read counts as nothing, and so
    /// does what others could have written: a digest is believed.
    pub fn at(directory: &Path, folder: &Path) -> Self {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let name = hash::hexadecimal(&hash::sha256(folder.as_os_str().as_encoded_bytes()));
        let path = directory.join(format!("{}.digests", &name[..32]));
        let text = private::read(&path, LARGEST_FILE).unwrap_or_default();
        let text = String::from_utf8(text).unwrap_or_default();
        let entries = parse(&text).unwrap_or_default();
        Self(Arc::new(Shared {
            path,
            state: Mutex::new(State {
                entries,
                changed: false,
            }),
        }))
    }
}

impl Shared {
    fn write(&self, entries: &Entries) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        private::create_folder(directory)?;
        // The whole file appears at once, or not at all; two runs at the same time do no harm.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let mut out = io::BufWriter::new(file.as_file_mut());
        writeln!(out, "{HEADER}")?;
        for (key, (digest, size)) in &entries.made {
            writeln!(out, "{MADE}{digest} {size} {key}")?;
        }
        for (stamp, digest) in entries.files.values() {
            let FileStamp {
                path,
                size,
                modified,
                changed,
                inode,
                device,
            } = stamp;
            writeln!(
                out,
                "{digest} {size} {modified} {changed} {inode} {device} {path}"
            )?;
        }
        out.flush()?;
        drop(out);
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn keep(&self, state: &mut State) {
        if state.changed && self.write(&state.entries).is_ok() {
            state.changed = false;
        }
    }
}

impl MadeMemory for Shared {
    fn recall(&self, key: &str) -> Option<(String, u64)> {
        self.state.lock().ok()?.entries.made.get(key).cloned()
    }

    fn remember(&self, key: &str, digest: &str, size: u64) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let made = &mut state.entries.made;
        if made.len() >= MOST_MADE {
            made.clear();
        }
        made.insert(key.to_owned(), (digest.to_owned(), size));
        state.changed = true;
        self.keep(&mut state);
    }

    fn forget(&self, key: &str) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        state.changed |= state.entries.made.remove(key).is_some();
        self.keep(&mut state);
    }
}

impl DigestMemory for FileMemory {
    fn recall(&self, stamp: &FileStamp) -> Option<String> {
        let state = self.0.state.lock().ok()?;
        let (known, digest) = state.entries.files.get(&stamp.path)?;
        (known == stamp).then(|| digest.clone())
    }

    fn remember(&self, stamp: &FileStamp, digest: &str) {
        // A line is an entry.
        if stamp.path.contains(['\n', '\r']) {
            return;
        }
        let Ok(mut state) = self.0.state.lock() else {
            return;
        };
        let files = &mut state.entries.files;
        if files.len() >= MOST_ENTRIES {
            files.clear();
        }
        files.insert(stamp.path.clone(), (stamp.clone(), digest.to_owned()));
        state.changed = true;
    }

    fn made(&self) -> Option<Arc<dyn MadeMemory>> {
        Some(Arc::clone(&self.0) as Arc<dyn MadeMemory>)
    }

    fn keep(&self) {
        if let Ok(mut state) = self.0.state.lock() {
            self.0.keep(&mut state);
        }
    }
}

fn parse(text: &str) -> Option<Entries> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return None;
    }
    let mut entries = Entries::default();
    for line in lines {
        if let Some(line) = line.strip_prefix(MADE) {
            let mut parts = line.splitn(3, ' ');
            let digest = parts.next().filter(|digest| hash::is_digest(digest))?;
            let size = parts.next()?.parse().ok()?;
            let known = (digest.to_owned(), size);
            entries.made.insert(parts.next()?.to_owned(), known);
            continue;
        }
        let mut parts = line.splitn(7, ' ');
        let digest = parts
            .next()
            .filter(|digest| hash::is_digest(digest))?
            .to_owned();
        let stamp = FileStamp {
            size: parts.next()?.parse().ok()?,
            modified: parts.next()?.parse().ok()?,
            changed: parts.next()?.parse().ok()?,
            inode: parts.next()?.parse().ok()?,
            device: parts.next()?.parse().ok()?,
            path: parts.next()?.to_owned(),
        };
        entries.files.insert(stamp.path.clone(), (stamp, digest));
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size: u64) -> FileStamp {
        FileStamp {
            path: "a b/c.txt".into(),
            size,
            modified: 1,
            changed: -2,
            inode: 3,
            device: 4,
        }
    }

    #[test]
    fn a_digest_survives_a_run_and_not_a_change() {
        let cache = tempfile::tempdir().unwrap();
        let digest = hash::digest_of(b"x");
        let first = FileMemory::at(&cache.path().join("digests"), Path::new("/nowhere"));
        first.remember(&stamp(1), &digest);
        first.keep();
        let second = FileMemory::at(&cache.path().join("digests"), Path::new("/nowhere"));
        assert_eq!(second.recall(&stamp(1)), Some(digest));
        assert_eq!(second.recall(&stamp(2)), None);
        let other = FileMemory::at(&cache.path().join("digests"), Path::new("/elsewhere"));
        assert_eq!(other.recall(&stamp(1)), None);
    }

    #[test]
    fn what_was_made_survives_a_run_beside_files_until_it_is_forgotten() {
        let cache = tempfile::tempdir().unwrap();
        let open = || FileMemory::at(cache.path(), Path::new("/nowhere"));
        let (first, digest) = (open(), hash::digest_of(b"x"));
        first.remember(&stamp(1), &digest);
        first.made().unwrap().remember("key", &digest, 7);
        let made = open().made().unwrap();
        assert_eq!(open().recall(&stamp(1)), Some(digest.clone()));
        assert_eq!(made.recall("key"), Some((digest, 7)));
        assert_eq!(made.recall("other"), None);
        made.forget("key");
        assert_eq!(open().made().unwrap().recall("key"), None);
    }

    #[test]
    fn what_was_made_is_bounded() {
        let cache = tempfile::tempdir().unwrap();
        let memory = FileMemory::at(cache.path(), Path::new("/nowhere"));
        for key in 0..MOST_MADE {
            let known = (hash::digest_of(b"x"), 1);
            let mut state = memory.0.state.lock().unwrap();
            state.entries.made.insert(key.to_string(), known);
        }
        let made = memory.made().unwrap();
        made.remember("new", &hash::digest_of(b"x"), 1);
        assert_eq!(memory.0.state.lock().unwrap().entries.made.len(), 1);
    }

    #[test]
    fn a_broken_file_is_forgotten() {
        let cache = tempfile::tempdir().unwrap();
        let memory = FileMemory::at(cache.path(), Path::new("/nowhere"));
        for broken in [
            "",
            "something else\n",
            &format!("{HEADER}\nsha256:zz 1 1 1 1 1 a\n"),
            HEADER,
        ] {
            fs::write(&memory.0.path, broken).unwrap();
            assert_eq!(
                FileMemory::at(cache.path(), Path::new("/nowhere")).recall(&stamp(1)),
                None
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_could_have_written_is_not_remembered() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let cache = tempfile::tempdir().unwrap();
        let open = || FileMemory::at(cache.path(), Path::new("/nowhere"));
        let memory = open();
        memory.remember(&stamp(1), &hash::digest_of(b"x"));
        memory.keep();
        let path = &memory.0.path;
        assert!(open().recall(&stamp(1)).is_some());
        let elsewhere = cache.path().join("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(&elsewhere, path).unwrap();
        assert_eq!(open().recall(&stamp(1)), None);
        fs::rename(&elsewhere, path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o662)).unwrap();
        assert_eq!(open().recall(&stamp(1)), None);

        fs::remove_file(path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
        assert_eq!(open().recall(&stamp(1)), None);
    }

    #[test]
    fn only_files_that_have_settled_are_trusted() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let stamp = FileStamp {
            modified: 10_000_000_000,
            changed: 10_000_000_000,
            ..stamp(1)
        };
        assert!(!stamp.settled_at(at(9)));
        assert!(!stamp.settled_at(at(12)));
        assert!(stamp.settled_at(at(13)));
    }
}
