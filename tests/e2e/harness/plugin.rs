//! A plugin that tries what its manifest does not ask for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The plugin of many faults with this manifest in it. Says where the file is.
pub(crate) fn hostile(folder: &Path, manifest: &str) -> PathBuf {
    packed("hostile", folder, manifest)
}

/// The same of the plugin that knows no login and shows a token.
pub(crate) fn keyed(folder: &Path, manifest: &str) -> PathBuf {
    packed("keyed", folder, manifest)
}

/// The same of the plugin that was built against version 0.1 of the contract.
pub(crate) fn older(folder: &Path, manifest: &str) -> PathBuf {
    packed("older", folder, manifest)
}

fn packed(name: &str, folder: &Path, manifest: &str) -> PathBuf {
    let plugin = spin_deployer_manifest::section::embed(&built(name), manifest).unwrap();
    let path = folder.join(name).with_extension("wasm");
    fs::write(&path, plugin).unwrap();
    path
}

/// The component of one of `tests/plugins`, without a manifest.
pub(crate) fn built(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/plugins/Cargo.toml"
        );
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release"])
            .args(["--target", "wasm32-wasip2"])
            .args(["--manifest-path", source])
            .arg("--target-dir")
            .arg(&target)
            .status();
        assert!(built.unwrap().success(), "tests/plugins does not build");
        target.join("wasm32-wasip2/release")
    });
    fs::read(built.join(name).with_extension("wasm")).unwrap()
}
