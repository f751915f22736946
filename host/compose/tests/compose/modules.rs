//! Core modules as components.

use rstest::rstest;
use spin_deployer_compose::{ComponentizeError, componentize, compose};
use spin_deployer_test_support::Host;

use crate::support::{app, dependency, exports, front, imports, words};

#[tokio::test]
async fn a_command_runs_as_a_component() {
    let module = app("command", "wasm32-wasip1");
    let component = componentize(&module).unwrap();
    assert!(
        exports(&component)
            .iter()
            .any(|name| name.starts_with("wasi:cli/run@0.2."))
    );
    assert_eq!(
        Host::new(&component).run().await,
        "argument SECRET=s3cret\n"
    );
}

#[tokio::test]
async fn modules_compose_like_components() {
    let front = app("front", "wasm32-wasip1");
    let words = app("words", "wasm32-wasip1");
    let composed = compose("front", &front, &[dependency("example:greeting", &words)]).unwrap();
    let host = Host::new(&composed);
    assert_eq!(host.get("greet?module").await.unwrap(), "hello module");
    assert_eq!(host.get("environment").await.unwrap(), " 0");
    assert_eq!(host.get("preopens").await.unwrap(), "0");
    let said = host.get("http?127.0.0.1:1").await.unwrap();
    assert_eq!(said, "Err(ErrorCode::HttpRequestDenied)");
}

#[test]
fn the_adapter_asks_for_no_newer_wasi_than_spin_offers() {
    let component = componentize(&app("command", "wasm32-wasip1"))
        .unwrap()
        .into_owned();
    for import in imports(&component) {
        assert!(import.ends_with("@0.2.6"), "{import}");
    }
}

#[test]
fn a_component_stays_as_it_is() {
    let component = words();
    assert!(matches!(
        componentize(&component),
        Ok(std::borrow::Cow::Borrowed(_))
    ));
    assert_eq!(compose("words", &component, &[]).unwrap(), component);
}

#[rstest]
#[case(
    "(module (import \"spin-config\" \"get-config\" (func (param i32 i32 i32))))",
    "spin-config"
)]
#[case(
    "(module (import \"wasi-outbound-http\" \"request\" (func (param i32 i32))))",
    "wasi-outbound-http"
)]
#[case(
    "(module (func (export \"handle-http-request\") (param i32) (result i32) i32.const 0))",
    "handle-http-request"
)]
fn modules_of_the_first_spin_are_told_apart(#[case] module: &str, #[case] sign: &str) {
    let module = wat::parse_str(module).unwrap();
    assert_eq!(
        componentize(&module).unwrap_err(),
        ComponentizeError::Legacy(sign.into())
    );
}

#[rstest]
#[case(b"(module)".to_vec(), "is not a Wasm binary")]
#[case(vec![], "is not a Wasm binary")]
#[case(wat::parse_str("(module (import \"env\" \"emscripten\" (func)))").unwrap(), "`env`")]
#[case(b"\0asm\x01\0\0\0\x01\xff".to_vec(), "is not valid Wasm")]
fn what_is_no_component_is_refused_with_a_way_out(#[case] wasm: Vec<u8>, #[case] part: &str) {
    let error = componentize(&wasm).unwrap_err().to_string();
    assert!(error.contains(part) && error.contains("; "), "{error}");
    let front = front();
    let error = compose("front", &front, &[dependency("example:greeting", &wasm)]).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("dependency `example:greeting` is") && error.contains(part),
        "{error}"
    );
}
