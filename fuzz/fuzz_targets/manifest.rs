//! Any spin.toml, in a folder with a few files: an app or findings, and nothing from outside of the folder.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use spin_deployer_app::{Composition, LoadOptions, Ports, Source, load};

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// Beside the app's folder, where nothing may look.
const SECRET: &str = "nobody may read this";

static APP: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = tempfile::tempdir().expect("a temporary folder").keep();
    fs::write(root.join("secret.txt"), SECRET).expect("a secret");
    let app = root.join("app");
    for (path, content) in [
        ("a.wasm", MODULE),
        ("b.wasm", b"\0asm\x0d\0\x01\0"),
        ("static/x.txt", b"x"),
        ("static/deep/.env", b"y"),
    ] {
        let path = app.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }
    #[cfg(unix)]
    for (name, to) in [("out", "../secret.txt"), ("loop", "."), ("up", "..")] {
        std::os::unix::fs::symlink(to, app.join(name)).expect("a link");
    }
    app
});

fuzz_target!(|input: (&str, bool)| {
    let (manifest, profile) = input;
    let path = APP.join("spin.toml");
    fs::write(&path, manifest).expect("the manifest");
    let options = LoadOptions {
        profile: profile.then(|| "debug".to_owned()),
        composition: Composition::Reported,
        ..LoadOptions::default()
    };
    match load(&Source::Manifest(path), &options, &Ports::default()) {
        Ok(app) => {
            assert!(!app.name().trim().is_empty());
            for file in app.components().iter().flat_map(|c| &c.files) {
                assert_ne!(
                    file.size,
                    SECRET.len() as u64,
                    "{} is the secret",
                    file.path
                );
                assert!(
                    file.path
                        .split('/')
                        .all(|part| !matches!(part, "" | "." | "..")),
                    "{} leads elsewhere",
                    file.path
                );
            }
            drop(
                app.findings()
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
            );
        }
        Err(error) => {
            assert!(!error.findings.is_empty());
            drop(error.to_string());
        }
    }
});
