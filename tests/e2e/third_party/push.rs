//! A plugin that its author pushes, with the credential that this machine has for the registry.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::author::{Author, install, user};
use crate::credentials::nowhere;
use crate::harness::registry::{Access, Registry};
use crate::harness::run::Finished;

const USER: &str = "author";
const PASSWORD: &str = "planted-password-of-the-author-2b90";

fn config(registry: &Registry, password: &str) -> String {
    let pair = BASE64_STANDARD.encode(format!("{USER}:{password}"));
    let address = registry.address();
    format!(r#"{{"auths":{{"{address}":{{"auth":"{pair}"}}}}}}"#)
}

fn push(author: &Author, registry: &Registry) -> Finished {
    let (file, reference) = ("demo-0.1.0.wasm", registry.reference("acme/demo"));
    let line = [
        "plugins", "push", file, &reference, "--output", "json", "-v",
    ];
    author.machine.run(line)
}

fn secrets() -> [String; 3] {
    let pair = format!("{USER}:{PASSWORD}");
    [
        PASSWORD.to_owned(),
        BASE64_STANDARD.encode(PASSWORD),
        BASE64_STANDARD.encode(pair),
    ]
}

#[test]
fn who_is_logged_in_pushes_and_who_is_not_is_told_how() {
    let registry = Registry::with(Access::Basic(USER, PASSWORD), false);
    let author = Author::new();
    author.pack("0.1.0", "\"GET\"");
    let log_in = format!("docker login {}", registry.address());
    let is_empty = || registry.get("acme/demo/tags/list").status == 404;
    push(&author, &registry).fails(3).says(&log_in);
    assert!(is_empty());
    let place = ".docker/config.json";
    author
        .machine
        .write(place, config(&registry, "not this one"));
    let refused = push(&author, &registry).fails(3).says(&log_in);
    assert!(!refused.stderr.contains("not this one"), "{refused}");
    assert!(is_empty());

    author.machine.write(place, config(&registry, PASSWORD));
    let pushed = push(&author, &registry).ok();
    nowhere(&author.machine, &pushed, &[place], &secrets());
    let there = registry.manifest("acme/demo", "0.1.0");
    assert_eq!(pushed.json()["artifact"], there.digest);

    // The same again is nothing new; another one under that version is refused, and the first stays.
    push(&author, &registry).ok();
    author.pack("0.1.0", "\"GET\", \"POST\"");
    push(&author, &registry).fails(9).says("new version");
    assert_eq!(registry.manifest("acme/demo", "0.1.0").digest, there.digest);

    // And who wants it needs a credential too.
    let (machine, source) = (user(), registry.reference("acme/demo:0.1.0"));
    install(&machine, &source, &["--yes"])
        .fails(3)
        .says(&log_in);
    machine.write(place, config(&registry, PASSWORD));
    let installed = install(&machine, &source, &["--yes", "-v"]).ok();
    nowhere(&machine, &installed, &[place], &secrets());
}
