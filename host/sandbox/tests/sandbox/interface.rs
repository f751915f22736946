//! A component that does not fit is refused before it runs, in words.

use spin_deployer_sandbox::{CallError, Error, Limits, Verified};

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

#[test]
fn another_version_of_the_interface_is_refused_with_both_versions() {
    let why = refused(&exporting("0.2.0", ""));
    assert!(
        why.contains("deployer@0.2.0") && why.contains("0.1.0"),
        "{why}"
    );
}

#[test]
fn an_import_that_nobody_has_is_refused_by_name() {
    let import = r#"(import "acme:host/exec@1.0.0" (instance (export "run" (func))))"#;
    let why = refused(&exporting("0.1.0", import));
    assert!(why.contains("acme:host/exec@1.0.0"), "{why}");
}

#[tokio::test]
async fn what_a_plugin_does_not_export_cannot_be_called() {
    let code = ENGINE
        .compile(&exporting("0.1.0", ""), &Limits::default())
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
