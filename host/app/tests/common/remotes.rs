//! Everything that lies elsewhere, in a temporary folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest, Sha256};
use spin_deployer_app::{Remote, RemoteError, Remotes};
use spin_deployer_manifest::Reference;
use tempfile::TempDir;

/// Answers with [`super::WASM`] unless told otherwise.
pub struct Shelf {
    folder: TempDir,
    /// Where what is asked for and was discarded comes from.
    elsewhere: Mutex<BTreeMap<String, Vec<u8>>>,
    answers: BTreeMap<String, Result<String, RemoteError>>,
    /// What was asked for, call by call.
    pub asked: Mutex<Vec<Vec<Remote>>>,
    /// By digest, in the order in which it was damaged.
    pub discarded: Mutex<Vec<String>>,
}

impl Shelf {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        let shelf = Self {
            folder,
            elsewhere: Mutex::default(),
            answers: BTreeMap::new(),
            asked: Mutex::default(),
            discarded: Mutex::default(),
        };
        shelf.put(super::WASM);
        shelf
    }

    /// Keeps a content and returns its digest.
    pub fn put(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        fs::write(self.blob(&digest), bytes).unwrap();
        let mut elsewhere = self.elsewhere.lock().unwrap();
        elsewhere.insert(digest.clone(), bytes.to_owned());
        digest
    }

    /// Keeps something else in the place of a content.
    pub fn damage(&self, digest: &str) {
        let bytes = fs::read(self.blob(digest)).unwrap();
        let damaged: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
        fs::write(self.blob(digest), damaged).unwrap();
    }

    /// From now on, nothing comes from elsewhere.
    pub fn cut_off(&self) {
        self.elsewhere.lock().unwrap().clear();
    }

    pub fn blob(&self, digest: &str) -> PathBuf {
        let name = digest.replace(':', "/");
        self.folder.path().join("blobs").join(name)
    }

    /// `remote` as it is shown: a URL, or `package@version`.
    pub fn answering(mut self, remote: &str, answer: Result<String, RemoteError>) -> Self {
        self.answers.insert(remote.to_owned(), answer);
        self
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{digits}")
}

impl Remotes for Shelf {
    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
        self.asked.lock().unwrap().push(wanted.to_vec());
        let offline = || RemoteError {
            code: "offline",
            message: "it is not here".into(),
            help: "go online".into(),
        };
        let answer = |remote: &Remote| {
            let answer = self.answers.get(&remote.to_string()).cloned();
            let digest = answer.unwrap_or_else(|| Ok(digest(super::WASM)))?;
            if self.discarded.lock().unwrap().contains(&digest) {
                let elsewhere = self.elsewhere.lock().unwrap();
                let bytes = elsewhere.get(&digest).ok_or_else(offline)?;
                fs::write(self.blob(&digest), bytes).unwrap();
            }
            Ok(digest)
        };
        wanted.iter().map(answer).collect()
    }

    fn discard(&self, digest: &str) {
        self.discarded.lock().unwrap().push(digest.to_owned());
        let _ = fs::remove_file(self.blob(digest));
    }

    fn image(&self, _: &Reference) -> Result<String, RemoteError> {
        unreachable!("a manifest names no image")
    }
}
