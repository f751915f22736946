//! A hostile OCI layout gets a finding, and nothing else.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;

use common::layout::{ARCHIVE, LOCKED, Layout, WASM_LAYER, digest, minimal};
use common::{WASM, read};
use rstest::rstest;
use serde_json::{Value, json};

/// One row for each thing that a locked app can have wrong: what replaces what.
#[rstest]
#[case::not_json("{", "", "syntax")]
#[case::version("\"spin_lock_version\":0", "\"spin_lock_version\":2", "unsupported")]
#[case::must_understand(
    "\"metadata\"",
    "\"must_understand\":[\"magic\"],\"metadata\"",
    "unsupported"
)]
#[case::no_name("\"name\":\"test\"", "\"name\":\"\"", "no-name")]
#[case::no_name_at_all("\"name\":\"test\"", "\"nome\":\"test\"", "no-name")]
#[case::blank_name("\"name\":\"test\"", "\"name\":\" \"", "no-name")]
#[case::name_that_acts_on_terminals(
    "\"name\":\"test\"",
    "\"name\":\"a\\u001b[31m\"",
    "invalid-name"
)]
#[case::blank_version(
    "\"name\":\"test\"",
    "\"name\":\"test\",\"version\":\" \"",
    "invalid-name"
)]
#[case::version_of_two_lines(
    "\"name\":\"test\"",
    "\"name\":\"test\",\"version\":\"1\\n2\"",
    "invalid-name"
)]
#[case::version_that_is_a_number("\"name\":\"test\"", "\"name\":\"test\",\"version\":1", "syntax")]
#[case::no_components("\"components\"", "\"komponents\"", "syntax")]
#[case::bad_id("\"id\":\"c\"", "\"id\":\"../c\"", "invalid-name")]
#[case::dot_for_an_id("\"id\":\"c\"", "\"id\":\".\"", "invalid-name")]
#[case::dots_for_an_id("\"id\":\"c\"", "\"id\":\"..\"", "invalid-name")]
#[case::blank_id("\"id\":\"c\"", "\"id\":\" \"", "invalid-name")]
#[case::bad_digest("sha256:", "sha512:", "wrong-digest")]
#[case::missing_content(
    "\"digest\":\"sha256:",
    "\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"x\":\"",
    "missing-content"
)]
#[case::no_digest("\"digest\"", "\"diggest\"", "missing-content")]
#[case::unknown_component(
    "\"triggers\":[]",
    "\"triggers\":[{\"trigger_config\":{\"component\":\"x\"}}]",
    "unknown-component"
)]
#[case::file_above(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"../x\"}]",
    "outside-guest"
)]
#[case::file_at_the_root(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"/etc/x\"}]",
    "outside-guest"
)]
#[case::file_without_a_name(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"a//b\"}]",
    "outside-guest"
)]
#[case::file_above_on_windows(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"a\\\\..\\\\b\"}]",
    "outside-guest"
)]
#[case::file_of_two_lines(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"a\\nb\"}]",
    "outside-guest"
)]
#[case::file_twice(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"path\":\"a\"},{\"inline\":\"eA\",\"path\":\"a\"}]",
    "file-twice"
)]
#[case::no_base64(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"?\",\"path\":\"a\"}]",
    "syntax"
)]
#[case::inline_of_another_digest(
    "\"files\":[]",
    "\"files\":[{\"inline\":\"eA\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"path\":\"a\"}]",
    "wrong-digest"
)]
fn a_locked_app_that_is_wrong_is_refused(
    #[case] what: &str,
    #[case] instead: &str,
    #[case] code: &str,
) {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    let locked = minimal(&wasm);
    assert!(locked.contains(what));
    layout.image("v1", &locked.replacen(what, instead, 1));
    assert_eq!(layout.error().code, code);
}

