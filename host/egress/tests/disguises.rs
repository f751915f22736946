//! Requests that say one thing to a check and another one to a server. Each row is refused before anything is sent, or
//! arrives as the plain request that it is.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;

/// `HOST` and `PORT` stand for those of the server that the user named.
fn at(server: &Server, text: &str) -> String {
    text.replace("HOST", "127.0.0.1")
        .replace("PORT", &server.address.port().to_string())
}

#[tokio::test]
async fn a_url_that_can_be_read_in_two_ways_never_leaves() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    for text in [
        // User information, also where it looks like the host that was named.
        "http://user:pw@HOST:PORT/v2/",
        "http://user@HOST:PORT/v2/",
        "http://@HOST:PORT/v2/",
        "http://HOST:PORT@evil.example/v2/",
        "http://evil.example:80@HOST:PORT/v2/",
        // Ports.
        "http://HOST:/v2/",
        "http://HOST:0/v2/",
        "http://HOST:65536/v2/",
        "http://HOST:99999999999999999999/v2/",
        "http://HOST:+PORT/v2/",
        "http://HOST:-1/v2/",
        "http://HOST:0xPORT/v2/",
        "http://HOST:PORT:PORT/v2/",
        // Numbers that are other addresses, or the same one as something else.
        "http://127.0.0.2:PORT/v2/",
        "http://0:PORT/v2/",
        "http://0.0.0.0:PORT/v2/",
        "http://[::1]:PORT/v2/",
        "http://[::ffff:127.0.0.1]:PORT/v2/",
        "http://[::ffff:7f00:1]:PORT/v2/",
        "http://[::127.0.0.1]:PORT/v2/",
        "http://[64:ff9b::7f00:1]:PORT/v2/",
        "http://[fe80::1%25eth0]:PORT/v2/",
        "http://[fe80::1%eth0]:PORT/v2/",
        "http://[HOST]:PORT/v2/",
        "http://256.0.0.1:PORT/v2/",
        "http://127.0.0.1.1:PORT/v2/",
        "http://127.0.0.0x:PORT/v2/",
        "http://127.0.0.1..:PORT/v2/",
        "http://.127.0.0.1:PORT/v2/",
        "http://127.0.0.1%00:PORT/v2/",
        "http://127.0.0.1%2e:PORT/v2/",
        "http://127%2e0.0.1:PORT/v2/",
        // Names.
        "http://localhost:PORT/v2/",
        "http://LOCALHOST.:PORT/v2/",
        "http://a.localhost:PORT/v2/",
        "http://127.0.0.1.nip.io:PORT/v2/",
        "http://exa%6dple.com/v2/",
        "http://ex\u{e4}mple.com/v2/",
        "http://xn--/v2/",
        "http://xn--a/v2/",
        "http://a..b/v2/",
        "http://-/v2/",
        "http://HOST\u{3002}example/v2/",
        "http://\u{ff11}27.0.0.1:PORT/v2/",
        "http://a b/v2/",
        "http:///v2/",
        "http://:PORT/v2/",
        // Schemes.
        "https://HOST:PORT/v2/",
        "ftp://HOST:PORT/v2/",
        "file://HOST/v2/",
        "ws://HOST:PORT/v2/",
        "unix://HOST:PORT/v2/",
        "/v2/",
        "//HOST:PORT/v2/",
        "HOST:PORT",
        "*",
        // Paths: the rule has `/v2/**`.
        "http://HOST:PORT",
        "http://HOST:PORT?/v2/",
        "http://HOST:PORT/#/v2/",
        "http://HOST:PORT/v2",
        "http://HOST:PORT/V2/x",
        "http://HOST:PORT//v2/x",
        "http://HOST:PORT/./v2/x",
        "http://HOST:PORT/%76%32/x",
        "http://HOST:PORT/v2/../admin",
        "http://HOST:PORT/v2/..",
        "http://HOST:PORT/v2/.",
        "http://HOST:PORT/v2/x/../../admin",
        "http://HOST:PORT/v2/%2e%2e/admin",
        "http://HOST:PORT/v2/%2E./admin",
        "http://HOST:PORT/v2/.%2e/admin",
        "http://HOST:PORT/v2/%252e%252e/admin",
        "http://HOST:PORT/v2/%25252e%25252e/admin",
        "http://HOST:PORT/v2/..%2fadmin",
        "http://HOST:PORT/v2/..%5cadmin",
        "http://HOST:PORT/v2/..\\admin",
        "http://HOST:PORT/v2/..;/admin",
        "http://HOST:PORT/v2/..;a=b/admin",
        "http://HOST:PORT/v2/x%2f..%2f..%2fadmin",
        "http://HOST:PORT/v2/\u{e9}",
        "http://HOST:PORT/v2/a|b",
        "http://HOST:PORT/v2/a^b",
        "http://HOST:PORT/v2/a<b>",
        "http://HOST:PORT/v2/\"a\"",
        "http://HOST:PORT/v2/{a}",
        // Line breaks and blanks.
        "http://HOST:PORT/v2/ HTTP/1.1\r\nx: y",
        "http://HOST:PORT/v2/\r\nx: y",
        "http://HOST:PORT/v2/?a\r\nx: y",
        "http://HOST:PORT\r\nx: y/v2/",
        "http://HOST:PORT/v2/a\tb",
        "http://HOST:PORT/v2/a\0b",
        " http://HOST:PORT/v2/",
    ] {
        let url = at(&server, text);
        // What is no URI cannot be written by a guest: wasi:http does not take it.
        let Ok(uri) = url.parse::<Uri>() else {
            continue;
        };
        let request = Request::get(uri).body(whole("")).unwrap();
        let line = refused(run.send(request).await);
        assert!(!line.to_string().contains("pw"), "{line}");
    }
    assert_eq!(server.connections(), 0);
    let audit = run.audit.0.lock().unwrap();
    assert!(audit.len() > 70, "{} rows were URIs", audit.len());
    assert!(audit.iter().all(|entry| entry.refused.is_some()));
}

