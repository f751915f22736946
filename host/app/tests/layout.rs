//! An app comes out of an OCI layout as it went in.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use common::layout::{ARCHIVE, DATA, Layout, WASM_LAYER, minimal};
use common::{Fixture, WASM, read};
use serde_json::{Value, json};
use spin_deployer_app::App;

/// The contents are in the folder.
fn app() -> (Fixture, App) {
    let fixture = Fixture::new()
        .with("static/small.txt", "small")
        .with("static/empty.txt", "")
        .with("static/sub/big.txt", "x".repeat(500))
        .component("files = [\"static/**/*\"]\nenvironment = { B = \"2\", A = \"1\" }");
    let app = fixture.load().unwrap();
    (fixture, app)
}

/// What a push does: contents of at most 128 bytes go into the locked app, `inline` before `digest`.
fn inlined(app: &App) -> String {
    let mut locked: Value = serde_json::from_str(app.portable()).unwrap();
    let inline = |reference: &mut Value| {
        let bytes = read(app, reference["digest"].as_str().unwrap());
        if bytes.len() <= 128 {
            let mut with = serde_json::Map::new();
            for (key, value) in reference.as_object().unwrap() {
                if key == "digest" {
                    with.insert("inline".into(), STANDARD_NO_PAD.encode(&bytes).into());
                }
                with.insert(key.clone(), value.clone());
            }
            *reference = with.into();
        }
    };
    for component in locked["components"].as_array_mut().unwrap() {
        inline(&mut component["source"]);
        component["files"]
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(inline);
    }
    locked.to_string()
}

fn same(app: &App, again: &App) {
    assert_eq!(again.portable(), app.portable());
    assert_eq!(again.fingerprint(), app.fingerprint());
    assert_eq!(again.components(), app.components());
    assert_eq!(again.total_size(), app.total_size());
    for component in app.components() {
        for digest in component
            .files
            .iter()
            .map(|file| &file.digest)
            .chain([&component.wasm_digest])
        {
            assert_eq!(read(again, digest), read(app, digest));
        }
    }
}

#[test]
fn an_app_comes_back_as_it_went_in() {
    let (_fixture, app) = app();
    let mut layout = Layout::new();
    layout.layer(WASM_LAYER, WASM);
    layout.layer(DATA, "x".repeat(500).as_bytes());
    let locked = inlined(&app);
    assert!(locked.contains(r#"{"inline":"c21hbGw","digest":"sha256:"#));
    layout.image("v1", &locked);
    let again = layout.load().unwrap();
    same(&app, &again);
    assert_eq!(inlined(&again), locked);
    assert_eq!(again.locked().to_string(), locked);
    assert_eq!((again.name(), again.needs()), ("test", app.needs()));
}

#[test]
fn an_app_comes_back_from_an_archive() {
    let (_fixture, app) = app();
    let mut layout = Layout::new();
    layout.layer(WASM_LAYER, WASM);
    let archive = app.archive("c").unwrap();
    layout.layer(ARCHIVE, &read(&app, archive.digest()));
    layout.image("v1", app.portable());
    let again = layout.load().unwrap();
    same(&app, &again);
    // A reader of a part of the shared temporary file sees that part.
    let big = &again.components()[0].files[2];
    let mut tail = String::new();
    std::io::Read::read_to_string(
        &mut again.content(&big.digest).unwrap().open(490).unwrap(),
        &mut tail,
    )
    .unwrap();
    assert_eq!(tail, "x".repeat(10));
}

#[test]
fn an_origin_of_the_machine_that_pulled_it_is_not_part_of_the_app() {
    let (_fixture, app) = app();
    let mut layout = Layout::new();
    layout.layer(WASM_LAYER, WASM);
    layout.layer(DATA, "x".repeat(500).as_bytes());
    let locked = inlined(&app).replacen(
        r#""name":"#,
        r#""origin":"vnd.fermyon.origin-oci:x","name":"#,
        1,
    );
    layout.image("v1", &locked);
    assert_eq!(layout.load().unwrap().portable(), app.portable());
}

#[test]
fn an_image_is_chosen_by_name_or_digest_or_is_the_latest() {
    let mut layout = Layout::new();
    let mut digests = Vec::new();
    for name in ["v1", "v2"] {
        let wasm = layout.layer(WASM_LAYER, WASM);
        digests.push(layout.image(name, &minimal(&wasm).replace("test", name)));
    }
    assert_eq!(layout.load_named(Some("v1")).unwrap().name(), "v1");
    assert_eq!(layout.load_named(Some(&digests[1])).unwrap().name(), "v2");
    let error = layout.error();
    assert!(error.code == "no-image" && error.help.unwrap().contains("`v1`, `v2`"));
    assert_eq!(
        layout.load_named(Some("v3")).unwrap_err().findings[0].code,
        "no-image"
    );
    let wasm = layout.layer(WASM_LAYER, WASM);
    layout.image("latest", &minimal(&wasm).replace("test", "newest"));
    assert_eq!(layout.load().unwrap().name(), "newest");
}

#[test]
fn an_image_of_long_ago_has_the_locked_app_as_its_configuration() {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    let (config, size) = layout.blob(minimal(&wasm).as_bytes());
    let manifest = json!({ "config": { "digest": config, "size": size }, "layers": layout.layers });
    let (digest, size) = layout.blob(manifest.to_string().as_bytes());
    layout
        .images
        .push(json!({ "digest": digest, "size": size }));
    layout.index();
    assert_eq!(layout.load().unwrap().name(), "test");
}
