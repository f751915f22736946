//! An app to push, and how a plugin pushes it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::json;
use spin_deployer_bindle::{Bindle, Build, Credential, Error, Found, Server, Signature};

use crate::model::Model;
use crate::parts::{assemble, component};

pub(crate) const WASM: &str = "wasm of main";

/// An app with one component and these files.
pub(crate) fn bindle_with(files: &[&str], build: &Build) -> Bindle {
    let locked = json!({
        "metadata": { "name": "shop", "version": "0.1.0", "authors": ["Jane <jane@example.com>"] },
        "triggers": [{
            "id": "t", "trigger_type": "http",
            "trigger_config": { "component": "main", "route": "/..." }
        }],
        "components": [{ "id": "main" }]
    });
    let names: Vec<String> = files.iter().map(|text| format!("{text}.txt")).collect();
    let files = names.iter().map(String::as_str).zip(files.iter().copied());
    assemble(&locked, &[component("main", WASM, files)], build).unwrap()
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