#[tokio::test]
async fn other_spellings_of_what_was_named_arrive_as_what_was_named() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    for (text, target) in [
        ("http://HOST:PORT/v2/", "/v2/"),
        ("HTTP://HOST:PORT/v2/", "/v2/"),
        ("http://HOST.:PORT/v2/", "/v2/"),
        ("http://HOST:0PORT/v2/", "/v2/"),
        ("http://0x7f.1:PORT/v2/", "/v2/"),
        ("http://0177.0.0.1:PORT/v2/", "/v2/"),
        ("http://127.1:PORT/v2/", "/v2/"),
        ("http://2130706433:PORT/v2/", "/v2/"),
        ("http://0X7F000001:PORT/v2/", "/v2/"),
        (
            "http://HOST:PORT/v2/a%2Fb?x=%2e%2e&y=/../",
            "/v2/a%2Fb?x=%2e%2e&y=/../",
        ),
        ("http://HOST:PORT/v2//x", "/v2//x"),
        ("http://HOST:PORT/v2/%0d%0ax:%20y", "/v2/%0d%0ax:%20y"),
        ("http://HOST:PORT/v2/?a#b", "/v2/?a"),
    ] {
        // A port has five digits at most.
        let url = at(&server, text);
        if text.contains(":0PORT") && server.address.port() > 9999 {
            continue;
        }
        run.get(&url).await.unwrap_or_else(|e| panic!("{url}: {e}"));
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.target, target, "{text}");
        assert_eq!(seen.header("host"), server.address.to_string(), "{text}");
    }
}

/// wasi:http builds the URI out of parts that are checked each for itself.
#[tokio::test]
async fn parts_that_do_not_belong_together_never_leave() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let authority: Authority = server.address.to_string().parse().unwrap();
    for path in [
        "http://evil.example/v2/",
        "@evil.example/v2/",
        ".evil.example/v2/",
        ":80/v2/",
        "v2/",
        "\\v2/",
        "*",
        "?/v2/",
        "#/v2/",
    ] {
        let Ok(path) = path.parse::<PathAndQuery>() else {
            continue;
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority.clone());
        parts.path_and_query = Some(path);
        let Ok(uri) = Uri::from_parts(parts) else {
            continue;
        };
        refused(run.send(Request::get(uri).body(whole("")).unwrap()).await);
    }
    assert_eq!(server.connections(), 0);
    assert!(!run.audit.0.lock().unwrap().is_empty(), "no row was a URI");
}

