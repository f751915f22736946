//! The audit logs of the last runs, kept whether anybody asked for one or not.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

/// How many runs are kept.
const RUNS: usize = 20;
const EXTENSION: &str = "jsonl";

/// The log of this run among those of the last. Made with its first line, so that a command that did nothing leaves
/// nothing.
pub(crate) struct KeptLog {
    folder: PathBuf,
    /// Stands in front of the first line, and alone is none.
    heading: OnceLock<Vec<u8>>,
    file: OnceLock<Option<Mutex<File>>>,
}

impl KeptLog {
    /// In this folder, which need not exist yet.
    pub(crate) fn within(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            heading: OnceLock::new(),
            file: OnceLock::new(),
        }
    }

    /// What the lines to come are of.
    pub(crate) fn head(&self, line: &[u8]) {
        self.heading.get_or_init(|| line.to_owned());
    }

    /// Writes at once. Where that is impossible nothing is kept: no command fails because of it.
    pub(crate) fn write(&self, line: &[u8]) {
        let file = self.file.get_or_init(|| self.begin().ok().map(Mutex::new));
        if let Some(file) = file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = file.write_all(line);
        }
    }

    fn begin(&self) -> std::io::Result<File> {
        let mut file = File::options();
        file.create_new(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        spin_deployer_private::create_folder(&self.folder)?;
        self.forget();
        // In the order of time by name. No colons, which Windows has no names with.
        let now = humantime::format_rfc3339_millis(SystemTime::now());
        let now = now.to_string().replace(':', "-");
        let name = format!("{now}-{}.{EXTENSION}", std::process::id());
        let mut file = file.open(self.folder.join(name))?;
        if let Some(heading) = self.heading.get() {
            file.write_all(heading)?;
        }
        Ok(file)
    }

    /// Removes the oldest, so that with this run there are [`RUNS`].
    fn forget(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut logs: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == EXTENSION))
            .collect();
        logs.sort_unstable();
        let most = RUNS - 1;
        for old in logs.iter().rev().skip(most) {
            // Another run may have been faster.
            let _ = fs::remove_file(old);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kept(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_last_runs_are_kept_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("audit");
        fs::create_dir(&logs).unwrap();
        for year in 2001..=2030 {
            fs::write(logs.join(format!("{year}-01-01T00-00-00.000Z-1.jsonl")), "").unwrap();
        }
        fs::write(logs.join("notes.txt"), "mine").unwrap();
        let log = KeptLog::within(&logs);
        log.head(b"{\"run\":0}\n");
        log.write(b"{\"a\":1}\n");
        log.write(b"{\"b\":2}\n");
        let names = kept(&logs);
        assert_eq!(names.len(), RUNS + 1, "{names:?}");
        assert!(names.contains(&"notes.txt".to_owned()));
        assert!(!names.contains(&"2011-01-01T00-00-00.000Z-1.jsonl".to_owned()));
        assert!(names.contains(&"2012-01-01T00-00-00.000Z-1.jsonl".to_owned()));
        let own = names
            .iter()
            .find(|name| name.contains(&format!("-{}.", std::process::id())));
        let text = fs::read_to_string(logs.join(own.unwrap())).unwrap();
        assert_eq!(text, "{\"run\":0}\n{\"a\":1}\n{\"b\":2}\n");
    }

    #[test]
    fn a_run_without_a_line_leaves_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("audit");
        KeptLog::within(&logs).head(b"{\"run\":0}\n");
        assert!(!logs.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("audit");
        KeptLog::within(&logs).write(b"{}\n");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&logs), 0o700);
        assert_eq!(mode(&logs.join(&kept(&logs)[0])), 0o600);
    }

    #[test]
    fn nowhere_to_write_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        KeptLog::within(&file.join("audit")).write(b"{}\n");
    }
}
