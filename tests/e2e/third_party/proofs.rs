//! What proves who signed a plugin lies beside it, and is checked at every run: neither a lock nor what is installed is
//! believed where a policy names signers.

use std::fs;
use std::path::PathBuf;

use super::author::{Author, deploy, install, lock, user};
use super::signatures::Publisher;
use crate::harness::minisign::{Minisign, beside};
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};

/// Somebody whose administrator lets in what this key signed.
fn under_policy(key: &str) -> Machine {
    let mut machine = user();
    let policy = format!("schema = 1\nrequire.signers = [\"{key}\"]\n");
    let policy = machine.write("policy.toml", policy);
    machine.set("SPIN_DEPLOYER_POLICY", policy);
    machine
}

/// A deploy with what lies in `plugins`, under the lock.
fn from_vendor(machine: &Machine, author: &Author) -> Finished {
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "-t", "demo", "--script", &script];
    machine.run(line.into_iter().chain(["--locked", "--vendor", "plugins"]))
}

/// The folder `plugins` of `from`, and its lock, as a checkout brings them. The file of the proof.
fn hand_on(from: &Machine, to: &Machine) -> PathBuf {
    to.write("deployer.lock", lock(from));
    for entry in fs::read_dir(from.home().join("plugins")).unwrap() {
        let (name, path) = entry.map(|e| (e.file_name(), e.path())).unwrap();
        let path_there = format!("plugins/{}", name.to_str().unwrap());
        to.write(&path_there, fs::read(path).unwrap());
    }
    let entries = fs::read_dir(to.home().join("plugins")).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    files
        .find(|file| file.extension().is_some_and(|e| e == "json"))
        .expect("a proof")
}

#[test]
fn a_file_is_signed_by_what_lies_beside_it() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    let machine = under_policy(&publisher.key());
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "--yes", "-t", file.to_str().unwrap()];
    let deploy = || machine.run(line.into_iter().chain(["--script", &script]));
    deploy().ok();
    Minisign::new().sign(&file);
    deploy().fails(5).says("policy.toml");
    fs::remove_file(beside(&file)).unwrap();
    deploy().fails(5).says("policy.toml");
    assert_eq!(author.platform.connections(), 1);
}

#[test]
fn a_vendored_plugin_brings_its_proof() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    let (developer, key) = (user(), publisher.key());
    let source = file.to_str().unwrap();
    install(&developer, source, &["--yes", "--key", &key]).ok();
    let fetch = ["plugins", "fetch", "--vendor", "plugins"];
    developer.run(fetch).ok();

    let runner = under_policy(&key);
    let proof = hand_on(&developer, &runner);
    from_vendor(&runner, &author).ok();
    assert_eq!(author.platform.connections(), 1);
    // Another key's, and none.
    Minisign::new().sign(&file);
    let other = fs::read_to_string(beside(&file)).unwrap();
    let other = serde_json::json!({ "minisign": other });
    fs::write(&proof, other.to_string()).unwrap();
    from_vendor(&runner, &author).fails(5).says("policy.toml");
    fs::remove_file(&proof).unwrap();
    from_vendor(&runner, &author).fails(5).says("policy.toml");
    assert_eq!(author.platform.connections(), 1);

    // Where it is missing, `fetch` brings it again.
    publisher.sign(&file);
    fs::remove_file(proof).unwrap_err();
    runner.run(fetch).ok();
    from_vendor(&runner, &author).ok();
}

