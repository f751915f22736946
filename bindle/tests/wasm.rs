//! What of an app's Wasm the last runtime of bindles does not load, as its first bytes tell.
#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_bindle::{Unsupported, WASM_HEAD, of_wasm};

/// What a module of this text is told.
fn told(text: &str) -> Option<String> {
    let reason = of_wasm("front", &wat::parse_str(text).unwrap());
    reason.as_ref().map(Unsupported::to_string)
}

#[rstest]
#[case::nothing("(module)")]
#[case::command(
    r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (func (export "_start")))"#
)]
#[case::sdk_of_those_days(
    r#"(module
        (import "wasi-outbound-http" "request" (func (param i32 i32)))
        (import "key-value" "open" (func (param i32 i32 i32)))
        (import "spin-config" "get-config" (func (param i32 i32 i32)))
        (func (export "handle-http-request") (param i32) (result i32) unreachable)
        (func (export "canonical_abi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#
)]
fn modules_of_those_days_are_loaded(#[case] text: &str) {
    assert_eq!(told(text), None);
}

#[test]
fn a_component_is_not() {
    let said = told("(component)").unwrap();
    assert_eq!(
        said,
        "component `front` is of the component model, and only core modules run there"
    );
}

#[test]
fn neither_is_a_module_that_imports_what_came_later() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
        (import "sqlite" "open" (func (param i32 i32 i32)))
        (import "wasi:http/types@0.2.0" "[method]fields.get" (func (param i32 i32 i32 i32)))
        (import "wasi:http/types@0.2.0" "[constructor]fields" (func (result i32)))
        (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32)))"#;
    assert_eq!(
        told(text).unwrap(),
        "component `front` imports from `sqlite`, `wasi:http/types@0.2.0`, which nobody has there"
    );
}

#[test]
fn neither_is_one_that_is_to_become_a_component() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
        (func (export "fermyon:spin/inbound-redis#handle-message") (param i32 i32) (result i32) unreachable))"#;
    assert_eq!(
        told(text).unwrap(),
        "component `front` exports `fermyon:spin/inbound-redis#handle-message`, which is of the component model"
    );
}

/// Code and data are the largest part of a module, and are not sent for.
#[test]
fn its_beginning_is_enough() {
    let data = "x".repeat(100_000);
    let text = format!(
        r#"(module (import "wasi:cli/stdout" "get" (func)) (memory 2) (func (export "a#b")) (data (i32.const 0) "{data}"))"#
    );
    let mut wasm = wat::parse_str(text).unwrap();
    let whole = of_wasm("front", &wasm);
    wasm.truncate(usize::try_from(WASM_HEAD).unwrap());
    assert_eq!(of_wasm("front", &wasm), whole);
    assert!(whole.is_some());
}

proptest! {
    #[test]
    fn what_is_no_wasm_is_for_others_to_say(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend(&bytes);
        of_wasm("front", &wasm);
        of_wasm("front", &bytes);
    }
}
