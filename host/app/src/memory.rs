//! Digests that are remembered from one run to the next, so that a second plan reads almost nothing.
//!
//! A digest is remembered under everything that the system says about a file without reading it ([`FileStamp`]).
//! A file that changed in the last two seconds before it was hashed is not remembered: it could change again
//! within the resolution of the clock of its file system, unseen (git calls such an entry racy).

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    /// Called once, after a load. Failing to write is no failure of the load.
    fn keep(&self) {}
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
pub struct FileMemory {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, (FileStamp, String)>,
    changed: bool,
}

const HEADER: &str = "spin-deployer digests 1";
/// Beyond this the file is begun anew: it has to stay quick to read.
const MOST_ENTRIES: usize = 50_000;
const LARGEST_FILE: u64 = 32 << 20;

impl FileMemory {
    /// What was remembered for the app in `folder`, kept below `directory`. What cannot be read counts as nothing.
    pub fn at(directory: &Path, folder: &Path) -> Self {
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let name = hash::hexadecimal(&hash::sha256(folder.as_os_str().as_encoded_bytes()));
        let path = directory.join(format!("{}.digests", &name[..32]));
        let small = fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= LARGEST_FILE);
        let text = if small {
            fs::read_to_string(&path).unwrap_or_default()
        } else {
            String::new()
        };
        let entries = parse(&text).unwrap_or_default();
        Self {
            path,
            state: Mutex::new(State {
                entries,
                changed: false,
            }),
        }
    }

    fn write(&self, entries: &BTreeMap<String, (FileStamp, String)>) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(directory)?;
        // The whole file appears at once, or not at all; two runs at the same time do no harm.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let mut out = io::BufWriter::new(file.as_file_mut());
        writeln!(out, "{HEADER}")?;
        for (stamp, digest) in entries.values() {
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
}

impl DigestMemory for FileMemory {
    fn recall(&self, stamp: &FileStamp) -> Option<String> {
        let state = self.state.lock().ok()?;
        let (known, digest) = state.entries.get(&stamp.path)?;
        (known == stamp).then(|| digest.clone())
    }

    fn remember(&self, stamp: &FileStamp, digest: &str) {
        // A line is an entry.
        if stamp.path.contains(['\n', '\r']) {
            return;
        }
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.entries.len() >= MOST_ENTRIES {
            state.entries.clear();
        }
        state
            .entries
            .insert(stamp.path.clone(), (stamp.clone(), digest.to_owned()));
        state.changed = true;
    }

    fn keep(&self) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.changed && self.write(&state.entries).is_ok() {
            state.changed = false;
        }
    }
}

fn parse(text: &str) -> Option<BTreeMap<String, (FileStamp, String)>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return None;
    }
    let mut entries = BTreeMap::new();
    for line in lines {
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
        entries.insert(stamp.path.clone(), (stamp, digest));
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
    fn a_broken_file_is_forgotten() {
        let cache = tempfile::tempdir().unwrap();
        let memory = FileMemory::at(cache.path(), Path::new("/nowhere"));
        for broken in [
            "",
            "something else\n",
            &format!("{HEADER}\nsha256:zz 1 1 1 1 1 a\n"),
            HEADER,
        ] {
            fs::write(&memory.path, broken).unwrap();
            assert_eq!(
                FileMemory::at(cache.path(), Path::new("/nowhere")).recall(&stamp(1)),
                None
            );
        }
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
