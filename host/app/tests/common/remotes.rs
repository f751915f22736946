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
    answers: BTreeMap<String, Result<String, RemoteError>>,
    /// What was asked for, call by call.
    pub asked: Mutex<Vec<Vec<Remote>>>,
}

impl Shelf {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        let shelf = Self {
            folder,
            answers: BTreeMap::new(),
            asked: Mutex::default(),
        };
        shelf.put(super::WASM);
        shelf
    }

    /// Keeps a content and returns its digest.
    pub fn put(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        fs::write(self.blob(&digest), bytes).unwrap();
        digest
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
        let answer = |remote: &Remote| match self.answers.get(&remote.to_string()) {
            Some(answer) => answer.clone(),
            None => Ok(digest(super::WASM)),
        };
        wanted.iter().map(answer).collect()
    }

    fn image(&self, _: &Reference) -> Result<String, RemoteError> {
        unreachable!("a manifest names no image")
    }
}