#[tokio::test]
async fn only_methods_that_are_known_leave_and_in_a_plan_none_that_changes() {
    let server = Server::start(ok).await;
    let deploying = run(&server, Phase::Deploy);
    for method in [
        "CONNECT", "TRACE", "get", "Get", "PROPFIND", "PURGE", "M-SEARCH", "G-E-T",
    ] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let line = refused(
            deploying
                .send(request(method, &server.url("/v2/"), &[], ""))
                .await,
        );
        assert!(line.reason.contains("no method"), "{line}");
    }
    // No method can carry a line break.
    for method in ["GET / HTTP/1.1\r\nx: y", "GET\r\n", "GET ", ""] {
        assert!(Method::from_bytes(method.as_bytes()).is_err());
    }
    // A GET that says that it is something else.
    let planning = run(&server, Phase::Plan);
    for header in [
        "x-http-method-override",
        "X-HTTP-Method",
        "x-method-override",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "forwarded",
        "x-host",
    ] {
        let get = request(Method::GET, &server.url("/v2/"), &[(header, "DELETE")], "");
        let line = refused(planning.send(get).await);
        assert!(line.reason.contains(&header.to_ascii_lowercase()), "{line}");
    }
    assert_eq!(server.connections(), 0);
}

/// How long a method or a path is that the user and the audit log are shown.
#[tokio::test]
async fn what_is_told_of_a_refused_request_is_short() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let method = Method::from_bytes("M".repeat(100_000).as_bytes()).unwrap();
    let line = refused(
        run.send(request(method, &server.url("/v2/"), &[], ""))
            .await,
    );
    assert_eq!(line.method.chars().count(), 33);
    let header = format!("x-forwarded-{}", "x".repeat(30_000));
    refused(
        run.send(request(
            Method::GET,
            &server.url("/v2/"),
            &[(&header, "")],
            "",
        ))
        .await,
    );
    let far = format!("http://{}/{}", server.address, "x".repeat(30_000));
    refused(run.get(&far).await);
    let audit = run.audit.json();
    assert!(audit.len() < 4096, "{} bytes", audit.len());
}

#[tokio::test]
async fn framing_host_and_connection_are_the_hosts_own() {
    let server = Server::start(ok).await;
    let run = run(&server, Phase::Deploy);
    let given = [
        ("host", "evil.example"),
        ("transfer-encoding", "chunked, identity"),
        ("connection", "close, x-hop, authorization"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=1000"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic eA=="),
        ("upgrade", "websocket"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("te", "trailers"),
        ("trailer", "x-late"),
        ("expect", "100-continue"),
        ("cookie", "a=b"),
        ("accept-encoding", "gzip, br"),
        ("x-mine", "1"),
    ];
    let put = request(Method::PUT, &server.url("/v2/x"), &given, "body");
    run.send(put).await.unwrap();
    let seen = server.only();
    let mut names: Vec<_> = seen.headers.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "accept",
        "accept-encoding",
        "content-length",
        "host",
        "user-agent",
        "x-mine",
    ];
    assert_eq!(names, expected);
    assert_eq!(seen.header("host"), server.address.to_string());
    assert_eq!(seen.header("content-length"), "4");
    assert_eq!(seen.header("accept-encoding"), "identity");

    // Lengths that two servers could read differently.
    for lengths in [
        &["4", "5"][..],
        &["4", "4"],
        &["+4"],
        &["4, 4"],
        &["0x4"],
        &["-1"],
        &[" "],
    ] {
        let mut put = request(Method::PUT, &server.url("/v2/x"), &[], "body");
        for length in lengths {
            put.headers_mut()
                .append("content-length", length.parse().unwrap());
        }
        let line = refused(run.send(put).await);
        assert!(line.reason.contains("content-length"), "{line}");
    }
    // One that is not true.
    for length in ["3", "5"] {
        let put = request(
            Method::PUT,
            &server.url("/v2/x"),
            &[("content-length", length)],
            "body",
        );
        let error = run.send(put).await.unwrap_err();
        assert!(
            matches!(error, SendError::Body(BodyError::Length { .. })),
            "{error:?}"
        );
    }
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn no_header_can_carry_a_line_break() {
    for text in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
        assert!(HeaderValue::from_bytes(text.as_bytes()).is_err());
        assert!(HeaderName::from_bytes(text.as_bytes()).is_err());
    }
}
