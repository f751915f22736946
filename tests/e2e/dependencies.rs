//! An app whose component depends on another one arrives as one component, and that component works.

use std::path::Path;

use crate::harness::app::{App, built};
use crate::harness::arrived::Arrived;
use crate::harness::registry::Registry;
use crate::harness::run::Machine;

/// `front` answers with what `words` says, which is a component of its own.
const GREETER: &str = r#"spin_manifest_version = 2
[application]
name = "greeter"
[[trigger.http]]
route = "/..."
component = "front"
[component.front]
source = "front.wasm"
environment = { SECRET = "not for words" }
[component.front.dependencies]
"example:greeting/words@0.1.0" = { path = "words.wasm" }
"#;

fn greeter() -> App {
    let app = App::empty();
    app.write("spin.toml", GREETER);
    app.write("front.wasm", built("front"));
    app.write("words.wasm", built("words"));
    app
}

/// Runs what is there: the answer comes from the dependency, which has nothing that it was not given.
#[track_caller]
fn greets(arrived: &Arrived) {
    assert_eq!(arrived.answer("front", "greet?world"), "hello world");
    assert_eq!(arrived.answer("front", "environment"), " 0");
    let front = arrived.component("front");
    assert!(front.get("dependencies").is_none(), "{front}");
    assert_eq!(arrived.wasm.len(), 1, "the dependency is in the component");
}

#[test]
fn a_component_calls_its_dependency_after_it_was_pushed() {
    let registry = Registry::start();
    let app = greeter();
    Machine::new()
        .push(app.path(), &registry.reference("greeter:v1"), &[])
        .ok();
    greets(&Arrived::in_registry(&registry, "greeter", "v1"));
}

#[test]
fn a_component_calls_its_dependency_from_a_layout() {
    let app = greeter();
    let from = app.path().to_str().unwrap();
    Machine::new()
        .run(["deploy", "-f", from, "-t", "local"])
        .ok();
    greets(&Arrived::in_layout(&app.path().join(".deployer")));
}

#[test]
fn it_moves_on_as_it_is_and_is_not_composed_again() {
    let (here, there) = (Registry::start(), Registry::start());
    let digest = {
        let app = greeter();
        let pushed = Machine::new().push(app.path(), &here.reference("greeter:v1"), &[]);
        pushed.ok().digest()
    };
    // Another machine: it has neither the parts nor what came of them.
    let mut machine = Machine::new();
    machine.set("XDG_CACHE_HOME", machine.home().join("cache"));
    let from = here.reference("greeter:v1");
    let moved = machine.push(Path::new(&from), &there.reference("greeter:prod"), &[]);
    assert_eq!(moved.ok().digest(), digest);
    assert_eq!(
        there.manifest("greeter", "prod").body,
        here.manifest("greeter", "v1").body
    );
    greets(&Arrived::in_registry(&there, "greeter", "prod"));
}
