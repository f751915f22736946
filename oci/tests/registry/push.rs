//! What is asked before anything is sent, and what is not sent.

use spin_deployer_oci::{Digest, Error, Image, Presence, Registry, Survey, TagState};

use crate::blob;
use crate::script::{Script, on, run};

fn image() -> Image {
    blob::image(1_000).0
}

fn tags(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

#[test]
fn an_image_that_its_tag_names_already_costs_one_request() {
    let image = image();
    let script = Script::new([on("HEAD /v2/a/b/manifests/v1")
        .answers(200)
        .header("docker-content-digest", image.digest.as_str())]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &[]);
    let survey = run(registry.survey(&image, &tags(&["v1"]), &[])).unwrap();
    script.finished();
    assert_eq!(survey.tags, [("v1".to_owned(), TagState::Same)]);
    assert!(survey.manifest && survey.blobs.values().all(|p| *p == Presence::Present));
    run(registry.push_blobs(&image, &survey)).unwrap();
}

#[test]
fn an_image_under_another_tag_needs_no_blob_to_be_asked_about() {
    let image = image();
    let other = Digest::of(b"other");
    let script = Script::new([
        on("HEAD /v2/a/b/manifests/v1").answers(404),
        on("HEAD /v2/a/b/manifests/v2")
            .answers(200)
            .header("docker-content-digest", other.as_str()),
        on("HEAD /v2/a/b/manifests/sha256:*").answers(200),
        on("PUT /v2/a/b/manifests/v1")
            .with_body(0, image.manifest.len() as u64)
            .with("content-type", "application/vnd.oci.image.manifest.v1+json")
            .answers(201)
            .header("docker-content-digest", image.digest.as_str()),
    ]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &[]);
    let survey = run(registry.survey(&image, &tags(&["v1", "v2"]), &[])).unwrap();
    assert_eq!(
        survey.tags,
        [
            ("v1".to_owned(), TagState::New),
            ("v2".to_owned(), TagState::Other(Some(other)))
        ]
    );
    run(registry.push_blobs(&image, &survey)).unwrap();
    run(registry.tag(&image, "v1")).unwrap();
    script.finished();
}

#[test]
fn a_blob_of_another_repository_is_mounted_and_not_sent() {
    let image = image();
    let from = tags(&["private", "base"]);
    let wasm = Digest::of(b"wasm");
    // Asked in the order of their digests, with the repositories to mount from after each that is missing.
    let mut script = vec![
        on("HEAD /v2/a/b/manifests/v1").answers(404),
        on("HEAD /v2/a/b/manifests/sha256:*").answers(404),
    ];
    let mut digests: Vec<&Digest> = image.contents().map(|l| &l.descriptor.digest).collect();
    digests.sort();
    for digest in digests {
        if *digest == wasm {
            script.push(on("HEAD /v2/a/b/blobs/*").answers(404));
            script.push(on("HEAD /v2/private/blobs/*").answers(403));
            script.push(on("HEAD /v2/base/blobs/*").answers(200));
        } else {
            script.push(on("HEAD /v2/a/b/blobs/*").answers(200));
        }
    }
    script.push(on("POST /v2/a/b/blobs/uploads/?mount=sha256%3A*").answers(201));
    let script = Script::new(script);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &from);
    let survey = run(registry.survey(&image, &tags(&["v1"]), &from)).unwrap();
    assert_eq!(survey.blobs[&wasm], Presence::Elsewhere("base".to_owned()));
    run(registry.push_blobs(&image, &survey)).unwrap();
    script.finished();
}

#[test]
fn a_mount_that_is_refused_becomes_an_upload() {
    let image = image();
    let mut blobs: std::collections::BTreeMap<_, _> = image
        .contents()
        .map(|l| (l.descriptor.digest.clone(), Presence::Present))
        .collect();
    blobs.insert(Digest::of(b"wasm"), Presence::Elsewhere("base".to_owned()));
    let survey = Survey {
        tags: vec![],
        blobs,
        manifest: false,
    };
    let script = Script::new([
        on("POST /v2/a/b/blobs/uploads/?mount=sha256%3A*")
            .answers(202)
            .header("location", "/u/1"),
        on("PUT /u/1?digest=sha256%3A*")
            .with_body(0, 1_000)
            .answers(201),
    ]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &tags(&["base"]));
    run(registry.push_blobs(&image, &survey)).unwrap();
    script.finished();
}

#[test]
fn a_manifest_whose_blobs_are_gone_says_so() {
    let image = image();
    let script = Script::new([on("PUT /v2/a/b/manifests/v1")
        .with_body(0, image.manifest.len() as u64)
        .answers(400)
        .body(
            r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#,
        )]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &[]);
    assert!(matches!(
        run(registry.tag(&image, "v1")),
        Err(Error::MissingBlob(_))
    ));
}

#[test]
fn a_tag_that_was_changed_on_its_way_is_an_error() {
    let image = image();
    let script = Script::new([on("PUT /v2/a/b/manifests/v1")
        .with_body(0, image.manifest.len() as u64)
        .answers(201)
        .header("docker-content-digest", Digest::of(b"x").as_str())]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &[]);
    assert!(matches!(
        run(registry.tag(&image, "v1")),
        Err(Error::Digest { .. })
    ));
}
