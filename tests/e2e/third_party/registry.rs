//! A plugin in a registry: published, installed, deployed with, upgraded; and found out where somebody changed it.

use std::fs;

use serde_json::Value;

use super::author::{Author, change, component, deploy, install, lock, user};
use crate::harness::registry::Registry;
use crate::harness::sha256;

#[test]
fn from_the_author_over_a_registry_to_a_deploy() {
    let (registry, author) = (Registry::start(), Author::new());
    let artifact = author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");

    // Nobody agreed: nothing is here.
    let refused = install(&machine, &source, &[]).fails(5);
    let to = format!("http://{}", author.platform.address());
    refused.says(&to).says("--yes");
    assert_eq!(lock(&machine), "");

    let installed = install(&machine, &source, &["--yes"]).ok().says(&to).json();
    let digest = installed["plugin"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(digest, sha256(&fs::read(component(&machine)).unwrap()));
    let written = lock(&machine);
    assert!(
        written.contains(&format!("{source}@{artifact}")),
        "{written}"
    );
    assert!(written.contains(&digest), "{written}");

    let again = install(&machine, &source, &[]).ok().json();
    assert_eq!(again["unchanged"], true);
    deploy(&machine, &author).ok();
    assert_eq!(author.platform.connections(), 1);
    assert_eq!(lock(&machine), written);
    machine.run(["plugins", "verify"]).ok();
    let shown = machine.run(["plugins", "show", "demo", "--output", "json"]);
    assert_eq!(shown.ok().json()["source"], format!("{source}@{artifact}"));

    // With the lock alone, elsewhere: what was agreed to is what is run.
    let ci = user();
    ci.write("deployer.lock", &written);
    deploy(&ci, &author).fails(2).says("plugins fetch");
    ci.run(["plugins", "fetch"]).ok();
    assert_eq!(digest, sha256(&fs::read(component(&ci)).unwrap()));
    let script = format!("request GET {to}/x");
    ci.run(["deploy", "-t", "demo", "--script", &script, "--locked"])
        .ok();
    assert_eq!(author.platform.connections(), 2);
}

#[test]
fn an_upgrade_that_asks_for_more_shows_it_and_is_agreed_to() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();
    let before = lock(&machine);
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "demo", "--output", "json"];
        machine.run(line.iter().chain(more))
    };
    let newest = upgrade(&[]).ok().json();
    assert_eq!(newest["plugins"][0]["changes"], false);

    author.publish(&registry, "0.2.0", "\"GET\", \"POST\"");
    let listed = machine.run(["plugins", "list", "--output", "json"]).ok();
    let listed = listed.json();
    let all = listed["plugins"].as_array().unwrap();
    let demo = all.iter().find(|one| one["name"] == "demo").unwrap();
    assert_eq!(demo["newer"], "0.2.0");

    let gained = format!("+ POST http://{}/**", author.platform.address());
    let dry = upgrade(&["--dry-run"]).ok().json();
    assert_eq!(dry["plugins"][0]["to"], "0.2.0");
    assert_eq!(dry["plugins"][0]["difference"][0], gained);
    upgrade(&[]).fails(5).says(&gained);
    assert_eq!(lock(&machine), before);
    upgrade(&["--yes", "--locked"])
        .fails(5)
        .says("version: 0.1.0 in the lock, 0.2.0 here")
        .says(&gained);
    assert_eq!(lock(&machine), before);

    upgrade(&["--yes"]).ok();
    assert!(lock(&machine).contains("version = \"0.2.0\""));
    deploy(&machine, &author).ok();

    upgrade(&["--version", "0.1.0"])
        .fails(2)
        .says("--downgrade");
    upgrade(&["--version", "0.1.0", "--downgrade"]).ok();
    assert!(lock(&machine).contains("version = \"0.1.0\""));
}

#[test]
fn what_somebody_changed_on_this_machine_is_found_and_not_run() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let mut machine = user();
    let cache = machine.home().join("cache");
    machine.set("XDG_CACHE_HOME", &cache);
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();

    let compiled = fs::read_dir(cache.join("spin-deployer/compiled")).unwrap();
    let compiled = compiled.map(|e| e.unwrap().path()).next().unwrap();
    change(&compiled);
    let verified = machine.run(["plugins", "verify", "--output", "json"]);
    let verified = verified.fails(1).json();
    let wrong: Vec<_> = problems(&verified);
    assert_eq!(wrong, [compiled.to_str().unwrap()]);
    deploy(&machine, &author).ok();
    machine.run(["plugins", "verify"]).ok();

    let installed = component(&machine);
    change(&installed);
    let verified = machine.run(["plugins", "verify", "--output", "json"]);
    let verified = verified.fails(1).json();
    assert_eq!(problems(&verified), [installed.to_str().unwrap()]);
    machine.run(["plugins", "verify"]).fails(1).says("`demo`");
    let before = author.platform.connections();
    let refused = deploy(&machine, &author);
    assert!(!refused.status.success(), "{refused}");
    assert_eq!(author.platform.connections(), before);
    // Installing it again puts it right.
    install(&machine, &source, &["--yes"]).ok();
    machine.run(["plugins", "verify"]).ok();
    deploy(&machine, &author).ok();
}

fn problems(verified: &Value) -> Vec<&str> {
    let checked = verified["checked"].as_array().unwrap();
    let wrong = checked.iter().filter(|one| !one["problem"].is_null());
    wrong.map(|one| one["file"].as_str().unwrap()).collect()
}

#[test]
fn a_tag_that_moved_leads_nobody_to_another_plugin() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();
    let written = lock(&machine);
    author.move_tag(&registry, "0.1.0", "\"GET\", \"DELETE\"");
    install(&machine, &source, &["--yes"])
        .fails(5)
        .says("another component");
    assert_eq!(lock(&machine), written);

    // Who has the lock gets what it names, which the registry still has under its digest.
    let other = user();
    other.write("deployer.lock", &written);
    other.run(["plugins", "fetch"]).ok();
    let digest = sha256(&fs::read(component(&other)).unwrap());
    assert!(written.contains(&digest));

    // A lock that names a digest which is not there.
    let forged = user();
    forged.write("deployer.lock", written.replace(&digest, &sha256(b"other")));
    let refused = forged.run(["plugins", "fetch"]).fails(5);
    refused.says("another component");
}

#[test]
fn a_name_of_a_plugin_in_the_program_is_taken_only_expressly() {
    let author = Author::new();
    let file = author.pack("0.1.0", "\"GET\"");
    let text = fs::read_to_string(author.machine.home().join("plugin.toml")).unwrap();
    let text = text.replace("name = \"demo\"", "name = \"oci\"");
    author.machine.write("plugin.toml", text);
    let line = ["plugins", "pack", "component.wasm", "-o"];
    let line = line.into_iter().chain([file.to_str().unwrap()]);
    author.machine.run(line).ok();
    let machine = user();
    let file = file.to_str().unwrap();
    install(&machine, file, &["--yes"])
        .fails(2)
        .says("--override-built-in");
    install(&machine, file, &["--yes", "--override-built-in"]).ok();
    assert!(lock(&machine).contains("overrides = true"));
    machine.run(["plugins", "uninstall", "oci"]).ok();
}
