//! A request that is under way when the command ends has its line in the audit log, and each has one.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::*;
use http::Method;
use http_body_util::BodyExt;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use tokio::sync::Notify;

/// Lets requests hang whose path ends in `hangs`, and tells when one has come.
async fn hanging() -> (Server, Arc<Notify>) {
    let came = Arc::new(Notify::new());
    let tell = came.clone();
    let server = Server::start(move |seen| {
        if seen.target.ends_with("hangs") {
            tell.notify_one();
            // The head of an answer that never comes.
            return String::new();
        }
        if seen.target.ends_with("half") {
            return "200 OK\r\ncontent-type: application/wasm\r\ncontent-length: 9\r\n\r\n12345"
                .into();
        }
        answer("200 OK", "fine")
    })
    .await;
    (server, came)
}

struct Opened {
    egress: Egress,
    session: Arc<Session>,
    audit: Arc<Kept>,
}

fn open(server: &Server) -> Opened {
    let egress = Egress::new(direct());
    let audit = Arc::new(Kept::default());
    let session = egress.session(
        grant(REGISTRY, &[("reference", server.url("/acme/shop:v1"))]),
        Phase::Deploy,
        Arc::default(),
        Limits::default(),
        audit.clone(),
    );
    Opened {
        egress,
        session,
        audit,
    }
}

impl Opened {
    async fn get(&self, url: String) -> Result<http::Response<Body>, SendError> {
        let get = request(Method::GET, &url, &[], "");
        self.session.send(get, Timeouts::default()).await
    }

    /// Path, status and failure of each line.
    fn lines(&self) -> Vec<(String, Option<u16>, Option<String>)> {
        let audit = self.audit.0.lock().unwrap();
        let path = |url: &str| url.rsplit('/').next().unwrap().to_owned();
        audit
            .iter()
            .map(|entry| (path(&entry.url), entry.status, entry.failed.clone()))
            .collect()
    }
}

fn line(
    path: &str,
    status: Option<u16>,
    failed: Option<&str>,
) -> (String, Option<u16>, Option<String>) {
    (path.into(), status, failed.map(str::to_owned))
}

#[tokio::test]
async fn a_signal_leaves_a_line_for_each_request_that_is_under_way() {
    let (server, came) = hanging().await;
    let opened = Arc::new(open(&server));
    text(opened.get(server.url("/v2/done")).await.unwrap()).await;
    // Its answer is there, and not all of its body.
    let mut half = opened.get(server.url("/v2/half")).await.unwrap();
    half.body_mut().frame().await.unwrap().unwrap();
    let waits = tokio::spawn({
        let (opened, url) = (opened.clone(), server.url("/v2/hangs"));
        async move { opened.get(url).await.map(drop) }
    });
    came.notified().await;

    opened.egress.interrupt();
    let expected = [
        line("done", Some(200), None),
        line("half", Some(200), Some("interrupted")),
        line("hangs", None, Some("interrupted")),
    ];
    assert_eq!(opened.lines(), expected);
    let sizes: Vec<_> = opened
        .audit
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|entry| entry.bytes_received)
        .collect();
    assert_eq!(sizes, [4, 5, 0]);

    // Once each, whatever becomes of them now.
    opened.egress.interrupt();
    opened.session.end();
    waits.abort();
    drop((waits.await, half));
    assert_eq!(opened.lines(), expected);
}

#[tokio::test]
async fn nothing_begins_once_the_command_ends() {
    let (server, _) = hanging().await;
    let opened = open(&server);
    opened.egress.interrupt();
    let line = refused(opened.get(server.url("/v2/done")).await);
    assert!(line.reason.contains("has ended"), "{line}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn all_sessions_of_the_process_are_meant() {
    let (server, came) = hanging().await;
    let first = Arc::new(open(&server));
    let audit = Arc::new(Kept::default());
    let second = first.egress.session(
        grant(REGISTRY, &[("reference", server.url("/acme/shop:v1"))]),
        Phase::Status,
        Arc::default(),
        Limits::default(),
        audit.clone(),
    );
    let get = request(Method::GET, &server.url("/v2/hangs"), &[], "");
    let waits = tokio::spawn(async move { second.send(get, Timeouts::default()).await.map(drop) });
    came.notified().await;
    first.egress.interrupt();
    assert_eq!(
        audit.0.lock().unwrap()[0].failed.as_deref(),
        Some("interrupted")
    );
    waits.abort();
}

#[tokio::test]
async fn what_a_plugin_does_not_wait_for_has_a_line_too() {
    let (server, came) = hanging().await;
    let opened = open(&server);
    // Dropped by the plugin.
    let url = server.url("/v2/hangs");
    tokio::select! {
        _ = opened.get(url.clone()) => panic!("it answered"),
        () = came.notified() => {}
    }
    assert_eq!(opened.lines(), [line("hangs", None, Some("given up"))]);

    // Still under way when the call of the plugin ends.
    let opened = Arc::new(opened);
    let waits = tokio::spawn({
        let opened = opened.clone();
        async move { opened.get(url).await.map(drop) }
    });
    came.notified().await;
    opened.session.end();
    assert_eq!(opened.lines().len(), 2);
    assert_eq!(opened.lines()[1], line("hangs", None, Some("given up")));
    waits.abort();
    drop(waits.await);
    assert_eq!(opened.lines().len(), 2);
}

#[tokio::test]
async fn an_answer_that_was_read_has_its_line_while_it_is_still_held() {
    let (server, _) = hanging().await;
    let opened = open(&server);
    let mut answer = opened.get(server.url("/v2/done")).await.unwrap();
    while answer.body_mut().frame().await.is_some() {}
    assert_eq!(opened.lines(), [line("done", Some(200), None)]);
    drop(answer);
    assert_eq!(opened.lines().len(), 1);
}
