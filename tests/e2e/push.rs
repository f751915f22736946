//! A push leaves in the registry, byte for byte, what Spin reads.

use std::collections::BTreeMap;
use std::process::Command;

use crate::harness::app::{App, noise};
use crate::harness::expected::{self, Image};
use crate::harness::registry::Registry;
use crate::harness::run::Machine;
use crate::harness::{sha256, skopeo};

/// Everything that the registry has under that reference is that image.
#[track_caller]
fn holds(registry: &Registry, repository: &str, reference: &str, image: &Image) {
    let manifest = registry.manifest(repository, reference);
    assert_eq!(
        manifest.content_type,
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(String::from_utf8(manifest.body).unwrap(), image.manifest);
    let config = registry.blob(repository, &sha256(image.config.as_bytes()));
    assert_eq!(config.as_deref(), Some(image.config.as_bytes()));
    for (kind, bytes) in &image.layers {
        let layer = registry.blob(repository, &sha256(bytes));
        assert!(
            layer.as_ref() == Some(bytes),
            "{kind} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn the_image_is_what_spin_would_have_pushed() {
    let registry = Registry::start();
    let machine = Machine::new();
    let app = App::shop();
    let image = expected::shop(&[]);
    let pushed = machine
        .push(app.path(), &registry.reference("shop:v1"), &[])
        .ok();
    holds(&registry, "shop", "v1", &image);
    assert_eq!(pushed.digest(), sha256(image.manifest.as_bytes()));
}

#[test]
fn skopeo_inspects_it_and_pulls_all_of_it() {
    let registry = Registry::start();
    let app = App::shop();
    let image = expected::shop(&[]);
    Machine::new()
        .push(app.path(), &registry.reference("shop:v1"), &[])
        .ok();

    let from = format!("docker://{}", registry.reference("shop:v1"));
    assert_eq!(skopeo::raw_manifest(&from), image.manifest.as_bytes());
    let seen = skopeo::inspect(&from);
    assert_eq!(seen["Digest"], sha256(image.manifest.as_bytes()));
    assert_eq!(seen["Architecture"], "wasm");
    let layers: Vec<_> = image
        .layers
        .iter()
        .map(|(_, bytes)| sha256(bytes))
        .collect();
    assert_eq!(seen["Layers"], serde_json::json!(layers));

    let folder = tempfile::tempdir().unwrap();
    skopeo::pull(&from, folder.path());
    for (kind, bytes) in &image.layers {
        let blob = folder
            .path()
            .join("blobs")
            .join(sha256(bytes).replace(':', "/"));
        assert!(
            &std::fs::read(blob).unwrap() == bytes,
            "{kind} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn the_digest_is_printed() {
    let registry = Registry::start();
    let app = App::shop();
    let reference = registry.reference("shop:v1");
    let path = app.path().to_str().unwrap();
    let pushed = Machine::new()
        .run(["deploy", "-f", path, "-t", "oci", "--reference", &reference])
        .ok();
    let digest = sha256(expected::shop(&[]).manifest.as_bytes());
    assert!(pushed.stdout.contains(&digest), "{pushed}");
}

#[test]
fn the_digest_depends_on_the_content_alone() {
    let registry = Registry::start();
    let app = App::shop();
    // The same files in another folder, made in another order, with other times.
    let twin = App::empty();
    let mut paths = vec!["spin.toml", "hello.wasm"];
    paths.extend(["static/e.bin", "static/deep/d.bin", "static/c-layer.bin"]);
    paths.extend(["static/b-inline.bin", "static/a-empty.txt"]);
    for path in paths {
        twin.write(path, std::fs::read(app.path().join(path)).unwrap());
    }
    let one = Machine::new()
        .push(app.path(), &registry.reference("one:v1"), &[])
        .ok();
    let two = Machine::new()
        .push(twin.path(), &registry.reference("two:v2"), &[])
        .ok();
    assert_eq!(one.digest(), two.digest());
}

#[test]
fn annotations_are_added_and_win() {
    let registry = Registry::start();
    let app = App::shop();
    let image = expected::shop(&[
        ("org.example.ticket", "OPS-1=2"),
        ("org.opencontainers.image.title", "storefront"),
    ]);
    let more = [
        "--annotation",
        "org.example.ticket=OPS-1=2",
        "--annotation",
        "org.opencontainers.image.title=storefront",
    ];
    Machine::new()
        .push(app.path(), &registry.reference("shop:v1"), &more)
        .ok();
    holds(&registry, "shop", "v1", &image);
}

#[test]
fn created_comes_from_source_date_epoch_alone() {
    let registry = Registry::start();
    let app = App::shop();
    let mut machine = Machine::new();
    machine.set("SOURCE_DATE_EPOCH", "1700000000");
    machine
        .push(app.path(), &registry.reference("shop:v1"), &[])
        .ok();
    let manifest = registry.manifest("shop", "v1").body;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let created = manifest["annotations"]["org.opencontainers.image.created"]
        .as_str()
        .unwrap();
    assert!(created.starts_with("2023-11-14T22:13:20"), "{created}");
}

#[test]
fn every_tag_names_the_same_image() {
    let registry = Registry::start();
    let app = App::shop();
    let image = expected::shop(&[]);
    let more = ["--tag", "v1.2", "--tag", "latest"];
    Machine::new()
        .push(app.path(), &registry.reference("shop:v1.2.3"), &more)
        .ok();
    for tag in ["v1.2.3", "v1.2", "latest"] {
        holds(&registry, "shop", tag, &image);
    }
}

/// The manifest, and of each layer its media type, digest and size.
type Layers = Vec<(String, String, u64)>;

fn layers(registry: &Registry, repository: &str) -> (Layers, serde_json::Value) {
    let manifest = registry.manifest(repository, "v1").body;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let layers: Layers = manifest["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| {
            let text = |name: &str| layer[name].as_str().unwrap().to_owned();
            (
                text("mediaType"),
                text("digest"),
                layer["size"].as_u64().unwrap(),
            )
        })
        .collect();
    let (_, locked, _) = layers.last().unwrap();
    let locked = registry.blob(repository, locked).unwrap();
    (layers, serde_json::from_slice(&locked).unwrap())
}

/// The files of an archive as tar reads them: path to digest.
fn unpacked(archive: &[u8]) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("archive.tar.gz");
    std::fs::write(&file, archive).unwrap();
    let list = Command::new("tar").arg("-tzf").arg(&file).output().unwrap();
    assert!(list.status.success());
    let names = String::from_utf8(list.stdout).unwrap();
    let files = names.lines().filter(|name| !name.ends_with('/'));
    files
        .map(|name| {
            let content = Command::new("tar")
                .arg("-xzOf")
                .arg(&file)
                .arg(name)
                .output()
                .unwrap();
            assert!(content.status.success());
            (
                name.trim_start_matches("./").to_owned(),
                sha256(&content.stdout),
            )
        })
        .collect()
}

#[track_caller]
fn is_archived(registry: &Registry, repository: &str, files: &BTreeMap<String, String>) {
    let (layers, locked) = layers(registry, repository);
    let kinds: Vec<_> = layers.iter().map(|(kind, ..)| kind.as_str()).collect();
    assert_eq!(kinds, [expected::WASM, expected::ARCHIVE, expected::LOCKED]);
    let archive = registry.blob(repository, &layers[1].1).unwrap();
    assert_eq!(&unpacked(&archive), files);
    let named = locked["components"][0]["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let text = |name: &str| file[name].as_str().unwrap().to_owned();
            (text("path"), text("digest"))
        });
    assert_eq!(&named.collect::<BTreeMap<_, _>>(), files);
}

#[test]
fn five_hundred_layers_become_an_archive_a_component() {
    let registry = Registry::start();
    let app = App::small();
    // With the code, 498 files make the 499 layers that still go singly; the locked application comes on top.
    let mut files = BTreeMap::new();
    let mut add = |count: std::ops::Range<usize>| {
        for n in count {
            let path = format!("static/{n:03}.bin");
            let bytes = noise(&path, 200);
            app.write(&path, &bytes);
            files.insert(path, sha256(&bytes));
        }
        files.clone()
    };
    std::fs::remove_file(app.path().join("static/inline.txt")).unwrap();
    std::fs::remove_file(app.path().join("static/layer.bin")).unwrap();
    let machine = Machine::new();
    add(0..498);
    machine
        .push(app.path(), &registry.reference("single:v1"), &[])
        .ok();
    assert_eq!(layers(&registry, "single").0.len(), 500);
    let files = add(498..499);
    let first = machine
        .push(app.path(), &registry.reference("archive:v1"), &[])
        .ok();
    is_archived(&registry, "archive", &files);
    let second = Machine::new()
        .push(app.path(), &registry.reference("other:v1"), &[])
        .ok();
    assert_eq!(first.digest(), second.digest());
}

#[test]
fn archive_layers_can_be_asked_for() {
    let registry = Registry::start();
    let app = App::small();
    let files = ["static/inline.txt", "static/layer.bin"].map(|path| {
        let bytes = std::fs::read(app.path().join(path)).unwrap();
        (path.to_owned(), sha256(&bytes))
    });
    let files = BTreeMap::from(files);
    let mut machine = Machine::new();
    let flag = machine
        .push(
            app.path(),
            &registry.reference("flag:v1"),
            &["--archive-layers"],
        )
        .ok();
    is_archived(&registry, "flag", &files);
    machine.set("SPIN_OCI_ARCHIVE_LAYERS", "1");
    let variable = machine
        .push(app.path(), &registry.reference("variable:v1"), &[])
        .ok();
    assert_eq!(flag.digest(), variable.digest());
}

#[test]
fn spin_starts_it_like_any_plugin() {
    let registry = Registry::start();
    let mut machine = Machine::new();
    for name in [
        "VERSION",
        "VERSION_MAJOR",
        "VERSION_MINOR",
        "VERSION_PATCH",
        "VERSION_PRE",
    ] {
        machine.set(
            &format!("SPIN_{name}"),
            if name == "VERSION" { "4.0.2" } else { "0" },
        );
    }
    machine.set("SPIN_BIN_PATH", "/nowhere/spin");
    let reference = registry.reference("shop:v1");
    let app = App::shop();
    // `spin deploy ARGS` puts `deploy` first and leaves the rest as it was typed.
    let path = app.path().to_str().unwrap();
    machine
        .run(["deploy", "-t", "oci", "--reference", &reference, "-f", path])
        .ok();
    holds(&registry, "shop", "v1", &expected::shop(&[]));
    let help = machine.run(["deploy", "--help"]).ok();
    assert!(help.stdout.contains("--target"), "{help}");
}
