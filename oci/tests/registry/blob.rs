//! One blob of an image on its way, and the answers that such a way is made of.

use std::time::Duration;

use spin_deployer_oci::{
    Assembly, Component, Contents, Digest, Error, Image, Presence, Registry, Survey, media,
};

use crate::script::{Expected, Script, on, run};

pub(crate) const MIB: u64 = 1 << 20;

struct Nothing;

impl Contents for Nothing {
    type Error = std::convert::Infallible;

    fn bytes(&self, _: &Digest) -> Result<Vec<u8>, Self::Error> {
        Ok(Vec::new())
    }

    fn archive(&self, id: &str) -> Result<(Digest, u64), Self::Error> {
        Ok((Digest::of(id.as_bytes()), 1))
    }
}

/// An image of which the registry has all but the Wasm of `size` bytes, whose digest is that of `b"wasm"`.
pub(crate) fn image(size: u64) -> (Image, Survey) {
    let wasm = Digest::of(b"wasm");
    let locked = format!(r#"{{"components":[{{"id":"a","source":{{"digest":"{wasm}"}}}}]}}"#);
    let component = Component {
        id: "a".to_owned(),
        wasm: wasm.clone(),
        wasm_size: size,
        files: vec![],
    };
    let assembly = Assembly {
        locked: &locked,
        components: &[component],
        annotations: Default::default(),
        archives: false,
    };
    let image = Image::assemble(&assembly, &Nothing).unwrap();
    let blobs = image
        .contents()
        .map(|layer| {
            let presence = if layer.descriptor.media_type == media::WASM {
                Presence::Missing
            } else {
                Presence::Present
            };
            (layer.descriptor.digest.clone(), presence)
        })
        .collect();
    (
        image,
        Survey {
            tags: vec![],
            blobs,
            manifest: false,
        },
    )
}

pub(crate) fn upload(size: u64, script: &Script) -> Result<(), Error> {
    let (image, survey) = image(size);
    let registry = Registry::new(script, "https://reg.test", "a/b", None, &[]);
    run(registry.push_blobs(&image, &survey))
}

pub(crate) fn succeeds(size: u64, expected: impl IntoIterator<Item = Expected>) -> Vec<Duration> {
    let script = Script::new(expected);
    upload(size, &script).unwrap();
    script.finished();
    script.slept.take()
}

pub(crate) fn fails(size: u64, expected: impl IntoIterator<Item = Expected>) -> Error {
    let script = Script::new(expected);
    let error = upload(size, &script).unwrap_err();
    script.finished();
    error
}

pub(crate) fn begins() -> Expected {
    on("POST /v2/a/b/blobs/uploads/")
        .answers(202)
        .header("location", "/v2/a/b/blobs/uploads/1?_state=x")
}

/// The blob is not there yet.
pub(crate) fn is_missing() -> Expected {
    on("HEAD /v2/a/b/blobs/sha256:*").answers(404)
}

pub(crate) fn commits() -> Expected {
    on("PUT /v2/a/b/blobs/uploads/1?_state=x&digest=sha256%3A*").answers(201)
}