/// One row for each thing that the files of a layout can have wrong.
#[rstest]
#[case::no_layout("no-layout", |layout: &Layout, _: &str| fs::remove_file(layout.path().join("oci-layout")).unwrap())]
#[case::other_version("unsupported", |layout: &Layout, _: &str| {
    fs::write(layout.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
})]
#[case::no_index("no-layout", |layout: &Layout, _: &str| fs::remove_file(layout.path().join("index.json")).unwrap())]
#[case::broken_index("syntax", |layout: &Layout, _: &str| fs::write(layout.path().join("index.json"), "[").unwrap())]
#[case::empty_index("no-image", |layout: &Layout, _: &str| fs::write(layout.path().join("index.json"), "{}").unwrap())]
#[case::large_index("too-large", |layout: &Layout, _: &str| fs::write(layout.path().join("index.json"), vec![b' '; (4 << 20) + 1]).unwrap())]
#[case::missing_blob("missing-content", |layout: &Layout, wasm: &str| fs::remove_file(layout.blob_path(wasm)).unwrap())]
#[case::other_bytes("wrong-digest", |layout: &Layout, wasm: &str| fs::write(layout.blob_path(wasm), "otherwas").unwrap())]
#[case::other_size("wrong-size", |layout: &Layout, wasm: &str| fs::write(layout.blob_path(wasm), "short").unwrap())]
#[case::directory("not-a-file", |layout: &Layout, wasm: &str| {
    fs::remove_file(layout.blob_path(wasm)).unwrap();
    fs::create_dir(layout.blob_path(wasm)).unwrap();
})]
#[case::digest_that_climbs("wrong-digest", |layout: &Layout, _: &str| {
    let index = r#"{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}"#;
    fs::write(layout.path().join("index.json"), index).unwrap();
})]
#[case::absurd_size("wrong-size", |layout: &Layout, _: &str| {
    let text = fs::read_to_string(layout.path().join("index.json")).unwrap();
    let mut index: Value = serde_json::from_str(&text).unwrap();
    index["manifests"][0]["size"] = u64::MAX.into();
    fs::write(layout.path().join("index.json"), index.to_string()).unwrap();
})]
fn a_layout_that_is_wrong_is_refused(#[case] code: &str, #[case] spoil: fn(&Layout, &str)) {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    layout.image("v1", &minimal(&wasm));
    layout.load().unwrap();
    spoil(&layout, &wasm);
    assert_eq!(layout.error().code, code);
}

#[cfg(unix)]
#[test]
fn a_blob_that_is_a_link_is_refused() {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    layout.image("v1", &minimal(&wasm));
    fs::rename(layout.blob_path(&wasm), layout.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere", layout.blob_path(&wasm)).unwrap();
    assert_eq!(layout.error().code, "outside-app");
}

#[test]
fn an_image_of_something_else_is_no_app() {
    let mut layout = Layout::new();
    layout.layer(WASM_LAYER, WASM);
    layout.image("v1", "{}");
    let manifest = layout.images[0]["digest"].as_str().unwrap().to_owned();
    let text = fs::read_to_string(layout.blob_path(&manifest))
        .unwrap()
        .replace(LOCKED, "text/plain");
    let (digest, size) = layout.blob(text.as_bytes());
    layout.images = vec![json!({ "digest": digest, "size": size })];
    layout.index();
    assert_eq!(layout.error().code, "not-an-app");
}

fn tar(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(1);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(&[b'x'; 1]);
        bytes.extend_from_slice(&[0; 511]);
    }
    bytes.extend_from_slice(&[0; 1024]);
    gzip(&bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[rstest]
#[case::climbs(tar(&[("../x", tar::EntryType::Regular)]), "outside-guest")]
#[case::at_the_root(tar(&[("/x", tar::EntryType::Regular)]), "outside-guest")]
#[case::link(tar(&[("x", tar::EntryType::Symlink)]), "archive")]
#[case::hard_link(tar(&[("x", tar::EntryType::Link)]), "archive")]
#[case::device(tar(&[("x", tar::EntryType::Char)]), "archive")]
#[case::no_gzip(b"no gzip at all".to_vec(), "archive")]
#[case::no_tar(gzip(&[b'x'; 2000]), "archive")]
#[case::cut(tar(&[("x", tar::EntryType::Regular)])[..20].to_vec(), "archive")]
#[case::not_in_it(tar(&[("y", tar::EntryType::Directory)]), "missing-content")]
fn an_archive_that_is_wrong_is_refused(#[case] archive: Vec<u8>, #[case] code: &str) {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    layout.layer(ARCHIVE, &archive);
    let file = json!([{ "digest": digest(b"x"), "path": "x" }]);
    layout.image(
        "v1",
        &minimal(&wasm).replace("\"files\":[]", &format!("\"files\":{file}")),
    );
    assert_eq!(layout.error().code, code);
}

#[test]
fn names_in_an_archive_may_be_long() {
    let mut layout = Layout::new();
    let wasm = layout.layer(WASM_LAYER, WASM);
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    builder
        .append_data(&mut header, "n/".repeat(200) + "x", &b"x"[..])
        .unwrap();
    layout.layer(ARCHIVE, &gzip(&builder.into_inner().unwrap()));
    let file = json!([{ "digest": digest(b"x"), "path": "x" }]);
    layout.image(
        "v1",
        &minimal(&wasm).replace("\"files\":[]", &format!("\"files\":{file}")),
    );
    assert_eq!(read(&layout.load().unwrap(), &digest(b"x")), b"x");
}
