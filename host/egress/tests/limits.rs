//! A session's limits: each is told as that limit, with what raises it, and has its line in the audit log.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::*;
use http::Method;
use http_body::Body as _;
use http_body_util::BodyExt;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A run with the registry's plugin under these limits.
fn limited(server: &Server, limits: Limits) -> Run {
    let options = [("reference", server.url("/acme/shop:v1"))];
    run_with(direct(), grant(REGISTRY, &options), Phase::Deploy, limits)
}

/// Of a request: what was told, its way out, and whether anything of it left.
#[track_caller]
fn broken(error: SendError) -> (String, String, bool) {
    match error {
        SendError::Limit { limit, sent } => (limit.to_string(), limit.knob(), sent),
        other => panic!("no limit: {other:?}"),
    }
}

#[track_caller]
fn broken_body(error: BodyError) -> (String, String) {
    match error {
        BodyError::Limit(limit) => (limit.to_string(), limit.knob()),
        other => panic!("no limit: {other:?}"),
    }
}

/// The last line of the audit log: its limit, and whether it was let out.
fn line(run: &Run) -> (Option<&'static str>, bool) {
    let audit = run.audit.0.lock().unwrap();
    let last = audit.last().unwrap();
    assert_eq!(last.refused.is_some(), last.failed.is_none(), "{last:?}");
    (last.limit, last.refused.is_none())
}

#[tokio::test]
async fn a_plugin_that_never_ends_asks_until_its_requests_are_used_up() {
    let server = Server::start(ok).await;
    let limits = Limits {
        requests: 3,
        ..Limits::default()
    };
    let run = limited(&server, limits);
    let url = server.url("/v2/");
    for _ in 0..3 {
        text(run.get(&url).await.unwrap()).await;
    }
    for _ in 0..50 {
        let (said, knob, sent) = broken(run.get(&url).await.unwrap_err());
        assert_eq!(said, "exceeded its limit of 3 requests");
        assert_eq!((knob.as_str(), sent), ("--max-requests 6", false));
    }
    assert_eq!(server.seen().len(), 3);
    assert_eq!(run.session.tally().requests, 53);
    // It is no refusal, for which there would be a rule.
    assert!(run.session.refusals().is_empty());
    // The one that broke it has a line. A loop does not fill the disk with more of them.
    assert_eq!(run.audit.0.lock().unwrap().len(), 4);
    assert_eq!(line(&run), (Some("requests"), false));
}

#[tokio::test]
async fn bytes_are_counted_in_both_directions_and_what_is_beyond_does_not_leave() {
    let server = Server::start(|_| answer("200 OK", &"x".repeat(70_000))).await;
    let limits = Limits {
        bytes: 150_000,
        ..Limits::default()
    };
    let run = limited(&server, limits);
    let url = server.url("/v2/");
    text(run.get(&url).await.unwrap()).await;
    // Sent: 70 000 are there, 90 000 more are too many.
    let large = request(Method::PUT, &url, &[], &"y".repeat(90_000));
    let (said, knob, sent) = broken(run.send(large).await.unwrap_err());
    assert_eq!(said, "exceeded its limit of 150000 bytes of bodies");
    assert_eq!((knob.as_str(), sent), ("--max-bytes 300000B", true));
    assert_eq!(server.seen().len(), 1, "no request came to its end");
    assert_eq!(line(&run), (Some("bytes"), true));

    // Received.
    let limits = Limits {
        bytes: 139_999,
        ..Limits::default()
    };
    let run = limited(&server, limits);
    text(run.get(&url).await.unwrap()).await;
    let answer = run.get(&url).await.unwrap();
    let (said, _) = broken_body(answer.into_body().collect().await.unwrap_err());
    assert_eq!(said, "exceeded its limit of 139999 bytes of bodies");
    assert_eq!(line(&run), (Some("bytes"), true));
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_ends_with_an_error_and_the_next_is_read() {
    let server = Server::start(|seen| {
        let kind = "200 OK\ncontent-type: application/wasm";
        let size = if seen.target.ends_with("large") {
            100_001
        } else {
            100_000
        };
        answer(kind, &"x".repeat(size))
    })
    .await;
    let limits = Limits {
        answer: 100_000,
        ..Limits::default()
    };
    let run = limited(&server, limits);
    let answer = run.get(&server.url("/v2/large")).await.unwrap();
    let (said, knob) = broken_body(answer.into_body().collect().await.unwrap_err());
    assert_eq!(said, "exceeded its answer size limit of 100000 bytes");
    assert_eq!(knob, "--max-answer 200000B");
    assert_eq!(line(&run), (Some("answer"), true));
    let answer = run.get(&server.url("/v2/")).await.unwrap();
    assert_eq!(text(answer).await.len(), 100_000);
}

#[tokio::test]
async fn an_answer_without_end_is_hung_up_on_even_where_the_guest_holds_on_to_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/wasm\r\n\r\n")
            .await;
        while stream.write_all(&[b'x'; 1 << 16]).await.is_ok() {}
    });
    let options = [("reference", format!("http://{address}/acme/shop:v1"))];
    let limits = Limits {
        answer: 100_000,
        ..Limits::default()
    };
    let run = run_with(direct(), grant(REGISTRY, &options), Phase::Deploy, limits);
    let answer = run.get(&format!("http://{address}/v2/")).await.unwrap();
    let mut body = answer.into_body();
    let error = loop {
        if let Err(error) = body.frame().await.unwrap() {
            break error;
        }
    };
    broken_body(error);
    server.await.unwrap();
    assert!(body.frame().await.is_none() && body.is_end_stream());
}

