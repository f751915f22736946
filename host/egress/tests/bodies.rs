//! Bodies arrive whole, with the length that was announced, or not at all.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::*;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;

/// `pieces` times `size` bytes.
fn stream(pieces: usize, size: usize) -> Body {
    let piece = Bytes::from(vec![7; size]);
    let pieces = (0..pieces).map(move |_| Ok(Frame::data(piece.clone())));
    StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync()
}

fn put(url: &str, length: Option<u64>, body: Body) -> Request<Body> {
    let mut request = Request::put(url);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(body).unwrap()
}

#[tokio::test]
async fn a_body_with_a_length_is_not_chunked_and_one_without_is() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let url = server.url("/v2/x");
    let large = 300 * 1024;
    run.send(put(&url, Some(large), stream(3, 100 * 1024)))
        .await
        .unwrap();
    run.send(put(&url, None, stream(3, 100 * 1024)))
        .await
        .unwrap();
    run.send(put(&url, None, stream(3, 100))).await.unwrap();
    run.send(put(&url, Some(0), stream(0, 0))).await.unwrap();
    run.send(request(Method::POST, &url, &[], ""))
        .await
        .unwrap();
    run.get(&url).await.unwrap();
    let seen: Vec<_> = server.seen();
    let framing = |n: usize| {
        (
            seen[n].header("content-length"),
            seen[n].header("transfer-encoding"),
            seen[n].length,
        )
    };
    assert_eq!(framing(0), ("307200", "", large));
    assert_eq!(framing(1), ("", "chunked", large));
    assert_eq!(framing(2), ("300", "", 300));
    assert_eq!(framing(3), ("0", "", 0));
    assert_eq!(framing(4), ("0", "", 0));
    assert_eq!(framing(5), ("", "", 0));
    assert_eq!(run.session.tally().bytes_sent, 2 * large + 300);
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_an_error_and_no_upload() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let url = server.url("/v2/x");
    for (announced, pieces, size) in [
        (10, 1, 9),
        (10, 1, 11),
        (1 << 20, 9, 100 * 1024),
        (1 << 20, 11, 100 * 1024),
    ] {
        let error = run
            .send(put(&url, Some(announced), stream(pieces, size)))
            .await
            .unwrap_err();
        let SendError::Body(BodyError::Length {
            announced: said,
            longer,
        }) = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (said, longer),
            (announced, (pieces * size) as u64 > announced)
        );
    }
    assert!(server.seen().is_empty(), "no request came to its end");
    assert!(run.session.tally().changed.is_empty());
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_the_request() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let changed: Box<dyn std::error::Error + Send + Sync> =
        "the file changed while it was sent".into();
    let pieces = [
        Ok(Frame::data(Bytes::from(vec![7; 100 * 1024]))),
        Err(BodyError::Source(changed)),
    ];
    let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
    let error = run
        .send(put(&server.url("/v2/x"), Some(200 * 1024), body))
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "the file changed while it was sent");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_falls_silent_ends_with_an_error() {
    let server = Server::start(|_| {
        "200 OK\r\ncontent-type: application/wasm\r\ncontent-length: 10\r\n\r\n12345".into()
    })
    .await;
    let run = run(&server, Phase::Deploy);
    let timeouts = Timeouts {
        between_bytes: Some(Duration::from_millis(50)),
        ..Timeouts::default()
    };
    let answer = run
        .session
        .send(request(Method::GET, &server.url("/v2/"), &[], ""), timeouts)
        .await
        .unwrap();
    let error = answer.into_body().collect().await.unwrap_err();
    assert!(matches!(error, BodyError::Timeout { .. }), "{error:?}");

    // Accepts, and never answers.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let options = [("reference", format!("{url}/acme/shop:v1"))];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let soon = Some(Duration::from_millis(20));
    let timeouts = Timeouts {
        connect: soon,
        first_byte: soon,
        between_bytes: soon,
    };
    let sent = run.session.send(
        request(Method::GET, &format!("{url}/v2/"), &[], ""),
        timeouts,
    );
    assert!(matches!(sent.await.unwrap_err(), SendError::Timeout { .. }));
}

#[tokio::test]
async fn a_server_that_speaks_nonsense_is_an_error_that_says_so() {
    let server = Server::start(|_| "nonsense\r\n\r\n".into()).await;
    let run = run(&server, Phase::Deploy);
    let error = run.get(&server.url("/v2/")).await.unwrap_err();
    assert!(matches!(error, SendError::NotHttp { .. }), "{error:?}");
}
