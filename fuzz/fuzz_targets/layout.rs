//! A layout on disk whose blobs are replaced from one input to the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spin_deployer_app::{LoadOptions, Ports, Source, load};

pub const LOCKED: &str = "application/vnd.fermyon.spin.application.v1+config";
const WASM: &[u8] = b"\0asm\x01\0\0\0";
/// A gzip stream of an empty tar archive: its two last blocks.
const ARCHIVE: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63, 0x60, 0x18, 5, 0xa3, 0x60, 0x14, 0x8c, 0x54, 0, 0,
    0x2e, 0xaf, 0xb5, 0xef, 0, 4, 0, 0,
];

pub struct Layout {
    folder: PathBuf,
    #[allow(dead_code, reason = "each fuzz target has its own copy of this module")]
    pub config: Value,
    #[allow(dead_code, reason = "each fuzz target has its own copy of this module")]
    pub wasm: Value,
    #[allow(dead_code, reason = "each fuzz target has its own copy of this module")]
    pub archive: Value,
    /// The last input's, by what they are.
    blobs: Mutex<BTreeMap<&'static str, PathBuf>>,
}

static LAYOUT: LazyLock<Layout> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder").keep();
    fs::create_dir_all(folder.join("blobs/sha256")).expect("a folder");
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .expect("the marker");
    let mut layout = Layout {
        folder,
        config: Value::Null,
        wasm: Value::Null,
        archive: Value::Null,
        blobs: Mutex::default(),
    };
    let config = layout.blob("config", b"{}");
    layout.config = layer("application/vnd.oci.image.config.v1+json", &config);
    let wasm = layout.blob("wasm", WASM);
    layout.wasm = layer("application/vnd.wasm.content.layer.v1+wasm", &wasm);
    let archive = layout.blob("archive", ARCHIVE);
    layout.archive = layer("application/vnd.wasm.content.bundle.v1.tar+gzip", &archive);
    layout
});

impl Layout {
    pub fn get() -> &'static Self {
        &LAYOUT
    }

    /// Writes a blob in place of the last one that was called the same. Returns its digest and size.
    pub fn blob(&self, what: &'static str, bytes: &[u8]) -> (String, usize) {
        let digits: String = Sha256::digest(bytes)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let path = self.folder.join("blobs/sha256").join(&digits);
        fs::write(&path, bytes).expect("a blob");
        let mut blobs = self.blobs.lock().expect("no panic before");
        if let Some(old) = blobs.insert(what, path.clone())
            && !blobs.values().any(|kept| *kept == old)
        {
            fs::remove_file(old).expect("the old blob");
        }
        (format!("sha256:{digits}"), bytes.len())
    }

    /// Loads the image with this manifest: an app or findings.
    pub fn load(&self, manifest: &[u8]) {
        let manifest = self.blob("manifest", manifest);
        let index = json!({
            "schemaVersion": 2,
            "manifests": [layer("application/vnd.oci.image.manifest.v1+json", &manifest)],
        });
        fs::write(self.folder.join("index.json"), index.to_string()).expect("the index");
        let source = Source::OciLayout {
            directory: self.folder.clone(),
            name: None,
        };
        match load(&source, &LoadOptions::default(), &Ports::default()) {
            Ok(app) => {
                assert!(!app.name().is_empty());
                for component in app.components() {
                    let content = app.content(&component.wasm_digest).expect("its Wasm");
                    assert_eq!(content.size(), component.wasm_size);
                }
            }
            Err(error) => {
                assert!(!error.findings.is_empty());
                drop(error.to_string());
            }
        }
    }
}

pub fn layer(media_type: &str, (digest, size): &(String, usize)) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": size })
}