#[tokio::test]
async fn headers_have_a_limit_in_either_direction() {
    let head = format!(
        "200 OK{}",
        format!("\nx-filler: {}", "x".repeat(1000)).repeat(70)
    );
    let server = Server::start(move |_| answer(&head, "")).await;
    let run = limited(&server, Limits::default());
    let url = server.url("/v2/");
    let (said, knob, sent) = broken(run.get(&url).await.unwrap_err());
    assert_eq!(said, "exceeded its header size limit of 64 KiB");
    assert_eq!((knob.as_str(), sent), ("--max-headers 128KiB", true));
    assert_eq!(line(&run), (Some("headers"), true));

    let long = "x".repeat(65 * 1024);
    let large = request(Method::GET, &url, &[("x-filler", &long)], "");
    let (said, _, sent) = broken(run.send(large).await.unwrap_err());
    assert_eq!(said, "exceeded its header size limit of 64 KiB");
    assert!(!sent);
    assert_eq!(line(&run), (Some("headers"), false));
    assert_eq!(server.seen().len(), 1);

    let limits = Limits {
        headers: 128 << 10,
        ..Limits::default()
    };
    let run = limited(&server, limits);
    let large = request(Method::GET, &url, &[("x-filler", &long)], "");
    assert_eq!(run.send(large).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_time_of_a_session_ends_what_waits_and_lets_nothing_more_out() {
    // Accepts, and never answers.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let options = [("reference", format!("{url}/acme/shop:v1"))];
    let limits = Limits {
        time: Duration::from_millis(50),
        ..Limits::default()
    };
    let run = run_with(direct(), grant(REGISTRY, &options), Phase::Deploy, limits);
    let url = format!("{url}/v2/");
    let (said, knob, sent) = broken(run.get(&url).await.unwrap_err());
    assert_eq!(said, "exceeded its time limit of 0.05 s");
    assert_eq!((knob.as_str(), sent), ("--timeout", true));
    assert_eq!(line(&run), (Some("time"), true));
    let (_, _, sent) = broken(run.get(&url).await.unwrap_err());
    assert!(!sent);
    assert_eq!(line(&run), (Some("time"), false));
}

#[tokio::test]
async fn a_body_that_comes_in_drops_ends_with_the_time() {
    let server = Server::start(|_| {
        "200 OK\r\ncontent-type: application/wasm\r\ncontent-length: 10\r\n\r\n12345".into()
    })
    .await;
    let limits = Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    };
    let run = limited(&server, limits);
    let answer = run.get(&server.url("/v2/")).await.unwrap();
    let (said, _) = broken_body(answer.into_body().collect().await.unwrap_err());
    assert_eq!(said, "exceeded its time limit of 0.3 s");
    assert_eq!(line(&run), (Some("time"), true));
}

#[tokio::test]
async fn no_timeout_of_a_guest_is_too_long_or_too_short() {
    let server = Server::start(ok).await;
    for time in [Duration::MAX, Duration::ZERO] {
        let run = limited(
            &server,
            Limits {
                time: Duration::MAX,
                ..Limits::default()
            },
        );
        let timeouts = Timeouts {
            connect: Some(Duration::MAX),
            first_byte: Some(time),
            between_bytes: Some(time),
        };
        let get = request(Method::GET, &server.url("/v2/"), &[], "");
        // None of a millisecond may be enough, and that is no panic.
        let _ = run.session.send(get, timeouts).await;
    }
}
