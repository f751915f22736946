//! What the apps of tests are made of.

use serde_json::Value;
use spin_deployer_bindle::{App, AssembleError, Bindle, Build};
use spin_deployer_publish::{Component, Digest, File};

pub(crate) const FINGERPRINT: &str = "1a2b3c4d5e6f70819293a4b5c6d7e8f9";

/// A component of this Wasm, with these files by their paths.
pub(crate) fn component<'a>(
    id: &str,
    wasm: &str,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Component {
    let file = |(path, text): (&str, &str)| File {
        path: path.to_owned(),
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
    };
    Component {
        id: id.to_owned(),
        wasm: Digest::of(wasm.as_bytes()),
        wasm_size: wasm.len() as u64,
        files: files.into_iter().map(file).collect(),
    }
}

/// The bindle of a locked app, which has the name and the version.
pub(crate) fn assemble(
    locked: &Value,
    components: &[Component],
    build: &Build,
) -> Result<Bindle, AssembleError> {
    let metadata = &locked["metadata"];
    Bindle::assemble(&App {
        name: metadata["name"].as_str().unwrap_or_default(),
        version: metadata["version"].as_str(),
        locked: &locked.to_string(),
        fingerprint: FINGERPRINT,
        components,
        build,
    })
}
