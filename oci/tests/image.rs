//! What Spin itself pushed for an application comes out of `Image::assemble` byte for byte.
//!
//! The documents were observed with Spin 4.1 and a real registry; only its `created` annotation, which is another at each
//! push, is left out.

#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

use std::collections::BTreeMap;
use std::convert::Infallible;

use spin_deployer_oci::{AssembleError, Assembly, Component, Contents, Digest, File, Image, media};

const WASM: &str = "sha256:8f990affb50453aa9c47663f730604a9200cc169e980f6470772f9bcffd020a9";

/// Contents by their digest.
#[derive(Default)]
struct Small(BTreeMap<Digest, Vec<u8>>);

impl Small {
    fn add(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        self.0.insert(digest.clone(), bytes.to_vec());
        digest
    }
}

impl Contents for Small {
    type Error = Infallible;

    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, Infallible> {
        Ok(self.0[digest].clone())
    }

    fn archive(&self, component_id: &str) -> Result<(Digest, u64), Infallible> {
        Ok((Digest::of(component_id.as_bytes()), 1_000))
    }
}

fn component(id: &str, files: Vec<File>) -> Component {
    Component {
        id: id.to_owned(),
        wasm: WASM.parse().unwrap(),
        wasm_size: 256_746,
        files,
    }
}

fn file(path: &str, digest: Digest, size: u64) -> File {
    File {
        path: path.to_owned(),
        digest,
        size,
    }
}

fn assemble(locked: &str, components: &[Component], contents: &Small, archives: bool) -> Image {
    let assembly = Assembly {
        locked,
        components,
        annotations: BTreeMap::new(),
        archives,
    };
    Image::assemble(&assembly, contents).unwrap()
}

fn application(image: &Image) -> &str {
    let last = image.layers.last().unwrap();
    assert_eq!(last.descriptor.media_type, media::APPLICATION);
    str::from_utf8(last.bytes.as_deref().unwrap()).unwrap()
}

const HELLO: &str = r#"{"spin_lock_version":0,"metadata":{"authors":["peer"],"description":"hello peer app","name":"hello","trigger":{"type":"http"},"triggers":{},"version":"0.1.0"},"triggers":[{"id":"hello-http-trigger","trigger_type":"http","trigger_config":{"component":"hello","route":"/..."}}],"components":[{"id":"hello","metadata":{"build":{"command":"cargo build --target wasm32-wasip2 --release","watch":["src/**/*.rs","Cargo.toml"]}},"source":{"content_type":"application/wasm","digest":"sha256:8f990affb50453aa9c47663f730604a9200cc169e980f6470772f9bcffd020a9"}}]}"#;

#[test]
fn an_app_of_one_component_is_what_spin_pushes() {
    let image = assemble(
        HELLO,
        &[component("hello", vec![])],
        &Small::default(),
        false,
    );
    assert_eq!(application(&image), HELLO);
    assert_eq!(
        str::from_utf8(image.config.bytes.as_deref().unwrap()).unwrap(),
        r#"{"architecture":"wasm","os":"Wasip1","config":{"Labels":{"com.fermyon.spin.lockedAppDigest":"sha256:ddf02d3a390653030255ba70f1b635eb62f4b0dabbf0160143f2a71f30bc997a"}},"rootfs":{"type":"layers","diff_ids":[]}}"#
    );
    assert_eq!(
        str::from_utf8(&image.manifest).unwrap(),
        r#"{"annotations":{"org.opencontainers.image.authors":"peer","org.opencontainers.image.description":"hello peer app","org.opencontainers.image.title":"hello","org.opencontainers.image.version":"0.1.0"},"config":{"digest":"sha256:2ae21ee2f81a37e6f7e027d85da4c6ba5ad885bcb6fe60009aff8859b8debdb3","mediaType":"application/vnd.oci.image.config.v1+json","size":209},"layers":[{"digest":"sha256:8f990affb50453aa9c47663f730604a9200cc169e980f6470772f9bcffd020a9","mediaType":"application/vnd.wasm.content.layer.v1+wasm","size":256746},{"digest":"sha256:ddf02d3a390653030255ba70f1b635eb62f4b0dabbf0160143f2a71f30bc997a","mediaType":"application/vnd.fermyon.spin.application.v1+config","size":551}],"schemaVersion":2}"#
    );
    assert_eq!(image.digest, Digest::of(&image.manifest));
}

const FILES: &str = r#"{"spin_lock_version":0,"metadata":{"name":"hello-files","trigger":{"type":"http"},"triggers":{},"version":"0.2.0"},"variables":{"greeting":{"default":"hi"},"token":{"secret":true}},"triggers":[{"id":"hello-http-trigger","trigger_type":"http","trigger_config":{"component":"hello","route":"/..."}},{"id":"back-http-trigger","trigger_type":"http","trigger_config":{"component":"back","route":{"private":true}}}],"components":[{"id":"hello","metadata":{"allowed_outbound_hosts":["https://example.com:443"],"databases":["default"],"key_value_stores":["default"]},"source":{"content_type":"application/wasm","digest":"sha256:8f990affb50453aa9c47663f730604a9200cc169e980f6470772f9bcffd020a9"},"env":{"A":"1"},"files":[{"inline":"c21hbGw","digest":"sha256:81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130","path":"static/small.txt"},{"inline":"","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","path":"static/empty.txt"},{"digest":"sha256:0d4e2ca9e9cbced7a7a5380eb29e1a3783b9b6d0db72de36a1051038e1c1fbc7","path":"static/sub/big.txt"}],"config":{"greeting":"{{ greeting }}"}},{"id":"back","source":{"content_type":"application/wasm","digest":"sha256:8f990affb50453aa9c47663f730604a9200cc169e980f6470772f9bcffd020a9"}}]}"#;

