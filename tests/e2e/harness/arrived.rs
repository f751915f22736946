//! What a registry or a layout has of an app, read as its next owner would: manifest, locked application, blobs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use spin_deployer_test_support::Host;

use super::expected::{LOCKED, WASM};
use super::registry::Registry;
use super::sha256;

/// An app as it arrived.
pub(crate) struct Arrived {
    pub(crate) locked: Value,
    /// The layers that are Wasm, by digest.
    pub(crate) wasm: BTreeMap<String, Vec<u8>>,
}

impl Arrived {
    pub(crate) fn in_registry(registry: &Registry, name: &str, tag: &str) -> Self {
        let manifest = registry.manifest(name, tag).body;
        Self::read(&manifest, |digest| {
            let blob = registry.blob(name, digest);
            blob.unwrap_or_else(|| panic!("{name}:{tag} has no {digest}"))
        })
    }

    /// The one image of an OCI layout.
    pub(crate) fn in_layout(layout: &Path) -> Self {
        let blob = |digest: &str| {
            let path = layout.join("blobs").join(digest.replace(':', "/"));
            let bytes = std::fs::read(path).unwrap();
            assert_eq!(sha256(&bytes), digest);
            bytes
        };
        let index = json(&std::fs::read(layout.join("index.json")).unwrap());
        Self::read(&blob(text(&index["manifests"][0]["digest"])), blob)
    }

    fn read(manifest: &[u8], blob: impl Fn(&str) -> Vec<u8>) -> Self {
        let manifest = json(manifest);
        let (mut locked, mut wasm) = (None, BTreeMap::new());
        for layer in manifest["layers"].as_array().unwrap() {
            let digest = text(&layer["digest"]);
            match text(&layer["mediaType"]) {
                LOCKED => locked = Some(json(&blob(digest))),
                WASM => drop(wasm.insert(digest.to_owned(), blob(digest))),
                _ => {}
            }
        }
        let locked = locked.expect("one layer is the locked application");
        Self { locked, wasm }
    }

    /// A component as it stands in the locked application.
    #[track_caller]
    pub(crate) fn component(&self, id: &str) -> &Value {
        let mut components = self.locked["components"].as_array().unwrap().iter();
        let found = components.find(|component| component["id"] == id);
        found.unwrap_or_else(|| panic!("no component {id}: {}", self.locked))
    }

    /// The code of a component.
    #[track_caller]
    pub(crate) fn code(&self, id: &str) -> &[u8] {
        &self.wasm[text(&self.component(id)["source"]["digest"])]
    }

    /// Runs a component on a host of `wasi:http`: the body of the answer to `GET /<path>`.
    #[track_caller]
    pub(crate) fn answer(&self, id: &str, path: &str) -> String {
        let host = Host::new(self.code(id));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(host.get(path)).unwrap()
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
