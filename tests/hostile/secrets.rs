//! A secret goes where the user sends it, in no other direction and in no disguise that the host knows.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::attempt::Attempt;
use super::listener::Listener;

const TOKEN: &str = "planted/Token+7f3a=&x";

/// A place that the token may go to, another one that the user named too, and a plugin that knows placeholder and value
/// (`<token>`, `<known>`).
fn places() -> (Listener, Listener, Attempt) {
    let (right, wrong) = (Listener::start(), Listener::start());
    let attempt = Attempt::naming(&right.url("/"))
        .with("--other", wrong.url("/"))
        .variable("SPIN_DEPLOYER_HOSTILE_TOKEN", TOKEN)
        .variable("SPIN_DEPLOYER_HOSTILE_KNOWN", TOKEN);
    let script = format!(
        "request PUT {}\nheader authorization: Bearer <token>\nbody x",
        right.url("/api/x")
    );
    attempt.sees(&script);
    assert_eq!(
        right.only().head.header("authorization"),
        Some(&*format!("Bearer {TOKEN}"))
    );
    attempt.sees(&format!("request GET {}", wrong.url("/control")));
    wrong.only();
    (right, wrong, attempt)
}

/// None of these requests leaves for the other place, and the user reads which secret it was.
fn refused(requests: &[&str]) {
    let (_right, wrong, attempt) = places();
    for request in requests {
        let (verb, rest) = request.split_once('\n').unwrap_or((request, ""));
        let (method, path) = verb.split_once(' ').unwrap();
        let request = format!("request {method} {}\n{rest}", wrong.url(path));
        let denied = attempt.denied(&request, "secret");
        assert!(!denied.to_string().contains(TOKEN), "{denied}");
    }
    assert_eq!(wrong.only().target(), "/control");
}

#[test]
fn a_secret_in_a_url() {
    refused(&[
        "GET /x?q=<token>",
        "GET /<token>/x",
        "GET /x?q=planted/Token%2B7f3a%3D%26x",
        "GET /planted%2FToken%2B7f3a%3D%26x",
        "GET /planted%252FToken%252B7f3a%253D%2526x",
        "GET /x?q=<base64:<known>>",
        "GET /x?q=<base64:a<known>>",
        "GET /x?q=<base64:ab<known>>",
    ]);
}

/// Not even to the place that it may go to: a URL stands in logs.
#[test]
fn a_secret_in_the_url_of_its_own_place() {
    let (right, _wrong, attempt) = places();
    for path in ["/api/<token>", "/api/x?token=<token>"] {
        attempt.denied(
            &format!("request GET {}", right.url(path)),
            "secrets go into headers and bodies",
        );
    }
    right.only();
}

#[test]
fn a_secret_in_another_hosts_header() {
    refused(&[
        "GET /x\nheader authorization: Bearer <token>",
        "GET /x\nheader authorization: Bearer <known>",
        "GET /x\nheader x-mine: a<token>b",
        "GET /x\nheader x-mine: a<known>b",
        "GET /x\nheader x-mine: planted%2FToken%2B7f3a%3D%26x",
        "GET /x\nheader referer: http://x/?<token>",
    ]);
}

#[test]
fn a_secret_in_base64() {
    refused(&[
        "GET /x\nheader authorization: Basic <base64:user:<token>>",
        "GET /x\nheader authorization: Basic <base64:user:<known>>",
        "GET /x\nheader x-mine: <base64:<known>>",
        "GET /x\nheader x-mine: <base64:a<known>>",
        "POST /x\nbody <base64:ab<known>>",
        "POST /x\nheader content-type: application/json\nbody {\"t\":\"<base64:<known>>\"}",
    ]);
}

#[test]
fn a_secret_in_chunks_of_a_body() {
    refused(&[
        "POST /x\nheader content-type: application/json\nbody {\"t\":\"<token>\"}",
        "POST /x\nheader content-type: application/json\nbody {\"t\":\"<first:<token>>\nbody <second:<token>>\"}",
        "POST /x\nheader content-type: application/x-www-form-urlencoded\nbody t=<first:<token>>\nbody <second:<token>>",
        "POST /x\nbody <known>",
        "POST /x\nbody <first:<known>>\nbody <second:<known>>",
        "POST /x\nbody plan\nbody ted/To\nbody ken+7f3\nbody a=&x",
        "POST /x\nbody planted%2FToken%2B7\nbody f3a%3D%26x",
        "POST /x\nnoise 65000\nbody <known>",
    ]);
}

/// A body that is too large to be looked at has nothing put in: what leaves is the placeholder.
#[test]
fn a_secret_in_a_large_body() {
    let (right, wrong, attempt) = places();
    for place in [right.url("/api/large"), wrong.url("/large")] {
        attempt.sees(&format!("request POST {place}\nnoise 70000\nbody <token>"));
    }
    for listener in [right, wrong] {
        let seen = listener.requests().pop().unwrap();
        let text = seen.text();
        assert!(text.contains("spin-deployer-secret-") && !text.contains(TOKEN));
    }
}

#[test]
fn the_credential_of_a_registry_at_another_place() {
    let (registry, other) = (Listener::start(), Listener::start());
    let attempt = Attempt::naming(&other.url("/"))
        .with("--other", other.url("/"))
        .with(
            "--reference",
            format!("{}/acme/shop:v1", registry.address()),
        );
    let pair = BASE64_STANDARD.encode("user:planted-password-5b");
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#,
        registry.address()
    );
    attempt.machine.write(".docker/config.json", config);
    let basic = "header authorization: Basic <base64:user:<reference>>";
    attempt.sees(&format!("request GET {}\n{basic}", registry.url("/v2/")));
    assert_eq!(
        registry.only().head.header("authorization"),
        Some(&*format!("Basic {pair}"))
    );
    for header in [basic, "header x-mine: <reference>"] {
        attempt.denied(
            &format!("request GET {}\n{header}", other.url("/api/x")),
            "secret",
        );
    }
    other.heard_nothing();
}
