//! Applications to deploy.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::Digest;
use tempfile::TempDir;

/// The real component of `examples/hello`.
pub(crate) fn hello_wasm() -> Vec<u8> {
    let path = hello().join("target/wasm32-wasip2/release/hello.wasm");
    fs::read(&path)
        .unwrap_or_else(|e| panic!("{}: {e}: `cargo xtask test` builds it", path.display()))
}

/// One of the components of `tests/apps`.
pub(crate) fn built(name: &str) -> Vec<u8> {
    spin_deployer_test_support::app(name, "wasm32-wasip2", env!("CARGO_TARGET_TMPDIR"))
}

/// The folder of `examples/hello`.
pub(crate) fn hello() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello")
}

/// Bytes that no compression makes smaller, the same for the same seed.
pub(crate) fn noise(seed: &str, length: usize) -> Vec<u8> {
    let blocks = (0..length.div_ceil(32)).flat_map(|n| sha2::Sha256::digest(format!("{seed} {n}")));
    blocks.take(length).collect()
}

/// An application in a folder of its own.
pub(crate) struct App {
    folder: TempDir,
}

impl App {
    /// This `spin.toml`, with `hello.wasm` beside it.
    pub(crate) fn new(manifest: &str) -> Self {
        let app = Self::empty();
        app.write("spin.toml", manifest);
        app.write("hello.wasm", hello_wasm());
        app
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// One component with these files: the fewest requests that show everything.
    pub(crate) fn small() -> Self {
        let app = Self::new(SMALL);
        app.write(
            "static/inline.txt",
            "small enough to stand in the locked application",
        );
        app.write("static/layer.bin", noise("layer", 200_000));
        app
    }

    /// Two components of the same code, with files on both sides of each threshold.
    pub(crate) fn shop() -> Self {
        let app = Self::new(SHOP);
        for (path, bytes) in shop_files() {
            app.write(path, bytes);
        }
        app
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

const SMALL: &str = r#"spin_manifest_version = 2
[application]
name = "small"
version = "0.1.0"
[[trigger.http]]
route = "/..."
component = "main"
[component.main]
source = "hello.wasm"
files = ["static/*"]
"#;

const SHOP: &str = r#"spin_manifest_version = 2
[application]
name = "shop"
version = "1.2.3"
description = "Sells things"
authors = ["A <a@example.com>"]
[variables]
greeting = { default = "hi" }
token = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "front"
[[trigger.http]]
route = { private = true }
component = "back"
[component.front]
source = "hello.wasm"
files = ["static/**/*"]
environment = { A = "1" }
allowed_outbound_hosts = ["https://example.com:443"]
key_value_stores = ["default"]
variables = { greeting = "{{ greeting }}" }
[component.back]
source = "hello.wasm"
"#;

/// The files of [`App::shop`], by path.
pub(crate) fn shop_files() -> [(&'static str, Vec<u8>); 5] {
    [
        ("static/a-empty.txt", Vec::new()),
        ("static/b-inline.bin", noise("inline", 128)),
        ("static/c-layer.bin", noise("edge", 129)),
        ("static/deep/d.bin", noise("deep", 300_000)),
        ("static/e.bin", noise("e", 70_000)),
    ]
}
