//! Components that are built from source.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// One of `tests/apps`, built by cargo. For `wasm32-wasip2` a component, for `wasm32-wasip1` a module. `temporary` is the
/// `CARGO_TARGET_TMPDIR` of the tests: what is built lies beside it, once for all of them.
pub fn app(name: &str, target: &str, temporary: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../apps/Cargo.toml");
        let folder = Path::new(temporary).with_file_name("apps");
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release"])
            .args(["--target", "wasm32-wasip1", "--target", "wasm32-wasip2"])
            .args(["--manifest-path", source])
            .arg("--target-dir")
            .arg(&folder)
            .status()
            .unwrap();
        assert!(built.success(), "tests/apps do not build");
        folder
    });
    let file = built.join(target).join("release").join(name);
    std::fs::read(file.with_extension("wasm")).unwrap()
}
