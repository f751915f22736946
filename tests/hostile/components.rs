//! Components that are no plugins, or say of themselves what they are not: told so, and not run.

use std::fs;

use super::attempt::{Attempt, MANIFEST};
use crate::harness::plugin::{built, hostile};
use crate::harness::run::{Finished, Machine};

/// A component of these definitions that exports `deployer` of the wrong type: what it does is done before that matters.
pub(super) fn with(definitions: &str) -> Vec<u8> {
    packed(&exporting("0.2.0", definitions), MANIFEST)
}

/// One with so many instances of this module.
pub(super) fn starting(module: &str, instances: usize) -> Vec<u8> {
    let instances = "(core instance (instantiate $m))".repeat(instances);
    with(&format!("(core module $m {module}) {instances}"))
}

fn exporting(version: &str, definitions: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            {definitions}
            (core module $f (func (export "f")))
            (core instance $i (instantiate $f))
            (func $f (canon lift (core func $i "f")))
            (instance $deployer (export "plan" (func $f)) (export "deploy" (func $f)))
            (export "spin-deployer:api/deployer@{version}" (instance $deployer)))"#
    );
    wat::parse_str(text).unwrap()
}

/// With this manifest, whatever it is: in a custom section, which has the id 0 and begins with its name.
pub(super) fn packed(component: &[u8], manifest: &str) -> Vec<u8> {
    let name = sized(b"spin-deployer:manifest");
    [
        component,
        &[0],
        &sized(&[&name, manifest.as_bytes()].concat()),
    ]
    .concat()
}

/// With its length before it, in LEB128.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut sized = Vec::new();
    while length >= 0x80 {
        sized.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    sized.push(length as u8);
    [&sized, bytes].concat()
}

/// Deploys with it. No instruction of it ran.
fn refused(wasm: &[u8], code: i32) -> Finished {
    let attempt = Attempt::component(wasm);
    let refused = attempt.run().fails(code);
    let log = fs::read_to_string(attempt.machine.audit_log()).unwrap_or_default();
    assert!(!log.contains("\"started\""), "{refused}\n{log}");
    assert!(!attempt.app.path().join(".deployer").exists());
    refused
}

#[test]
fn a_wrong_interface_version() {
    for (version, way_out) in [
        ("0.3.0", "update spin-deployer"),
        ("1.0.0", "update spin-deployer"),
        ("0.0.9", "newer version of the plugin"),
    ] {
        let component = packed(&exporting(version, ""), MANIFEST);
        refused(&component, 6)
            .says(&format!("deployer@{version}"))
            .says("this host speaks versions 0.1.0 and 0.2.0")
            .says(way_out);
    }
    let import = r#"(import "spin-deployer:api/app@0.7.0" (instance (export "name" (func (result string)))))"#;
    refused(&with(import), 6).says("app@0.7.0");
}

/// Built so from source. Nobody compiles it either.
#[test]
fn two_versions_of_the_interface_at_once() {
    let refused = refused(&packed(&built("torn"), MANIFEST), 6)
        .says("it exports spin-deployer:api/deployer@0.1.0 and imports spin-deployer:api/")
        .says("a plugin is built against one version of the interface");
    assert!(!refused.stderr.contains("Compile plugin"), "{refused}");
    let import = r#"(import "spin-deployer:api/app@0.1.0" (instance (export "name" (func (result string)))))"#;
    self::refused(&with(import), 6)
        .says("deployer@0.2.0")
        .says("app@0.1.0");
}

#[test]
fn the_right_name_on_the_wrong_type() {
    let attempt = Attempt::component(&with(""));
    attempt
        .run()
        .fails(6)
        .says("does not implement the interface as it is defined");
}

#[test]
fn sockets() {
    let component = packed(&built("sockets"), MANIFEST);
    refused(&component, 6)
        .says("wasi:sockets/")
        .says("plugins get no sockets");
    let import = r#"(import "wasi:sockets/tcp-create-socket@0.2.0" (instance))"#;
    refused(&with(import), 6).says("plugins get no sockets");
}

