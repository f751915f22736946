//! Nothing is removed that the user was not shown before.

use serde_json::{Value, json};

use crate::harness::app::{App, noise};
use crate::harness::plugin::hostile;
use crate::harness::run::{Finished, Machine};

const MANIFEST: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Keeps releases"
options = [
    { name = "behaviour", type = "text", default = "print", help = "What it does" },
    { name = "removes", type = "text", help = "What it would remove" },
]
"#;

/// Which calls of the plugin the audit log has.
fn calls(machine: &Machine) -> Vec<String> {
    let log = std::fs::read_to_string(machine.audit_log()).unwrap_or_default();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let calls = lines.filter(|line| line["event"] == "call");
    calls
        .map(|line| line["call"].as_str().unwrap().to_owned())
        .collect()
}

fn destroy(more: &[&str]) -> (Machine, Finished) {
    let (machine, app) = (Machine::new(), App::small());
    let plugin = hostile(machine.home(), MANIFEST);
    let line = [
        "destroy",
        "-t",
        plugin.to_str().unwrap(),
        "-f",
        app.path().to_str().unwrap(),
    ];
    let finished = machine.run([&line, more].concat());
    (machine, finished)
}

#[test]
fn what_would_be_removed_is_shown_to_who_has_agreed_to_it_too() {
    let (machine, finished) = destroy(&["--yes", "--removes", "channel one\ntwo\u{1b}[2J"]);
    let finished = finished.ok().says("- delete  thing  channel one\n");
    let finished = finished
        .says("- delete  thing  two\\u{1b}[2J\n")
        .says("2 to delete\n");
    assert!(finished.stdout.starts_with("Removed from "), "{finished}");
    assert_eq!(calls(&machine), ["removal", "destroy"]);

    let (_, finished) = destroy(&["--yes", "--output", "json"]);
    let report = finished.ok().json();
    assert_eq!(report["removed"], json!(["app"]));
    let app =
        json!({"action": "delete", "kind": "thing", "name": "app", "detail": null, "bytes": null});
    assert_eq!(report["planned"], json!([app]));

    let (_, finished) = destroy(&["--yes", "--quiet"]);
    assert_eq!(finished.ok().stderr, "");
}

#[test]
fn where_nobody_can_be_asked_it_is_shown_and_nothing_is_removed() {
    let (machine, finished) = destroy(&[]);
    let finished = finished.fails(2).says("- delete  thing  app\n");
    finished.says("nobody can be asked").says("add --yes");
    assert_eq!(calls(&machine), ["removal"]);
}

#[test]
fn where_nothing_is_there_nobody_is_asked() {
    let (machine, finished) = destroy(&["--removes", ""]);
    let finished = finished.ok();
    assert!(
        finished.stdout.starts_with("Nothing to remove from "),
        "{finished}"
    );
    assert_eq!(calls(&machine), ["removal"]);
}

#[test]
fn the_local_target_lists_its_releases_and_what_was_never_finished() {
    let (machine, app) = (Machine::new(), App::shop());
    let path = app.path().to_str().unwrap();
    let run = |command: &str, more: &[&str]| {
        machine.run([&[command, "-t", "local", "-f", path], more].concat())
    };
    let json = ["--yes", "--output", "json"];
    run("deploy", &[]).ok();
    app.write("static/e.bin", noise("second", 1000));
    run("deploy", &[]).ok();
    let shown = run("destroy", &[]).fails(2);
    shown
        .says("- delete  release  2  the active one\n")
        .says("- delete  release  1\n");
    let report = run("destroy", &json).ok().json();
    assert_eq!(report["planned"].as_array().unwrap().len(), 2);
    assert_eq!(report["removed"], json!(["release 1", "release 2"]));
    let report = run("destroy", &["--output", "json"]).ok().json();
    assert_eq!(
        (&report["planned"], &report["removed"]),
        (&json!([]), &json!([]))
    );

    app.write(".deployer/oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#);
    let blob = format!(".deployer/blobs/sha256/{}", "0".repeat(64));
    app.write(&blob, "half a layer");
    let report = run("destroy", &json).ok().json();
    assert_eq!(report["removed"], json!(["what an unfinished deploy left"]));
    assert!(!app.path().join(".deployer/oci-layout").exists());
    assert!(!app.path().join(blob).exists());
}
