//! An app from a registry, as it was fetched: what is damaged there is fetched once more, and only that.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use common::layout::{DATA, Layout, WASM_LAYER, digest};
use common::{WASM, read};
use rstest::rstest;
use serde_json::json;
use spin_deployer_app::{
    App, LoadError, LoadOptions, Ports, Remote, RemoteError, Remotes, Source, identify, load,
};
use spin_deployer_manifest::Reference;

const FILE: &[u8] = b"a file that is too long to be written into the locked application itself, \
    where contents of up to 128 bytes are";

/// A registry with one image, and a folder for what is fetched from it.
struct Registry {
    layout: Layout,
    manifest: String,
    online: bool,
    blobs: BTreeMap<String, Vec<u8>>,
    /// How often the image was asked for.
    asked: Mutex<usize>,
    discarded: Mutex<Vec<String>>,
}

impl Registry {
    fn new() -> Self {
        let mut layout = Layout::new();
        let wasm = layout.layer(WASM_LAYER, WASM);
        let file = layout.layer(DATA, FILE);
        let locked = json!({
            "spin_lock_version": 0,
            "metadata": { "name": "test" },
            "triggers": [],
            "components": [{
                "id": "c",
                "source": { "content_type": "application/wasm", "digest": wasm },
                "files": [{ "digest": file, "path": "a.txt" }],
            }],
        });
        let manifest = layout.image("v1", &locked.to_string());
        let files = fs::read_dir(layout.path().join("blobs/sha256")).unwrap();
        let blobs = files.map(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            (digest(&bytes), bytes)
        });
        Self {
            blobs: blobs.collect(),
            layout,
            manifest,
            online: true,
            asked: Mutex::default(),
            discarded: Mutex::default(),
        }
    }

    /// By digest: the manifest, the locked app, the Wasm, and the file.
    fn digests(&self) -> [String; 4] {
        let locked = self.blobs.iter().find(|(_, bytes)| {
            let text = String::from_utf8_lossy(bytes);
            text.contains("spin_lock_version")
        });
        [
            self.manifest.clone(),
            locked.unwrap().0.clone(),
            digest(WASM),
            digest(FILE),
        ]
    }

    fn damage(&self, digest: &str) {
        let damaged: Vec<u8> = self.blobs[digest].iter().map(|byte| !byte).collect();
        fs::write(self.layout.blob_path(digest), damaged).unwrap();
    }

    fn load(&self) -> Result<App, LoadError> {
        load(&source(), &LoadOptions::default(), &self.ports())
    }

    fn ports(&self) -> Ports<'_> {
        Ports {
            remotes: self,
            ..Ports::default()
        }
    }
}

fn source() -> Source {
    Source::Registry("registry.example.com/test:v1".parse().unwrap())
}

impl Remotes for Registry {
    fn folder(&self) -> &Path {
        self.layout.path()
    }

    fn fetch(&self, _: &[Remote]) -> Vec<Result<String, RemoteError>> {
        unreachable!("an image names nothing that lies elsewhere")
    }

    fn image(&self, _: &Reference) -> Result<String, RemoteError> {
        *self.asked.lock().unwrap() += 1;
        for (digest, bytes) in &self.blobs {
            let place = self.layout.blob_path(digest);
            if place.exists() {
                continue;
            }
            if !self.online {
                return Err(RemoteError {
                    code: "offline",
                    message: "it is not here".into(),
                    help: "go online".into(),
                });
            }
            fs::write(place, bytes).unwrap();
        }
        Ok(self.manifest.clone())
    }

    fn discard(&self, digest: &str) {
        self.discarded.lock().unwrap().push(digest.to_owned());
        fs::remove_file(self.layout.blob_path(digest)).unwrap();
    }
}

#[test]
fn what_is_whole_is_asked_for_once() {
    let registry = Registry::new();
    let app = registry.load().unwrap();
    assert_eq!(app.name(), "test");
    assert_eq!(read(&app, &digest(FILE)), FILE);
    assert_eq!(*registry.asked.lock().unwrap(), 1);
    assert!(registry.discarded.lock().unwrap().is_empty());
}

#[rstest]
#[case::manifest(&[0])]
#[case::locked_app(&[1])]
#[case::wasm(&[2])]
#[case::all_layers(&[2, 3])]
fn what_is_damaged_is_fetched_once_more(#[case] which: &[usize]) {
    let mut registry = Registry::new();
    let mut damaged: Vec<_> = which
        .iter()
        .map(|index| registry.digests()[*index].clone())
        .collect();
    damaged.sort();
    let damage = |registry: &Registry| {
        for digest in &damaged {
            registry.damage(digest);
        }
    };
    damage(&registry);
    let app = registry.load().unwrap();
    assert_eq!(read(&app, &digest(FILE)), FILE);
    assert_eq!(*registry.discarded.lock().unwrap(), damaged);
    assert_eq!(*registry.asked.lock().unwrap(), 2);

    damage(&registry);
    registry.online = false;
    let findings = registry.load().unwrap_err().findings;
    let found: Vec<_> = findings.iter().map(|finding| finding.code).collect();
    assert_eq!(found, ["offline"]);
}

#[test]
fn who_only_asks_for_the_name_gets_it_from_what_is_damaged_too() {
    let registry = Registry::new();
    registry.damage(&registry.digests()[1]);
    let identity = identify(&source(), &LoadOptions::default(), &registry.ports()).unwrap();
    assert_eq!(identity.name, "test");
}
