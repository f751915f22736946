//! Secrets arrive where they belong and are seen nowhere else: on the wire, in messages, in the audit, in `Debug`.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use spin_deployer_manifest::{Origin, Secret};

const SECRET: &str = "s3cr3t/with+\"odd\" chars&=é";

fn secret(run: &Run, name: &str, audience: Audience) -> String {
    let placeholder = run
        .vault
        .insert(name, Secret::new(SECRET.to_owned()), audience)
        .unwrap();
    assert!(placeholder.starts_with(PLACEHOLDER_PREFIX));
    placeholder
}

fn origin(server: &Server) -> Origin {
    server.url("").parse().unwrap()
}

/// Two servers that the user named, and a secret for the first.
async fn two() -> (Server, Server, Run, String) {
    let (server, other) = (Server::start(ok).await, Server::start(ok).await);
    let options = [
        ("reference", server.url("/acme/shop:v1")),
        ("other", other.url("/")),
    ];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let placeholder = secret(&run, "api-token", Audience::Rules);
    (server, other, run, placeholder)
}

#[tokio::test]
async fn a_secret_replaces_its_placeholder_on_the_wire_and_nowhere_before_it() {
    let (server, _, run, p) = two().await;
    let url = server.url("/v2/");
    let basic = format!("Basic {}", STANDARD.encode(format!("user:{p}")));
    let form = [(
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let json = [("content-type", "application/vnd.hippo+json")];
    let plain = [("content-type", "text/plain")];
    for request in [
        request(
            Method::GET,
            &url,
            &[("authorization", &format!("Bearer {p}")), ("x-key", &p)],
            "",
        ),
        request(Method::GET, &url, &[("Authorization", &basic)], ""),
        request(
            Method::POST,
            &url,
            &form,
            &format!("a=1&refresh_token={p}&b={p}"),
        ),
        request(
            Method::POST,
            &url,
            &json,
            &format!(r#"{{"password":"{p}"}}"#),
        ),
        request(Method::POST, &url, &plain, &p),
    ] {
        run.send(request).await.unwrap();
    }
    let seen = server.seen();
    // Header values are bytes; `Seen` read them as UTF-8.
    assert_eq!(seen[0].header("authorization"), format!("Bearer {SECRET}"));
    assert_eq!(seen[0].header("x-key"), SECRET);
    assert_eq!(
        seen[1].header("authorization"),
        format!("Basic {}", STANDARD.encode(format!("user:{SECRET}")))
    );
    let pairs: Vec<_> = url::form_urlencoded::parse(&seen[2].body)
        .into_owned()
        .collect();
    assert_eq!(pairs[1], ("refresh_token".into(), SECRET.into()));
    assert_eq!(pairs[2], ("b".into(), SECRET.into()));
    assert_eq!(seen[2].header("content-length"), seen[2].length.to_string());
    let document: serde_json::Value = serde_json::from_slice(&seen[3].body).unwrap();
    assert_eq!(document["password"], SECRET);
    // Nobody said that this body carries secrets.
    assert_eq!(seen[4].text(), p);

    let used = run.audit.0.lock().unwrap()[0].secrets.clone();
    assert_eq!(used, ["api-token"]);
}

#[tokio::test]
async fn a_secret_does_not_go_to_another_place_that_the_user_named_too() {
    let (_, other, run, p) = two().await;
    let basic = format!("basic {}", STANDARD.encode(format!("user:{p}")));
    let json = [("content-type", "application/json")];
    for request in [
        request(Method::GET, &other.url("/"), &[("x-token", &p)], ""),
        request(
            Method::GET,
            &other.url("/"),
            &[("authorization", &basic)],
            "",
        ),
        request(Method::POST, &other.url("/"), &json, &format!("[\"{p}\"]")),
        request(Method::GET, &other.url(&format!("/{p}")), &[], ""),
        request(Method::GET, &other.url(&format!("/?q={p}")), &[], ""),
    ] {
        let line = refused(run.send(request).await);
        assert!(line.reason.contains("`api-token`"), "{line}");
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn the_credential_of_a_registry_goes_to_that_registry_only() {
    let (server, other, run, _) = two().await;
    let p = secret(&run, "reference", Audience::Registry(origin(&server)));
    let headers = [("authorization", p.as_str())];
    run.send(request(Method::GET, &server.url("/v2/"), &headers, ""))
        .await
        .unwrap();
    assert_eq!(server.only().header("authorization"), SECRET);
    refused(
        run.send(request(Method::GET, &other.url("/"), &headers, ""))
            .await,
    );
    // A name that the rule does not send is not sent, whatever its audience.
    let p = secret(&run, "unsent", Audience::Registry(origin(&server)));
    refused(
        run.send(request(
            Method::GET,
            &server.url("/v2/"),
            &[("authorization", &p)],
            "",
        ))
        .await,
    );
    assert_eq!((server.seen().len(), other.connections()), (1, 0));
}

#[tokio::test]
async fn a_plugin_that_learned_a_secret_cannot_carry_it_away() {
    let (server, other, run, _) = two().await;
    let escaped: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    for before in ["", "x", "xy"] {
        let encoded = STANDARD.encode(format!("{before}{SECRET}"));
        let request = request(Method::GET, &other.url("/"), &[("x-note", &encoded)], "");
        refused(run.send(request).await);
    }
    for request in [
        request(Method::GET, &other.url("/"), &[("x-note", SECRET)], ""),
        request(Method::GET, &other.url(&format!("/?q={escaped}")), &[], ""),
        request(
            Method::POST,
            &other.url("/"),
            &[],
            &format!("and the word is {SECRET}"),
        ),
    ] {
        let line = refused(run.send(request).await);
        assert!(line.reason.contains("api-token"), "{line}");
        assert!(!format!("{line:?}").contains(SECRET));
    }
    assert_eq!(other.connections(), 0);
    // Where the secret belongs it may be, whoever wrote it there.
    assert!(
        run.send(request(Method::POST, &server.url("/v2/"), &[], SECRET))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_server_that_repeats_a_secret_does_not_tell_it_to_the_plugin() {
    let echo = |seen: &Seen| {
        let head = format!(
            "200 OK\ncontent-type: text/plain\nx-echo: {}",
            seen.header("authorization")
        );
        answer(&head, &format!("you sent {}", seen.header("authorization")))
    };
    let server = Server::start(echo).await;
    let run = run(&server, Phase::Deploy);
    let p = secret(&run, "api-token", Audience::Rules);
    let response = run
        .send(request(
            Method::GET,
            &server.url("/v2/"),
            &[("authorization", &p)],
            "",
        ))
        .await
        .unwrap();
    assert_eq!(response.headers()["x-echo"], p.as_str());
    let length = response.headers()["content-length"]
        .to_str()
        .unwrap()
        .to_owned();
    let read = text(response).await;
    assert_eq!(read, format!("you sent {p}"));
    assert_eq!(length, read.len().to_string());
    assert_eq!(server.only().header("authorization"), SECRET);

    let basic = format!("Basic {}", STANDARD.encode(format!("user:{p}")));
    let sent = request(
        Method::GET,
        &server.url("/v2/"),
        &[("authorization", &basic)],
        "",
    );
    let read = text(run.send(sent).await.unwrap()).await;
    let told = read.strip_prefix("you sent Basic ").unwrap();
    assert!(
        told.contains("****") && !STANDARD.encode(format!("user:{SECRET}")).contains(told),
        "{read}"
    );
}

#[tokio::test]
async fn what_only_looks_like_a_placeholder_is_a_text() {
    let (server, other, run, _) = two().await;
    let text = format!("{PLACEHOLDER_PREFIX}{:032x} {PLACEHOLDER_PREFIX}", 0);
    for url in [server.url("/v2/"), other.url("/")] {
        run.send(request(Method::GET, &url, &[("x-note", &text)], ""))
            .await
            .unwrap();
    }
    assert_eq!(other.only().header("x-note"), text);
}

#[tokio::test]
async fn a_secret_that_no_header_can_carry_is_an_error_without_it() {
    let (server, _, run, _) = two().await;
    let secret = Secret::new("two\r\nx-injected: lines".to_owned());
    let p = run
        .vault
        .insert("api-token", secret, Audience::Rules)
        .unwrap();
    let line = refused(
        run.send(request(
            Method::GET,
            &server.url("/v2/"),
            &[("x-key", &p)],
            "",
        ))
        .await,
    );
    assert!(
        line.reason.contains("x-key") && !line.reason.contains("injected"),
        "{line}"
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_secret() {
    let (server, other, run, p) = two().await;
    let mut shown = String::new();
    for url in [server.url("/v2/?key=value"), other.url("/?key=value")] {
        let result = run
            .send(request(Method::GET, &url, &[("x-key", &p)], ""))
            .await;
        shown += &format!("{result:?} {:?} ", run.session);
    }
    shown += &format!(
        "{:?} {:?} {:?}",
        run.vault,
        run.session.refusals(),
        run.session.tally()
    );
    shown += &run.audit.json();
    assert!(shown.contains("api-token"), "{shown}");
    for hidden in [SECRET, "s3cr3t", p.as_str(), "value"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}
