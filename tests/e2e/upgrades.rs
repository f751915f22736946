//! What of a registry is newer and can be used, and what stands in the report where some of it cannot.

use crate::harness::plugin::hostile;
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};

const SPIN: [&str; 2] = ["--spin-version", "4.0.0"];

/// Puts a version into the registry that is made for that Spin.
fn publish(machine: &Machine, registry: &Registry, version: &str, spin: &str) {
    let manifest = format!(
        "name = \"demo\"\nversion = \"{version}\"\ndescription = \"d\"\nspin-compatibility = \"{spin}\"\n"
    );
    let file = hostile(machine.home(), &manifest);
    let place = registry.reference("acme/demo");
    let line = ["plugins", "push", file.to_str().unwrap(), &place];
    machine.run(line).ok();
}

fn run(machine: &Machine, command: &str, more: &[&str]) -> Finished {
    let line = ["plugins", command, "--output", "json"].into_iter();
    machine.run(line.chain(SPIN).chain(more.iter().copied()))
}

fn newer(machine: &Machine) -> serde_json::Value {
    let listed = run(machine, "list", &[]).ok().json();
    let all = listed["plugins"].as_array().unwrap().iter();
    let demo = all.into_iter().find(|one| one["name"] == "demo");
    let demo = demo.unwrap().clone();
    assert_eq!(demo["unknown"], serde_json::Value::Null);
    demo["newer"].clone()
}

#[test]
fn of_a_registry_the_newest_that_this_spin_can_use_is_taken() {
    let (registry, machine) = (Registry::start(), Machine::new());
    publish(&machine, &registry, "0.1.0", ">=4.0");
    let source = registry.reference("acme/demo:0.1.0");
    run(&machine, "install", &[&source, "--yes"]).ok();
    publish(&machine, &registry, "0.4.0", ">=5.0");
    assert_eq!(newer(&machine), serde_json::Value::Null);
    let stays = run(&machine, "upgrade", &[]).ok().json();
    let stays = &stays["plugins"][0];
    assert_eq!(stays["changes"], false);
    assert_eq!(stays["note"], "0.4.0 is there, and made for Spin >=5.0");
    assert_eq!(stays["error"], serde_json::Value::Null);

    publish(&machine, &registry, "0.2.0", ">=4.0");
    publish(&machine, &registry, "0.3.0", "<4.0");
    assert_eq!(newer(&machine), "0.2.0");
    let done = run(&machine, "upgrade", &["--yes"]).ok().json();
    let done = &done["plugins"][0];
    assert_eq!(
        (&done["to"], &done["changes"]),
        (&"0.2.0".into(), &true.into())
    );
    assert_eq!(done["note"], "0.4.0 is there, and made for Spin >=5.0");

    // Who names it is told why not.
    let refused = run(&machine, "upgrade", &["--version", "0.4.0"]).fails(6);
    let error = &refused.json()["plugins"][0]["error"];
    assert_eq!(
        (&error["code"], &error["exit_code"]),
        (&"incompatible".into(), &6.into())
    );
    refused.says("is not upgraded").says("--spin-version");
    // Within a range the same.
    let range = ["--version", "<0.4", "--downgrade"];
    let same = run(&machine, "upgrade", &range).ok().json();
    assert_eq!(same["plugins"][0]["changes"], false);
    assert_eq!(newer(&machine), serde_json::Value::Null);
}

#[test]
fn no_more_than_eight_are_looked_into() {
    let (registry, author, machine) = (Registry::start(), Machine::new(), Machine::new());
    publish(&author, &registry, "0.1.0", ">=4.0");
    let source = registry.reference("acme/demo:0.1.0");
    run(&machine, "install", &[&source, "--yes"]).ok();
    publish(&author, &registry, "0.2.0", ">=4.0");
    for minor in 3..12 {
        publish(&author, &registry, &format!("0.{minor}.0"), ">=5.0");
    }
    let stays = run(&machine, "upgrade", &[]).ok().json();
    let note = stays["plugins"][0]["note"].as_str().unwrap();
    assert!(note.starts_with("0.11.0 is there"), "{note}");
    assert!(note.contains("--version"), "{note}");
    let log = std::fs::read_to_string(machine.audit_log()).unwrap();
    let asked = |version: &str| log.contains(&format!("/manifests/{version}\""));
    assert!(asked("0.11.0") && asked("0.4.0"), "{log}");
    assert!(!asked("0.3.0") && !asked("0.2.0"), "{log}");
    let done = run(&machine, "upgrade", &["--version", "0.2.0"])
        .ok()
        .json();
    assert_eq!(done["plugins"][0]["to"], "0.2.0");
}
