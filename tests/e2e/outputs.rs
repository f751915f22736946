//! What later steps of a CI job are handed: `deploy --outputs FILE`.

use std::fs;

use crate::harness::app::App;
use crate::harness::registry::Registry;
use crate::harness::run::Machine;

#[test]
fn url_digest_and_release_are_appended_a_line_each() {
    let (registry, machine, app) = (Registry::start(), Machine::new(), App::shop());
    let outputs = machine.write("outputs", "earlier=kept\n");
    let more = ["--outputs", outputs.to_str().unwrap()];
    let ended = machine
        .push(app.path(), &registry.reference("outputs:v1"), &more)
        .ok();
    let release = &ended.json()["release"];
    let url = release["routes"][0]["url"].as_str().unwrap_or_default();
    let id = release["id"].as_str().unwrap();
    assert_eq!(
        fs::read_to_string(&outputs).unwrap(),
        format!(
            "earlier=kept\nurl={url}\ndigest={}\nrelease={id}\n",
            ended.digest()
        )
    );
}

#[test]
fn where_they_cannot_be_written_nothing_is_deployed() {
    let (registry, machine, app) = (Registry::start(), Machine::new(), App::shop());
    let more = ["--outputs", "/dev/null/outputs"];
    let reference = registry.reference("outputs:v1");
    machine
        .push(app.path(), &reference, &more)
        .fails(2)
        .says("--outputs");
    assert_eq!(registry.get("outputs/manifests/v1").status, 404);
}
