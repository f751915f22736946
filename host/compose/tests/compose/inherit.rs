//! What a dependency reaches of the world, by what it inherits. Everything here runs on a host that offers it all.

use std::sync::LazyLock;

use spin_deployer_compose::Capability::{self, *};
use spin_deployer_compose::{Dependency, Inherit, compose};
use spin_deployer_test_support::Host;

use crate::listener::Listener;
use crate::support::{dependency, front, imports, some, words};

const WORDS: &str = "example:greeting/words";

fn composed(inherit: Inherit) -> Host {
    let words = words();
    let dependency = Dependency {
        inherit,
        ..dependency(WORDS, &words)
    };
    Host::new(&compose("front", &front(), &[dependency]).unwrap())
}

/// The dependency that inherits nothing.
static ALONE: LazyLock<Host> = LazyLock::new(|| composed(Inherit::nothing()));
static HEIR: LazyLock<Host> = LazyLock::new(|| composed(Inherit::All));

/// What comes of an attempt when nothing is inherited, and whose inheritance would make it work.
fn attempts() -> Vec<(Capability, &'static str, &'static str)> {
    vec![
        (Environment, "environment", " 0"),
        (Files, "preopens", "0"),
        (AllowedOutboundHosts, "udp?127.0.0.1:0", "PermissionDenied"),
        (AllowedOutboundHosts, "redis?key", "Err(Error { code: 1, "),
        (
            KeyValueStores,
            "key-value?default",
            "Err(Error::AccessDenied)",
        ),
        (
            SqliteDatabases,
            "sqlite?default",
            "Err(Error::AccessDenied)",
        ),
        (
            AiModels,
            "llm?model",
            "Err(Error::RuntimeError(\"`fermyon:spin/llm@2.0.0` is denied: ",
        ),
        (
            Variables,
            "variables?name",
            "Err(Error::Other(\"`fermyon:spin/variables@2.0.0` is denied: ",
        ),
        (
            Variables,
            "config?name",
            "Err(Error::Io(\"`wasi:config/store@0.2.0-draft-2024-09-27` is",
        ),
    ]
}

#[tokio::test]
async fn a_request_goes_through_the_dependency() {
    assert_eq!(ALONE.get("greet?world").await.unwrap(), "hello world");
}

#[tokio::test]
async fn what_is_not_inherited_is_refused() {
    for (_, attempt, expected) in attempts() {
        let said = ALONE.get(attempt).await.unwrap();
        assert!(said.contains(expected), "{attempt}: {said}");
    }
    assert_eq!(ALONE.get("environment").await.unwrap(), " 0");
    let file = ALONE.get("file?/data/hello.txt").await.unwrap();
    assert!(file.starts_with("Err("), "{file}");
}

#[tokio::test]
async fn nothing_leaves_for_the_network() {
    let listener = Listener::new();
    let address = listener.address();
    let request = ALONE.get(&format!("http?{address}")).await.unwrap();
    assert_eq!(request, "Err(ErrorCode::HttpRequestDenied)");
    let stream = ALONE.get(&format!("tcp?{address}")).await.unwrap();
    assert!(stream.contains("PermissionDenied"), "{stream}");
    let lookup = ALONE.get("lookup?localhost:80").await.unwrap();
    assert!(lookup.starts_with("Err("), "{lookup}");
    assert!(!listener.was_reached());
}

#[tokio::test]
async fn with_everything_inherited_everything_works() {
    let listener = Listener::new();
    let address = listener.address();
    listener.answer();
    assert_eq!(
        HEIR.get(&format!("http?{address}")).await.unwrap(),
        "Ok(204)"
    );
    assert_eq!(
        HEIR.get(&format!("tcp?{address}")).await.unwrap(),
        "Ok(\"connected\")"
    );
    assert!(listener.was_reached());
    assert_eq!(HEIR.get("udp?127.0.0.1:0").await.unwrap(), "Ok(\"bound\")");
    assert_eq!(HEIR.get("environment").await.unwrap(), "SECRET=s3cret 2");
    assert_eq!(HEIR.get("preopens").await.unwrap(), "1");
    let file = HEIR.get("file?/data/hello.txt").await.unwrap();
    assert_eq!(file, "Ok(\"from the folder\")");
}

/// The hosts' own interfaces are there and trap, which is how one sees that they were reached.
#[tokio::test]
async fn what_is_inherited_works_and_nothing_else_does() {
    for capability in Capability::ALL {
        let host = composed(some(&[capability]));
        for (needed, attempt, refused) in attempts() {
            let said = host.get(attempt).await;
            let refuses = said.as_ref().is_ok_and(|said| said.contains(refused));
            assert_eq!(
                refuses,
                needed != capability,
                "{capability}, {attempt}: {said:?}"
            );
        }
        let listener = Listener::new();
        if capability == AllowedOutboundHosts {
            listener.answer();
        }
        let said = host
            .get(&format!("http?{}", listener.address()))
            .await
            .unwrap();
        assert_eq!(
            said == "Ok(204)",
            capability == AllowedOutboundHosts,
            "{said}"
        );
        if capability != AllowedOutboundHosts {
            assert!(!listener.was_reached(), "{capability}");
        }
    }
}

#[tokio::test]
async fn refusing_takes_large_arguments_and_many_calls() {
    for attempt in ["large", "often?name"] {
        let said = ALONE.get(attempt).await.unwrap();
        assert_eq!(
            said,
            "Err(Error::Other(\"`fermyon:spin/variables@2.0.0` is denied: it is not inherited by this dependency\"))"
        );
    }
}

#[test]
fn what_the_component_itself_imports_stays() {
    let words = words();
    let front = front();
    let composed = compose("front", &front, &[dependency(WORDS, &words)]).unwrap();
    let imports = imports(&composed);
    assert!(
        !imports.iter().any(|import| import.starts_with("example:")),
        "{imports:?}"
    );
    // `front` was built by the same compiler, and has an environment of its own.
    let kept = |package: &str| imports.iter().any(|import| import.starts_with(package));
    assert!(
        kept("wasi:cli/environment@") && kept("wasi:http/types@"),
        "{imports:?}"
    );
    for denied in [
        "wasi:sockets/",
        "wasi:http/outgoing",
        "wasi:filesystem/preopens",
        "fermyon:",
        "wasi:config/",
    ] {
        let theirs = crate::support::imports(&front)
            .iter()
            .any(|import| import.starts_with(denied));
        assert!(theirs || !kept(denied), "{denied} in {imports:?}");
    }
}
