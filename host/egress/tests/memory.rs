//! Alone in its process: the memory that it takes to send a large body does not depend on how large it is.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::*;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use spin_deployer_grants::Phase;

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn fifty_megabytes_go_through_in_a_few() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let send = |megabytes: u64| {
        // A piece of its own each time, as if it came from a file.
        let pieces = (0..megabytes).map(|_| Ok(Frame::data(Bytes::from(vec![7; 1 << 20]))));
        let body = StreamBody::new(futures_util::stream::iter(pieces)).boxed_unsync();
        let request = Request::put(server.url("/v2/x")).header("content-length", megabytes << 20);
        run.send(request.body(body).unwrap())
    };
    send(0).await.unwrap();
    let before = peak();
    send(50).await.unwrap();
    let taken = peak() - before;
    assert_eq!(server.seen()[1].length, 50 << 20);
    assert!(taken < 16 << 20, "{taken} bytes");
}
