//! A publisher who signs with minisign, as Debian packages it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A pair of keys. The private half has no password.
pub(crate) struct Minisign {
    folder: TempDir,
}

impl Minisign {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let publisher = Self { folder };
        let (public, private) = (publisher.public_file(), publisher.private_file());
        minisign(&[
            "-G".as_ref(),
            "-W".as_ref(),
            "-p".as_ref(),
            &public,
            "-s".as_ref(),
            &private,
        ]);
        publisher
    }

    /// `minisign.pub`
    pub(crate) fn public_file(&self) -> PathBuf {
        self.folder.path().join("minisign.pub")
    }

    fn private_file(&self) -> PathBuf {
        self.folder.path().join("minisign.key")
    }

    /// As it is typed and kept in a lock: `minisign:RWQ…`.
    pub(crate) fn key(&self) -> String {
        let text = fs::read_to_string(self.public_file()).unwrap();
        format!("minisign:{}", text.lines().nth(1).unwrap())
    }

    /// Puts `FILE.minisig` beside the file, in place of one that is there.
    pub(crate) fn sign(&self, file: &Path) {
        self.sign_with("-H", file);
    }

    /// The same in minisign's old way, over the bytes themselves.
    pub(crate) fn sign_as_of_old(&self, file: &Path) {
        self.sign_with("-l", file);
    }

    fn sign_with(&self, how: &str, file: &Path) {
        let private = self.private_file();
        minisign(&[
            "-S".as_ref(),
            how.as_ref(),
            "-s".as_ref(),
            &private,
            "-m".as_ref(),
            file,
        ]);
    }
}

/// Where the signature of a file is.
pub(crate) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

fn minisign(line: &[&Path]) {
    let done = Command::new("minisign")
        .args(line)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("minisign is installed: `cargo xtask test` brings it or says how");
    assert!(done.status.success(), "{done:?}");
}
