//! The locked app and the mounted files are what Spin's own loader makes of the same manifest.
//!
//! The cases were measured with Spin itself and are not part of this repository; without them (`GOLDEN_DIR` names
//! their folder) this test has nothing to say, and `tests/manifest.rs` has cases of its own.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use spin_deployer_app::{App, Composition, LoadError, LoadOptions, Ports, Source, load};

/// What Spin accepts and this loader refuses on purpose, with the code of the finding.
const REFUSED: [(&str, &str); 7] = [
    ("dupid", "duplicate-trigger"),
    ("err_nocomp", "unknown-component"),
    ("err_noname", "no-name"),
    ("err_abs_dest", "outside-guest"),
    ("err_parent", "outside-app"),
    ("trav_glob", "outside-app"),
    ("trav_src_place", "outside-app"),
];

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
        // There is nothing in this Wasm to compose.
        &LoadOptions {
            composition: Composition::Reported,
            ..LoadOptions::default()
        },
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

/// With a profile, the largest case differs in what was measured only.
#[test]
fn the_full_case_with_a_profile() {
    let Some(case) = golden().map(|golden| golden.join("full")) else {
        return;
    };
    let options = LoadOptions {
        profile: Some("debug".into()),
        composition: Composition::Reported,
        ..LoadOptions::default()
    };
    let debug = load(
        &Source::Manifest(case.join("app/spin.toml")),
        &options,
        &Ports::default(),
    )
    .unwrap();
    let mut expected = json(&case.join("locked.json"));
    expected["metadata"]["profile"] = "debug".into();
    let main = &mut expected["components"][0];
    main["source"]["source"] = "file://{app}/wasm/dbg.wasm".into();
    main["env"] = serde_json::json!({ "EXTRA": "1", "RUST_LOG": "debug" });
    assert_eq!(*debug.locked(), expected);
}