#[test]
fn the_proof_of_a_registry_is_enough_without_it() {
    let (registry, author, publisher) = (Registry::start(), Author::new(), Publisher::new());
    let artifact = author.publish(&registry, "0.1.0", "\"GET\"");
    publisher.sign(&registry, &artifact);
    let developer = user();
    let source = registry.reference("acme/demo:0.1.0");
    let key = publisher.key();
    install(&developer, &source, &["--yes", "--key", &key]).ok();
    let fetch = ["plugins", "fetch", "--vendor", "plugins"];
    developer.run(fetch).ok();
    drop(registry);

    let runner = under_policy(&key);
    let proof = hand_on(&developer, &runner);
    from_vendor(&runner, &author).ok();
    // A signature of something else does not become one of this.
    let text = fs::read_to_string(&proof).unwrap();
    let changed = text.replace("\\\"layers\\\":[", "\\\"layers\\\":[ ");
    assert_ne!(text, changed);
    fs::write(&proof, changed).unwrap();
    from_vendor(&runner, &author).fails(5).says("policy.toml");
    assert_eq!(author.platform.connections(), 1);
}

#[test]
fn a_lock_with_two_tables_for_one_component_proves_nothing() {
    let (author, attacker, trusted) = (Author::new(), Minisign::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    attacker.sign(&file);
    let developer = user();
    let source = file.to_str().unwrap();
    install(&developer, source, &["--yes", "--key", &attacker.key()]).ok();
    let honest = lock(&developer);
    let table = honest.split_once("[plugins.demo]").unwrap().1;
    let twin = table
        .replace("plugins.demo", "plugins.twin")
        .replace(&attacker.key(), &trusted.key());
    let runner = under_policy(&trusted.key());
    for forged in [
        format!("{honest}\n[plugins.twin]{twin}"),
        honest.replace(&attacker.key(), &trusted.key()),
        honest.clone(),
    ] {
        runner.write("deployer.lock", forged);
        runner.run(["plugins", "fetch"]).fails(5);
        deploy(&runner, &author).fails(5).says("policy.toml");
    }
    // Nor does a store that had it before there was a policy.
    let mut runner = user();
    runner.write("deployer.lock", &honest);
    runner.run(["plugins", "fetch"]).ok();
    let policy = format!("schema = 1\nrequire.signers = [\"{}\"]\n", trusted.key());
    let policy = runner.write("policy.toml", policy);
    runner.set("SPIN_DEPLOYER_POLICY", policy);
    runner.set("CI", "true");
    let forged = honest.replace(&attacker.key(), &trusted.key());
    runner.write("deployer.lock", forged);
    deploy(&runner, &author).fails(5).says("policy.toml");
    assert_eq!(author.platform.connections(), 0);
}

#[test]
fn a_lock_without_a_signer_makes_nobody_forget_one() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let first = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&first);
    let machine = user();
    let source = first.to_str().unwrap();
    install(&machine, source, &["--yes", "--key", &publisher.key()]).ok();
    let unsigned: String = lock(&machine)
        .lines()
        .filter(|line| !line.starts_with("signer"))
        .map(|line| format!("{line}\n"))
        .collect();
    machine.write("deployer.lock", &unsigned);
    let second = author.pack("0.2.0", "\"GET\"");
    install(&machine, second.to_str().unwrap(), &["--yes"])
        .fails(5)
        .says("there is no signature");
    assert_eq!(lock(&machine), unsigned);
    // The bytes of the lock are those that run, whoever signed them elsewhere.
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "-t", "demo", "--script", &script, "--locked"];
    machine.run(line).ok();
}

#[test]
fn a_signed_plugin_is_the_same_under_its_path() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    let mut machine = user();
    let source = file.to_str().unwrap();
    install(&machine, source, &["--yes", "--key", &publisher.key()]).ok();
    machine.set("CI", "true");
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "-t", source, "--script", &script];
    machine.run(line).ok();
}

#[test]
fn another_signer_is_what_is_shown() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    let source = file.to_str().unwrap();
    let machine = user();
    install(&machine, source, &["--yes"]).ok();
    let next = author.pack("0.2.0", "\"GET\"");
    publisher.sign(&next);
    let next = next.to_str().unwrap();
    install(&machine, next, &["--key", &publisher.key()])
        .fails(5)
        .says("- signed by nobody")
        .says(&format!("+ signed by {}", publisher.key()));
}
