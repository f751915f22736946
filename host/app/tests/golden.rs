//! The locked app and the mounted files are what Spin's own loader makes of the same manifest.
//!
//! The cases were measured with Spin itself and are not part of this repository; without them (`GOLDEN_DIR` names
//! their folder) this test has nothing to say, and `tests/manifest.rs` has cases of its own.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use spin_deployer_app::{App, LoadError, LoadOptions, Ports, Source, load};

/// What Spin accepts and this loader refuses on purpose, with the code of the finding.
const REFUSED: [(&str, &str); 8] = [
    ("dupid", "duplicate-trigger"),
    ("err_nocomp", "unknown-component"),
    ("err_noname", "no-name"),
    ("err_abs_dest", "outside-guest"),
    ("err_parent", "outside-app"),
    ("trav_glob", "outside-app"),
    ("trav_src_place", "outside-app"),
    // Not here yet.
    ("v1", "unsupported"),
];
const NOT_YET: [&str; 3] = ["full", "multi_mw", "pkgdep"];

fn golden() -> Option<PathBuf> {
    let beside = || {
        Some(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .ancestors()
                .nth(3)?
                .join("shared/golden"),
        )
    };
    let directory = std::env::var_os("GOLDEN_DIR")
        .map(PathBuf::from)
        .or_else(beside)?;
    directory.is_dir().then_some(directory)
}

fn loaded(app: &Path) -> Result<App, LoadError> {
    load(
        &Source::Manifest(app.join("spin.toml")),
        &LoadOptions::default(),
        &Ports::default(),
    )
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn mounted(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_start_matches("./").to_owned())
        .collect()
}

fn files(app: &App) -> BTreeSet<String> {
    let files = app
        .components()
        .iter()
        .flat_map(|c| c.files.iter().map(move |f| format!("{}/{}", c.id, f.path)));
    files.collect()
}

#[test]
fn what_spin_makes_of_a_manifest() {
    let Some(golden) = golden() else { return };
    let mut compared = 0;
    for case in fs::read_dir(&golden).unwrap() {
        let case = case.unwrap().path();
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        if !case.join("app/spin.toml").is_file() {
            continue;
        }
        let result = loaded(&case.join("app"));
        if let Some((_, code)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
            let error = result.expect_err(&name);
            assert!(
                error.findings.iter().any(|finding| finding.code == *code),
                "{name}: {error}"
            );
        } else if NOT_YET.contains(&name.as_str()) {
            let error = result.expect_err(&name);
            assert!(
                error
                    .findings
                    .iter()
                    .all(|finding| finding.code == "unsupported"),
                "{name}: {error}"
            );
            assert!(
                error.findings.iter().all(|finding| finding.line.is_some()),
                "{name}: {error}"
            );
        } else if case.join("error.txt").exists() {
            result.expect_err(&name);
        } else {
            let app = result.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(*app.locked(), json(&case.join("locked.json")), "{name}");
            assert_eq!(files(&app), mounted(&case.join("mounted.txt")), "{name}");
        }
        compared += 1;
    }
    assert!(
        compared >= 25,
        "only {compared} cases in {}",
        golden.display()
    );
}

/// The largest case, without the dependencies that cannot be locked yet.
#[test]
fn the_full_case_without_its_dependencies() {
    let Some(case) = golden().map(|golden| golden.join("full")) else {
        return;
    };
    let app = tempfile::tempdir().unwrap();
    copy(&case.join("app"), app.path());
    let manifest = fs::read_to_string(case.join("app/spin.toml")).unwrap();
    let (before, after) = manifest
        .split_once("[component.main.dependencies]")
        .unwrap();
    let after = &after[after.find("[component.helper]").unwrap()..];
    fs::write(app.path().join("spin.toml"), format!("{before}{after}")).unwrap();

    let mut expected = json(&case.join("locked.json"));
    expected["components"][0]
        .as_object_mut()
        .unwrap()
        .remove("dependencies");
    let loaded = loaded(app.path()).unwrap();
    assert_eq!(*loaded.locked(), expected);
    assert_eq!(files(&loaded), mounted(&case.join("mounted.txt")));

    let options = LoadOptions {
        profile: Some("debug".into()),
        ..LoadOptions::default()
    };
    let debug = load(
        &Source::Manifest(app.path().join("spin.toml")),
        &options,
        &Ports::default(),
    )
    .unwrap();
    let main = &debug.locked()["components"][0];
    assert_eq!(debug.locked()["metadata"]["profile"], "debug");
    assert_eq!(main["source"]["source"], "file://{app}/wasm/dbg.wasm");
    assert_eq!(
        main["env"],
        serde_json::json!({ "EXTRA": "1", "RUST_LOG": "debug" })
    );
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // Not `fs::copy`, which would keep the originals' missing permission to write.
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
