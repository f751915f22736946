//! A component that does not fit is refused before it runs, in words.

use semver::Version;
use sha2::{Digest as _, Sha256};
use spin_deployer_sandbox::{CallError, Error, Interface, Limits, Verified};

use crate::support::{ENGINE, World, wasm};

fn refused(wasm: &[u8]) -> String {
    let code = ENGINE.compile(wasm, &Limits::default()).unwrap();
    match ENGINE.load(Verified::new(&code).unwrap()) {
        Err(Error::Interface(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("was loaded"),
    }
}

#[test]
fn a_plugin_that_links_sockets_is_refused() {
    let why = refused(&wasm("sockets"));
    assert!(why.contains("wasi:sockets/"), "{why}");
    assert!(why.contains("wasi:http"), "{why}");
}

/// Exports `deployer` of a version with functions of no parameters and no results.
fn exporting(version: &str, extra: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component
            {extra}
            (core module $f (func (export "f")))
            (core instance $i (instantiate $f))
            (func $f (canon lift (core func $i "f")))
            (instance $deployer (export "plan" (func $f)) (export "deploy" (func $f)))
            (export "spin-deployer:api/deployer@{version}" (instance $deployer)))"#
    ))
    .unwrap()
}

/// The names in the bytes are those that wasmtime sees in what it made of them.
#[test]
fn what_a_component_is_is_read_from_its_bytes() {
    for (name, version, imported) in [
        (
            "hostile",
            Version::new(0, 2, 0),
            "spin-deployer:api/signing@0.2.0",
        ),
        (
            "older",
            Version::new(0, 1, 0),
            "spin-deployer:api/app@0.1.0",
        ),
    ] {
        let wasm = wasm(name);
        let interface = Interface::of(&wasm).unwrap();
        assert_eq!(interface.version, version);
        assert!(
            interface.imports.iter().any(|i| i == imported),
            "{interface:?}"
        );
        let code = ENGINE.compile(&wasm, &Limits::default()).unwrap();
        let plugin = ENGINE.load(Verified::new(&code).unwrap()).unwrap();
        assert_eq!(plugin.interface(), &interface);
    }
}

#[test]
fn two_versions_at_once_are_refused_with_both() {
    let wasm = wasm("torn");
    let why = refused(&wasm);
    assert!(why.contains("deployer@0.1.0"), "{why}");
    assert!(why.contains("imports spin-deployer:api/"), "{why}");
    assert_eq!(Interface::of(&wasm).unwrap_err().to_string(), why);
}

/// Plugins are out there that were built against it. A change is a new version, in a folder of its own.
#[test]
fn a_version_that_was_released_stays_as_it_is() {
    for (text, digest) in [
        (
            include_str!("../../../../wit/0.1/deployer.wit"),
            "9d4dae8cd87356e47a5e1d5fee991c2955496d231cabf136773da42b9d2defe4",
        ),
        (
            include_str!("../../../../wit/0.1/deps/io.wit"),
            "936f167ed79c5fae1a2aada22a9c66cc6a19e767b2ddd20cf7663547ee964af6",
        ),
    ] {
        let found = Sha256::digest(text.replace("\r\n", "\n"));
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, digest);
    }
}

#[test]
fn another_version_of_the_interface_is_refused_with_both_versions() {
    let why = refused(&exporting("0.3.0", ""));
    assert!(
        why.contains("deployer@0.3.0") && why.contains("0.1.0 and 0.2.0"),
        "{why}"
    );
}

#[test]
fn an_import_that_nobody_has_is_refused_by_name() {
    let import = r#"(import "acme:host/exec@1.0.0" (instance (export "run" (func))))"#;
    let why = refused(&exporting("0.2.0", import));
    assert!(why.contains("acme:host/exec@1.0.0"), "{why}");
}

#[tokio::test]
async fn what_a_plugin_does_not_export_cannot_be_called() {
    let code = ENGINE
        .compile(&exporting("0.2.0", ""), &Limits::default())
        .unwrap();
    let plugin = ENGINE.load(Verified::new(&code).unwrap()).unwrap();
    assert!(!plugin.exports().releases && !plugin.exports().login);
    let world = World::new("look");
    let outcome = plugin.destroy(world.ports(), Limits::default()).await;
    assert!(
        matches!(outcome.result, Err(CallError::Interface(_))),
        "{:?}",
        outcome.result
    );
    // The right name on the wrong type is no crash of the plugin's.
    let outcome = plugin.plan(world.ports(), Limits::default()).await;
    assert!(
        matches!(outcome.result, Err(CallError::Interface(_))),
        "{:?}",
        outcome.result
    );
}
