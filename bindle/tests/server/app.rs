//! An app to push, and how a plugin pushes it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::json;
use spin_deployer_bindle::{App, Bindle, Build, Credential, Error, Found, Server, Signature};
use spin_deployer_publish::{Component, Digest, File};

use crate::model::Model;

pub(crate) const WASM: &str = "wasm of main";

/// An app with one component and these files.
pub(crate) fn bindle_with(files: &[&str], build: &Build) -> Bindle {
    let files = files.iter().map(|text| File {
        path: format!("{text}.txt"),
        digest: Digest::of(text.as_bytes()),
        size: text.len() as u64,
    });
    let locked = json!({
        "metadata": { "name": "shop", "version": "0.1.0", "authors": ["Jane <jane@example.com>"] },
        "triggers": [{
            "id": "t", "trigger_type": "http",
            "trigger_config": { "component": "main", "route": "/..." }
        }],
        "components": [{ "id": "main" }]
    });
    Bindle::assemble(&App {
        name: "shop",
        version: Some("0.1.0"),
        locked: &locked.to_string(),
        fingerprint: "1a2b3c4d5e",
        components: &[Component {
            id: "main".to_owned(),
            wasm: Digest::of(WASM.as_bytes()),
            wasm_size: WASM.len() as u64,
            files: files.collect(),
        }],
        build,
    })
    .unwrap()
}

pub(crate) fn bindle() -> Bindle {
    bindle_with(&["one", "two"], &Build::Fingerprint)
}

pub(crate) fn server<'a>(model: &'a Model, credential: Option<&Credential>) -> Server<&'a Model> {
    Server::new(model, "https://bindle.test/v1", credential).unwrap()
}

/// As plugins do it.
pub(crate) fn push(model: &Model, bindle: &Bindle) -> Result<(), Error> {
    push_signed(model, bindle, None, None)
}

pub(crate) fn push_signed(
    model: &Model,
    bindle: &Bindle,
    credential: Option<&Credential>,
    signature: Option<Signature>,
) -> Result<(), Error> {
    let server = server(model, credential);
    run(async {
        let missing = match server.find(bindle).await? {
            Found::Invoice(missing) if missing.is_empty() => return Ok(()),
            Found::Invoice(missing) => missing,
            Found::Nothing => server.create(bindle, signature).await?,
        };
        server.complete(bindle, missing).await
    })
}

/// Runs a future that never waits for anything outside of the model.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
    panic!("the future waits for ever");
}