fn files(contents: &mut Small) -> Vec<Component> {
    let big = "sha256:0d4e2ca9e9cbced7a7a5380eb29e1a3783b9b6d0db72de36a1051038e1c1fbc7";
    vec![
        component(
            "hello",
            vec![
                file("static/small.txt", contents.add(b"small"), 5),
                file("static/empty.txt", contents.add(b""), 0),
                file("static/sub/big.txt", big.parse().unwrap(), 3_000),
            ],
        ),
        component("back", vec![]),
    ]
}

#[test]
fn small_files_are_inlined_and_equal_layers_pushed_once_as_spin_does() {
    let mut contents = Small::default();
    let components = files(&mut contents);
    let portable = FILES
        .replace(r#""inline":"c21hbGw","#, "")
        .replace(r#""inline":"","#, "");
    assert!(!portable.contains("inline"));
    let image = assemble(&portable, &components, &contents, false);
    assert_eq!(application(&image), FILES);
    let kinds: Vec<&str> = image
        .layers
        .iter()
        .map(|l| l.descriptor.media_type.as_str())
        .collect();
    assert_eq!(kinds, [media::WASM, media::DATA, media::APPLICATION]);
}

#[test]
fn archives_take_the_place_of_files_and_leave_the_locked_app_as_it_is() {
    let mut contents = Small::default();
    let components = files(&mut contents);
    let image = assemble(FILES, &components, &contents, true);
    let kinds: Vec<&str> = image
        .layers
        .iter()
        .map(|l| l.descriptor.media_type.as_str())
        .collect();
    assert_eq!(kinds, [media::WASM, media::ARCHIVE, media::APPLICATION]);
}

#[test]
fn more_than_499_layers_become_archives_and_499_do_not() {
    for (files, archived) in [(498, false), (499, true)] {
        let mut contents = Small::default();
        let big = |n: u32| Digest::of(&n.to_le_bytes());
        let listed = (0..files)
            .map(|n| file(&format!("{n}"), big(n), 129))
            .collect();
        let references: Vec<String> = (0..files)
            .map(|n| format!(r#"{{"digest":"{}","path":"{n}"}}"#, big(n)))
            .collect();
        let locked = format!(
            r#"{{"components":[{{"id":"a","source":{{"digest":"{WASM}"}},"files":[{}]}}]}}"#,
            references.join(",")
        );
        contents.add(b"");
        let image = assemble(&locked, &[component("a", listed)], &contents, false);
        let has_archive = image
            .layers
            .iter()
            .any(|l| l.descriptor.media_type == media::ARCHIVE);
        assert_eq!(has_archive, archived, "{files} files");
        assert_eq!(image.layers.len(), if archived { 3 } else { 500 });
    }
}

#[test]
fn contents_of_128_bytes_are_inlined_and_of_129_are_layers_and_wasm_is_always_one() {
    for (size, inlined) in [(128, true), (129, false)] {
        let mut contents = Small::default();
        let bytes = vec![b'x'; size];
        let digest = contents.add(&bytes);
        let locked = format!(
            r#"{{"components":[{{"id":"a","source":{{"digest":"{digest}"}},"files":[{{"digest":"{digest}","path":"f"}}]}}]}}"#
        );
        let component = Component {
            id: "a".to_owned(),
            wasm: digest.clone(),
            wasm_size: size as u64,
            files: vec![file("f", digest, size as u64)],
        };
        let image = assemble(&locked, &[component], &contents, false);
        assert_eq!(
            application(&image).matches("inline").count(),
            if inlined { 2 } else { 0 }
        );
        let kinds: Vec<&str> = image
            .layers
            .iter()
            .map(|l| l.descriptor.media_type.as_str())
            .collect();
        if inlined {
            assert_eq!(kinds, [media::WASM, media::APPLICATION]);
        } else {
            // The same bytes in two roles, as Spin has it.
            assert_eq!(kinds, [media::WASM, media::DATA, media::APPLICATION]);
        }
    }
}

#[test]
fn chosen_annotations_win_over_those_of_the_app() {
    let title = "org.opencontainers.image.title".to_owned();
    let assembly = Assembly {
        locked: HELLO,
        components: &[component("hello", vec![])],
        annotations: BTreeMap::from([
            (title.clone(), "mine".to_owned()),
            ("a.b".to_owned(), "c".to_owned()),
        ]),
        archives: false,
    };
    let image = Image::assemble(&assembly, &Small::default()).unwrap();
    assert_eq!(image.annotations[&title], "mine");
    assert_eq!(image.annotations["a.b"], "c");
    assert_eq!(
        image.annotations["org.opencontainers.image.version"],
        "0.1.0"
    );
}

#[test]
fn a_content_that_no_component_has_is_an_error() {
    let unknown = HELLO.replace("8f990a", "000000");
    let assembly = Assembly {
        locked: &unknown,
        components: &[component("hello", vec![])],
        annotations: BTreeMap::new(),
        archives: false,
    };
    let error = Image::assemble(&assembly, &Small::default()).unwrap_err();
    assert!(matches!(error, AssembleError::Unknown(digest) if digest.contains("000000ffb504")));
}
