//! An app in a temporary folder.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod layout;
pub mod remotes;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

use spin_deployer_app::{App, Finding, Level, LoadError, LoadOptions, Ports, Source, load};
use tempfile::TempDir;

/// The smallest component.
pub const WASM: &[u8] = b"\0asm\x0d\0\x01\0";

pub struct Fixture {
    pub folder: TempDir,
}

impl Fixture {
    /// An app folder with one module, `app.wasm`.
    pub fn new() -> Self {
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(fixture.app()).unwrap();
        fixture.with("app.wasm", WASM)
    }

    pub fn app(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// Writes a file; `..` leads to what must stay out of reach.
    pub fn with(self, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.app().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    /// A manifest with one component `c` that has these fields beside its source.
    pub fn component(self, fields: &str) -> Self {
        let manifest = format!(
            "{HEAD}[[trigger.http]]\nroute = \"/...\"\ncomponent = \"c\"\n[component.c]\nsource = \"app.wasm\"\n{fields}\n"
        );
        self.with("spin.toml", manifest)
    }

    pub fn source(&self) -> Source {
        Source::Manifest(self.app().join("spin.toml"))
    }

    pub fn load(&self) -> Result<App, LoadError> {
        load(&self.source(), &LoadOptions::default(), &Ports::default())
    }

    /// The findings of a load that fails.
    pub fn refused(&self) -> Vec<Finding> {
        self.load()
            .expect_err("this app should be refused")
            .findings
    }

    /// Its only error.
    pub fn error(&self) -> Finding {
        let mut errors = self.refused();
        errors.retain(|finding| finding.level == Level::Error);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        errors.remove(0)
    }

    /// The codes of the warnings about an app that loads.
    pub fn warnings(&self) -> Vec<&'static str> {
        self.load()
            .unwrap()
            .findings()
            .iter()
            .map(|finding| finding.code)
            .collect()
    }

    /// The files of the first component: guest path and text.
    pub fn files(&self) -> BTreeMap<String, String> {
        let app = self.load().unwrap_or_else(|error| panic!("{error}"));
        let files = app.components()[0].files.iter();
        files
            .map(|file| {
                (
                    file.path.clone(),
                    String::from_utf8(read(&app, &file.digest)).unwrap(),
                )
            })
            .collect()
    }
}

pub const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = \"test\"\n";

/// The whole of a content.
pub fn read(app: &App, digest: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    app.content(digest)
        .unwrap()
        .open(0)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}
