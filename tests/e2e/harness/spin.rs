//! A stand-in for Spin, where a test needs what only Spin can do.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// Not Spin: `stand-in-for-spin.sh`, as `spin` in a folder of its own.
pub(crate) struct StandIn {
    folder: TempDir,
}

/// What it was given to compose one component.
pub(crate) struct Asked {
    /// The names of the variables that are Spin's.
    pub(crate) variables: Vec<String>,
    pub(crate) locked: Value,
    files: BTreeMap<String, Vec<u8>>,
}

impl StandIn {
    /// Writes this in answer.
    pub(crate) fn that_composes(component: &[u8]) -> Self {
        let spin = Self::that("cat \"$here/composed.wasm\"");
        fs::write(spin.folder().join("composed.wasm"), component).unwrap();
        spin
    }

    /// Ends with this, in the words of a shell, whose `$here` is its folder.
    pub(crate) fn that(then: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spin = Self { folder };
        fs::write(spin.path(), include_str!("stand-in-for-spin.sh")).unwrap();
        fs::set_permissions(spin.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(spin.folder().join("then"), then).unwrap();
        spin
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder().join("spin")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it was asked for so far, by component.
    pub(crate) fn asked(&self) -> BTreeMap<String, Asked> {
        let Ok(all) = fs::read_dir(self.folder().join("asked")) else {
            return BTreeMap::new();
        };
        let all = all.map(|entry| entry.unwrap());
        all.map(|entry| {
            let component = entry.file_name().into_string().unwrap();
            (component, Asked::read(&entry.path()))
        })
        .collect()
    }
}

impl Asked {
    fn read(folder: &Path) -> Self {
        let lines = |name: &str| -> Vec<String> {
            let text = fs::read_to_string(folder.join(name)).unwrap();
            text.lines().map(str::to_owned).collect()
        };
        let files = lines("urls").into_iter().enumerate();
        let files = files.map(|(number, url)| {
            let copy = folder.join("files").join(number.to_string());
            (url, fs::read(copy).unwrap())
        });
        Self {
            variables: lines("variables"),
            locked: serde_json::from_slice(&fs::read(folder.join("spin.lock")).unwrap()).unwrap(),
            files: files.collect(),
        }
    }

    /// The bytes of the file that `{"source": {"source": "file://…"}}` named.
    #[track_caller]
    pub(crate) fn wasm(&self, of: &Value) -> &[u8] {
        let source = &of["source"];
        assert_eq!(source["content_type"], "application/wasm", "{of}");
        let url = source["source"].as_str();
        let file = url.and_then(|url| self.files.get(url));
        file.unwrap_or_else(|| panic!("no file: {of}"))
    }
}
