//! A plugin that tries what its manifest does not ask for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the plugin of many faults and packs this manifest into it. Says where the file is.
pub(crate) fn hostile(folder: &Path, manifest: &str) -> PathBuf {
    packed("hostile", folder, manifest)
}

/// The same of the plugin that knows no login and shows a token.
pub(crate) fn keyed(folder: &Path, manifest: &str) -> PathBuf {
    packed("keyed", folder, manifest)
}

fn packed(name: &str, folder: &Path, manifest: &str) -> PathBuf {
    let source = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/plugins/Cargo.toml"
    );
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--locked", "--release"])
        .args(["--package", name, "--target", "wasm32-wasip2"])
        .args(["--manifest-path", source])
        .arg("--target-dir")
        .arg(&target)
        .status();
    assert!(built.unwrap().success(), "tests/plugins does not build");
    let component = fs::read(target.join(format!("wasm32-wasip2/release/{name}.wasm"))).unwrap();
    let plugin = spin_deployer_manifest::section::embed(&component, manifest).unwrap();
    let path = folder.join(format!("{name}.wasm"));
    fs::write(&path, plugin).unwrap();
    path
}
