//! Name and version need nothing but the manifest, or the locked application.
#![allow(clippy::unwrap_used)]

mod common;

use common::Fixture;
use common::layout::{Layout, WASM_LAYER, minimal};
use spin_deployer_app::{Identity, LoadError, LoadOptions, Ports, Source, identify};

fn identified(source: &Source) -> Result<Identity, LoadError> {
    identify(source, &LoadOptions::default(), &Ports::default())
}

fn manifest(text: &str) -> Result<Identity, LoadError> {
    let fixture = Fixture::new().with("spin.toml", text);
    identified(&fixture.source())
}

fn identity(name: &str, version: Option<&str>) -> Identity {
    Identity {
        name: name.into(),
        version: version.map(String::from),
    }
}

fn codes(result: Result<Identity, LoadError>) -> Vec<&'static str> {
    let findings = result.unwrap_err().findings;
    findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn a_manifest_whose_wasm_and_files_are_gone_still_says_who_it_is() {
    let text = "spin_manifest_version = 2\n[application]\nname = \"shop\"\nversion = \"1.2.0\"\nnonsense = 1\n\
        [[trigger.http]]\ncomponent = \"c\"\n[component.c]\nsource = \"gone.wasm\"\nfiles = [\"gone/*\"]\n";
    assert_eq!(manifest(text).unwrap(), identity("shop", Some("1.2.0")));
    let short = "spin_manifest_version = 2\n[application]\nname = \"shop\"\n";
    assert_eq!(manifest(short).unwrap(), identity("shop", None));
}

#[test]
fn it_is_what_the_loaded_app_says() {
    let fixture = Fixture::new().component("");
    let app = fixture.load().unwrap();
    let expected = identity(app.name(), app.version());
    assert_eq!(identified(&fixture.source()).unwrap(), expected);
}

#[test]
fn what_is_wrong_with_name_version_or_syntax_is_said() {
    let head = "spin_manifest_version = 2\n[application]\n";
    for (text, expected) in [
        ("x = = 1".to_owned(), "syntax"),
        ("spin_manifest_version = 2".to_owned(), "missing-field"),
        ("[application]\nname = \"a\"".to_owned(), "manifest-version"),
        (head.to_owned(), "missing-field"),
        (format!("{head}name = \" \""), "no-name"),
        (format!("{head}name = 1"), "wrong-type"),
        (
            format!("{head}name = \"a\"\nversion = \" \""),
            "invalid-name",
        ),
        (format!("{head}name = \"a\"\nversion = 1"), "wrong-type"),
    ] {
        let codes = codes(manifest(&text));
        assert!(
            codes.iter().all(|code| *code == expected),
            "{text}: {codes:?}"
        );
    }
    let nowhere = Source::Manifest("/nowhere/spin.toml".into());
    assert_eq!(codes(identified(&nowhere)), ["no-manifest"]);
}

#[test]
fn a_layout_needs_its_locked_app_only() {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, b"whatever");
    layout.image("v1", &minimal(&wasm));
    std::fs::remove_file(layout.blob_path(&wasm)).unwrap();
    let directory = layout.path().to_owned();
    let source = |name: &str| Source::OciLayout {
        directory: directory.clone(),
        name: Some(name.into()),
    };
    assert_eq!(identified(&source("v1")).unwrap(), identity("test", None));
    for (name, code) in [("a\\u001b[31m", "invalid-name"), (" ", "no-name")] {
        layout.image(code, &minimal(&wasm).replace("test", name));
        assert_eq!(codes(identified(&source(code))), [code]);
        let options = LoadOptions {
            name: Some("preview".into()),
            ..LoadOptions::default()
        };
        let given = identify(&source(code), &options, &Ports::default());
        assert_eq!(given.unwrap(), identity("preview", None));
    }
    assert_eq!(codes(identified(&source("v2"))), ["no-image"]);
}
