//! Whom a connection trusts, and what the user reads where it does not.
#![allow(clippy::unwrap_used)]

mod common;

use common::authority::Authority;
use common::*;
use http::Method;
use rcgen::{CertificateParams, date_time_ymd};
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use tokio::io::AsyncWriteExt as _;

/// Asks a server on a machine that trusts this authority.
async fn ask_trusting(authority: &Authority, server: &Server) -> Result<u16, SendError> {
    let (config, _file) = authority.trusted();
    ask(server, config).await
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}", server.address.port())
}

async fn ask(server: &Server, config: Config) -> Result<u16, SendError> {
    let options = [("reference", format!("{}/acme/shop:v1", url(server)))];
    let run = run_with(
        config,
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let request = request(Method::PUT, &format!("{}/v2/x", url(server)), &[], "body");
    run.send(request)
        .await
        .map(|answer| answer.status().as_u16())
}

fn cause(result: Result<u16, SendError>) -> String {
    match result {
        Err(SendError::Tls { cause, .. }) => cause,
        other => panic!("no failure of TLS: {other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_knows_is_an_error_that_says_what_to_do() {
    let server = Server::start_with(Some(Authority::new().acceptor(|_| ())), ok).await;
    let cause = cause(ask(&server, direct()).await);
    assert!(
        cause.contains("nobody this machine trusts") && cause.contains("SSL_CERT_FILE"),
        "{cause}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_authority_of_ssl_cert_file_is_trusted() {
    let authority = Authority::new();
    let server = Server::start_with(Some(authority.acceptor(|_| ())), ok).await;
    assert_eq!(ask_trusting(&authority, &server).await.unwrap(), 200);
    assert_eq!(server.only().text(), "body");
}

#[tokio::test]
async fn the_wrong_name_and_the_wrong_time_are_told_apart() {
    let authority = Authority::new();
    let other = authority.acceptor(|params| {
        *params = CertificateParams::new(["other.example".to_owned()]).unwrap();
    });
    let old = authority.acceptor(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let young = authority.acceptor(|params| params.not_before = date_time_ymd(4000, 1, 1));
    for (acceptor, words) in [
        (other, "another name"),
        (old, "has expired"),
        (young, "not valid yet"),
    ] {
        let server = Server::start_with(Some(acceptor), ok).await;
        let cause = cause(ask_trusting(&authority, &server).await);
        assert!(cause.contains(words), "{cause}");
        assert!(server.seen().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    let options = [(
        "reference",
        format!("https://localhost:{port}/acme/shop:v1"),
    )];
    let run = run_with(
        direct(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let result = run.get(&format!("https://localhost:{port}/v2/")).await;
    let cause = cause(result.map(|answer| answer.status().as_u16()));
    assert!(cause.contains("http://"), "{cause}");
}

#[tokio::test]
async fn an_ssl_cert_file_that_is_none_is_an_error_with_its_name() {
    let server = Server::start(ok).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no certificate").unwrap();
    for path in [file.path(), std::path::Path::new("/nonexistent/ca.pem")] {
        let environment = Environment::from_iter([("SSL_CERT_FILE", path)]);
        let error = ask(
            &server,
            Config {
                environment,
                ..direct()
            },
        )
        .await
        .unwrap_err();
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
    assert_eq!(server.connections(), 0);
}
