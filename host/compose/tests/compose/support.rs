//! Components to compose: built from source, or from an interface alone.

use std::collections::BTreeSet;

use spin_deployer_compose::{Capability, Dependency, Inherit};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// One of `tests/apps`. For `wasm32-wasip2` a component, for `wasm32-wasip1` a module.
pub fn app(name: &str, target: &str) -> Vec<u8> {
    spin_deployer_test_support::app(name, target, env!("CARGO_TARGET_TMPDIR"))
}

/// Answers requests with what [`words`] says.
pub fn front() -> Vec<u8> {
    app("front", "wasm32-wasip2")
}

/// Reaches for everything.
pub fn words() -> Vec<u8> {
    app("words", "wasm32-wasip2")
}

pub fn some(capabilities: &[Capability]) -> Inherit {
    Inherit::Some(BTreeSet::from_iter(capabilities.iter().copied()))
}

pub fn dependency<'a>(name: &'a str, wasm: &'a [u8]) -> Dependency<'a> {
    Dependency {
        name,
        wasm,
        export: None,
        inherit: Inherit::nothing(),
    }
}

/// A component of a world, whose functions all trap. The last package of `wit` has the world `it`.
pub fn component(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("it")).unwrap();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::AsyncCallback);
    let mut module = wit_component::dummy_module(&resolve, world, abi);
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .unwrap();
    let mut encoder = ComponentEncoder::default();
    encoder
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}

/// The names of what a component imports.
pub fn imports(component: &[u8]) -> BTreeSet<String> {
    let Ok(DecodedWasm::Component(resolve, world)) = wit_component::decode(component) else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    world
        .imports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect()
}

/// The names of what a component exports.
pub fn exports(component: &[u8]) -> BTreeSet<String> {
    let Ok(DecodedWasm::Component(resolve, world)) = wit_component::decode(component) else {
        panic!("not a component");
    };
    let world = &resolve.worlds[world];
    world
        .exports
        .keys()
        .map(|key| resolve.name_world_key(key))
        .collect()
}
