//! One folder in `cases` for each thing that a manifest can say: `spin.toml`, and the locked app that Spin makes of it.
//!
//! `{wasm}` is the digest of what lies elsewhere, `profile` holds the name of a profile, `warnings` a code and a line
//! for each. What Spin was measured to do is in `tests/golden.rs`; these were worked out from its rules.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::PathBuf;

use common::Fixture;
use common::remotes::{Shelf, digest};
use rstest::rstest;
use serde_json::Value;
use spin_deployer_app::{Composition, Level, LoadOptions, Ports, load};

#[rstest]
fn a_manifest_is_locked_as_spin_locks_it(#[files("tests/cases/*/spin.toml")] manifest: PathBuf) {
    let case = manifest.parent().unwrap();
    let read = |name: &str| {
        let text = fs::read_to_string(case.join(name)).ok()?;
        Some(text.replace("{wasm}", &digest(common::WASM)))
    };
    let mut fixture = Fixture::new()
        .with("spin.toml", read("spin.toml").unwrap())
        .with("static/a.txt", "a");
    for name in ["dep.wasm", "other.wasm", "debug.wasm"] {
        fixture = fixture.with(name, common::WASM);
    }
    let shelf = Shelf::new();
    let ports = Ports {
        remotes: &shelf,
        ..Ports::default()
    };
    let options = LoadOptions {
        profile: read("profile").map(|name| name.trim().to_owned()),
        // There is nothing in this Wasm to compose.
        composition: Composition::Reported,
        ..LoadOptions::default()
    };
    let app = load(&fixture.source(), &options, &ports).unwrap_or_else(|error| panic!("{error}"));

    let expected: Value = serde_json::from_str(&read("locked.json").unwrap()).unwrap();
    assert_eq!(*app.locked(), expected, "{:#}", app.locked());
    // The order of equal maps decides over the digest.
    let order = |app: &Value| {
        let components = app["components"].as_array().unwrap().iter();
        let names = components.filter_map(|component| component["dependencies"].as_object());
        names
            .flat_map(|dependencies| dependencies.keys().cloned())
            .collect::<Vec<_>>()
    };
    assert_eq!(order(app.locked()), order(&expected));
    let warnings: Vec<_> = app
        .findings()
        .iter()
        .filter(|finding| finding.level == Level::Warning)
        .map(|finding| format!("{} {}\n", finding.code, finding.line.unwrap()))
        .collect();
    assert_eq!(warnings.concat(), read("warnings").unwrap_or_default());
}
