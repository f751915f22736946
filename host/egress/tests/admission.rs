//! Nothing goes anywhere that the user did not name: each time the server that was not named is asked what it saw.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;

#[tokio::test]
async fn a_host_that_nobody_named_sees_no_connection_and_the_user_reads_which_it_was() {
    let named = Server::start(ok).await;
    let stranger = Server::start(ok).await;
    let run = run(&named, Phase::Deploy);
    let there = format!("http://localhost:{}", stranger.address.port());
    let line = refused(run.get(&format!("{there}/collect?token=hunter2")).await);

    assert_eq!(stranger.connections(), 0);
    let url = format!("{there}/collect?token=…");
    assert_eq!(
        line.to_string(),
        format!("wanted GET {url}: nobody named that host")
    );
    let rule = line.suggestion.clone().unwrap();
    assert!(rule.contains("[[http]]") && rule.contains(&there), "{rule}");
    assert_eq!(run.session.refusals(), [line]);
    let audit = run.audit.0.lock().unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!(audit[0].refused.as_deref(), Some("nobody named that host"));
    assert_eq!(audit[0].status, None);
}

#[tokio::test]
async fn another_port_of_a_named_host_is_told_with_what_was_named() {
    let (named, stranger) = (Server::start(ok).await, Server::start(ok).await);
    let run = run(&named, Phase::Deploy);
    let (named, port) = (named.address, stranger.address.port());
    let line = refused(run.get(&stranger.url("/v2/")).await);
    let said = format!("the user named http://{named}, not port {port}");
    assert_eq!(line.reason, said);
    let advice = line.suggestion.unwrap();
    let said = format!(
        "# `reference` is at http://{named}; if http://127.0.0.1:{port} is meant, name that\n[[http]]"
    );
    assert!(advice.starts_with(&said), "{advice}");
    assert_eq!(stranger.connections(), 0);
}

#[tokio::test]
async fn an_allowed_request_arrives_as_it_was_meant_and_leaves_one_line() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let given = [
        ("host", "evil.example"),
        ("cookie", "a=b"),
        ("x-mine", "1"),
        ("transfer-encoding", "chunked"),
    ];
    let url = server.url("/v2/acme/shop/manifests/v1?n=1");
    let answer = run
        .send(request(Method::PUT, &url, &given, "{}"))
        .await
        .unwrap();
    assert_eq!(text(answer).await, "fine");

    let seen = server.only();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("PUT", "/v2/acme/shop/manifests/v1?n=1")
    );
    assert_eq!(seen.header("host"), server.address.to_string());
    assert_eq!(
        (
            seen.header("x-mine"),
            seen.header("content-length"),
            seen.text()
        ),
        ("1", "2", "{}")
    );
    assert!(
        !seen.headers.contains_key("cookie") && !seen.headers.contains_key("transfer-encoding")
    );

    let changed = format!("PUT {}", server.url("/v2/acme/shop/manifests/v1?n=…"));
    let tally = run.session.tally();
    assert_eq!(
        (tally.requests, tally.bytes_sent, tally.bytes_received),
        (1, 2, 4)
    );
    assert_eq!(tally.changed, [changed]);
    assert_eq!(tally.written, tally.changed);
    let audit = run.audit.0.lock().unwrap();
    assert_eq!(audit.len(), 1);
    assert_eq!(
        (
            audit[0].status,
            audit[0].bytes_sent,
            audit[0].bytes_received
        ),
        (Some(200), 2, 4)
    );
}

#[tokio::test]
async fn a_plan_changes_nothing_whatever_the_plugin_does() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Plan);
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        refused(
            run.send(request(
                method,
                &server.url("/v2/acme/shop/blobs/uploads/"),
                &[],
                "",
            ))
            .await,
        );
    }
    assert_eq!(server.connections(), 0);
    assert!(run.get(&server.url("/v2/")).await.is_ok());
    assert!(run.session.tally().changed.is_empty());
}

#[tokio::test]
async fn an_address_written_in_another_way_is_the_same_address() {
    let named = Server::start(ok).await;
    let run = run(&named, Phase::Deploy);
    let port = named.address.port();
    // 127.0.0.1 in other words: the same place, and it is allowed as such.
    assert!(run.get(&format!("http://0x7f.1:{port}/v2/")).await.is_ok());
    assert_eq!(named.only().header("host"), named.address.to_string());
    // Another host, also where a server would take it for the named one.
    for host in [
        "127.0.0.2",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
    ] {
        refused(run.get(&format!("http://{host}:{port}/v2/")).await);
    }
    assert_eq!(named.seen().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_no_plain_one_never_leaves() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let at = server.address;
    for url in [
        format!("http://user:pw@{at}/v2/"),
        format!("http://{at}@evil.example/v2/"),
        "http://127.0.0.1:/v2/".to_owned(),
        "http://127.0.0.1:99999/v2/".to_owned(),
        format!("http://{at}/v2/../admin"),
        format!("http://{at}/v2/%2e%2e/admin"),
        format!("http://{at}/admin"),
        format!("https://{at}/v2/"),
        format!("http://{at}/v2/{}", "x".repeat(9000)),
    ] {
        let line = refused(run.get(&url).await);
        assert!(!line.to_string().contains("pw"), "{line}");
    }
    for method in [
        Method::CONNECT,
        Method::TRACE,
        Method::from_bytes(b"get").unwrap(),
    ] {
        refused(
            run.send(request(method, &server.url("/v2/"), &[], ""))
                .await,
        );
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_an_order() {
    let other = Server::start(ok).await;
    let target = other.url("/v2/");
    let server = Server::start(move |_| {
        answer(
            &format!("302 Found\nlocation: {target}\nset-cookie: a=b"),
            "",
        )
    })
    .await;
    let run = run(&server, Phase::Deploy);
    let answer = run.get(&server.url("/v2/")).await.unwrap();
    assert_eq!(answer.status(), 302);
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn in_the_clear_goes_only_what_the_user_wrote_so() {
    // `.invalid` is resolved by nobody: what got as far as that passed the checks.
    let options = [("reference", "a.invalid/acme/shop:v1".to_owned())];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    for (origin, passes) in [("http://a.invalid", false), ("https://a.invalid", true)] {
        let error = run.get(&format!("{origin}/v2/")).await.unwrap_err();
        assert_eq!(matches!(error, SendError::Dns { .. }), passes, "{error}");
    }
    let options = [("reference", "http://a.invalid/acme/shop:v1".to_owned())];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let error = run.get("http://a.invalid/v2/").await.unwrap_err();
    assert!(matches!(error, SendError::Dns { .. }), "{error}");
}

#[tokio::test]
async fn nobody_at_home_is_no_refusal() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let options = [("reference", format!("http://{closed}/acme/shop:v1"))];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let error = run.get(&format!("http://{closed}/v2/")).await.unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
    let options = [("reference", "nowhere.invalid/acme/shop:v1".to_owned())];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let error = run.get("https://nowhere.invalid/v2/").await.unwrap_err();
    assert!(matches!(error, SendError::Dns { .. }), "{error:?}");
}