#[test]
fn imports_that_nobody_has() {
    for import in [
        "acme:host/exec@1.0.0",
        "wasi:keyvalue/store@0.2.0",
        "wasi:config/store@0.2.0",
        "wasi:http/incoming-handler@0.2.0",
        "wasi:nn/graph@0.2.0",
    ] {
        let import = format!(r#"(import "{import}" (instance (export "run" (func))))"#);
        refused(&with(&import), 6).says("which plugins do not get");
    }
}

#[test]
fn a_component_with_two_manifests() {
    let harmless = MANIFEST.split("[[http]]").next().unwrap();
    let once = packed(&built("hostile"), harmless);
    let twice = packed(&once, MANIFEST);
    refused(&twice, 2)
        .says("is not a plugin")
        .says("more than one section");
}

/// What a component was composed of may have had a manifest; it is not this one's.
#[test]
fn a_manifest_of_a_component_inside() {
    let inner = packed(&wat::parse_str("(component)").unwrap(), MANIFEST);
    // The section of a component in a component has the id 4.
    let outer = [
        wat::parse_str("(component)").unwrap(),
        vec![4],
        sized(&inner),
    ]
    .concat();
    refused(&outer, 2).says("has no section `spin-deployer:manifest`");
}

#[test]
fn no_component_and_no_manifest() {
    let module = wat::parse_str("(module)").unwrap();
    let component = built("hostile");
    let half = packed(&component, MANIFEST);
    for (wasm, said) in [
        (module, "is a core module"),
        (component, "has no section `spin-deployer:manifest`"),
        (half[..half.len() / 2].to_vec(), "no valid WebAssembly"),
        (
            b"#!/bin/sh\ntouch /tmp/planted".to_vec(),
            "no valid WebAssembly",
        ),
        (Vec::new(), ""),
    ] {
        refused(&wasm, 2).says("is not a plugin").says(said);
    }
}

#[test]
fn manifests_that_are_wrong() {
    let component = built("hostile");
    let name = "name = \"hostile\"";
    for (manifest, said) in [
        (MANIFEST.replace(name, "name = \"../../escape\""), "name"),
        (MANIFEST.replace(name, "name = \"Oci\""), "name"),
        (MANIFEST.replace(name, "name = \"a\\u001b[2J\""), "name"),
        (
            MANIFEST.replace("Tries what", "\\u001b[2J\\u202e"),
            "control",
        ),
        (
            MANIFEST.replace("why = \"push\"", "why = \"push\"\nalso = 1"),
            "also",
        ),
        (MANIFEST.replace("\"PUT\"", "\"CONNECT\""), "CONNECT"),
        (
            MANIFEST.replace("to = \"{url}\"", "to = \"https://*\""),
            "to",
        ),
        (
            format!("{MANIFEST}#{}", "x".repeat(64 << 10)),
            "65536 are the most",
        ),
    ] {
        let refused = refused(&packed(&component, &manifest), 2).says(said);
        assert!(
            !refused.stderr.contains(['\u{1b}', '\u{202e}']),
            "{refused}"
        );
    }
    let mut latin = packed(&component, MANIFEST);
    let at = latin.len() - 3;
    latin[at] = 0xff;
    refused(&latin, 2).says("no UTF-8");
}

/// It calls itself as a built-in plugin is called. What runs is told by its digest, and what is built in stays itself.
#[test]
fn a_manifest_that_lies_about_its_name() {
    let manifest = MANIFEST.replace("name = \"hostile\"", "name = \"local\"");
    let attempt =
        Attempt::of(|machine| hostile(machine.home(), &manifest)).with("--output", "json");
    let liar = attempt.script("").ok().json();
    let digest =
        crate::harness::sha256(&fs::read(attempt.machine.home().join("hostile.wasm")).unwrap());
    assert_eq!(
        (&liar["plugin"]["name"], &liar["plugin"]["digest"]),
        (&"local".into(), &digest.clone().into())
    );
    assert!(
        liar["target"].as_str().unwrap().ends_with("hostile.wasm"),
        "{liar}"
    );
    let log = fs::read_to_string(attempt.machine.audit_log()).unwrap();
    assert!(log.contains(&digest), "{log}");
    // Its compiled code is kept under its digest: the next one who asks for `local` gets the one that is built in.
    let real = deploys(&attempt.machine, &attempt);
    assert_eq!(real["plugin"]["name"], "local");
    assert_ne!(real["plugin"]["digest"], digest);
    assert!(attempt.app.path().join(".deployer").exists());
}

fn deploys(machine: &Machine, attempt: &Attempt) -> serde_json::Value {
    let app = attempt.app.path().to_str().unwrap();
    machine
        .run(["deploy", "-f", app, "-t", "local", "--output", "json"])
        .ok()
        .json()
}
