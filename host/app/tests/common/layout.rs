//! An OCI image layout, as Spin's image would lie in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spin_deployer_app::{App, Finding, LoadError, LoadOptions, Ports, Source, load};
use tempfile::TempDir;

pub const LOCKED: &str = "application/vnd.fermyon.spin.application.v1+config";
pub const WASM_LAYER: &str = "application/vnd.wasm.content.layer.v1+wasm";
pub const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
pub const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";

/// Grows layer by layer, image by image.
pub struct Layout {
    pub folder: TempDir,
    pub layers: Vec<Value>,
    pub images: Vec<Value>,
}

impl Layout {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(
            folder.path().join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .unwrap();
        Self {
            folder,
            layers: Vec::new(),
            images: Vec::new(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn blob_path(&self, digest: &str) -> PathBuf {
        self.path().join("blobs/sha256").join(&digest[7..])
    }

    pub fn blob(&self, bytes: &[u8]) -> (String, u64) {
        let digest = digest(bytes);
        fs::write(self.blob_path(&digest), bytes).unwrap();
        (digest, bytes.len() as u64)
    }

    pub fn layer(&mut self, media_type: &str, bytes: &[u8]) -> String {
        let (digest, size) = self.blob(bytes);
        self.layers
            .push(json!({ "mediaType": media_type, "digest": digest, "size": size }));
        digest
    }

    /// Ends an image with the layers so far.
    pub fn image(&mut self, name: &str, locked: &str) -> String {
        self.layer(LOCKED, locked.as_bytes());
        let (config, config_size) = self.blob(b"{}");
        let manifest = json!({
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
            "layers": std::mem::take(&mut self.layers),
            "schemaVersion": 2,
        });
        let (digest, size) = self.blob(manifest.to_string().as_bytes());
        self.images.push(json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "size": size,
            "annotations": { "org.opencontainers.image.ref.name": name },
        }));
        self.index();
        digest
    }

    pub fn index(&self) {
        let index = json!({ "schemaVersion": 2, "manifests": self.images });
        fs::write(self.path().join("index.json"), index.to_string()).unwrap();
    }

    pub fn load_named(&self, name: Option<&str>) -> Result<App, LoadError> {
        let source = Source::OciLayout {
            directory: self.path().to_owned(),
            name: name.map(String::from),
        };
        load(&source, &LoadOptions::default(), &Ports::default())
    }

    pub fn load(&self) -> Result<App, LoadError> {
        self.load_named(None)
    }

    pub fn error(&self) -> Finding {
        let mut findings = self
            .load()
            .expect_err("this layout should be refused")
            .findings;
        assert_eq!(findings.len(), 1, "{findings:#?}");
        findings.remove(0)
    }
}

pub fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{digits}")
}

pub fn minimal(wasm: &str) -> String {
    let source = json!({ "content_type": "application/wasm", "digest": wasm });
    let component = json!({ "id": "c", "source": source, "files": [] });
    json!({ "spin_lock_version": 0, "metadata": { "name": "test" }, "triggers": [], "components": [component] }).to_string()
}
