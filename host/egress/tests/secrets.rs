//! Secrets arrive where they belong and are seen nowhere else: on the wire, in messages, in the audit, in `Debug`.
#![allow(clippy::unwrap_used)]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use common::*;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
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

/// Every byte of it as `%xx`.
fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// Every character of it as `\u00xx`.
fn unicode(text: &str) -> String {
    text.chars()
        .map(|c| format!("\\u{:04x}", u32::from(c)))
        .collect()
}

#[tokio::test]
async fn a_secret_in_disguise_is_found_where_it_may_not_go() {
    let (_, other, run, _) = two().await;
    let at = |path: String| request(Method::GET, &other.url(&path), &[], "");
    let header = |value: &str| request(Method::GET, &other.url("/"), &[("x-note", value)], "");
    let body = |kind: &str, text: &str| {
        request(
            Method::POST,
            &other.url("/"),
            &[("content-type", kind)],
            text,
        )
    };
    let form: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let escaped = serde_json::to_string(SECRET).unwrap();
    let mut requests = vec![
        // The path and the query, encoded once, twice, three times, all of it or what has to be.
        at(format!("/{}", percent(SECRET))),
        at(format!("/{}", percent(&percent(SECRET)))),
        at(format!("/{}", percent(&percent(&percent(SECRET))))),
        at(format!("/x/{}/y", form.replace('%', "%25"))),
        at(format!("/?{}", percent(SECRET))),
        at(format!("/?{}=1", percent(SECRET))),
        at(format!("/?q={}", form.to_lowercase())),
        at(format!("/?q={}", form.replace('+', "%20"))),
        // Headers.
        header(&percent(SECRET)),
        header(&unicode(SECRET)),
        header(&escaped),
        header(&format!("Basic {}", STANDARD.encode(format!("{SECRET}:")))),
        // Bodies.
        body("application/json", &escaped),
        body("application/json", &format!("\"{}\"", unicode(SECRET))),
        body("application/json", &escaped.replace('/', "\\/")),
        body(
            "application/x-www-form-urlencoded",
            &format!("a=b&c={form}&d=e"),
        ),
        body(
            "application/x-www-form-urlencoded",
            &percent(&percent(SECRET)),
        ),
        body("text/plain", &format!("{}\n", percent(&unicode(SECRET)))),
        body("application/octet-stream", &format!("\0\0{SECRET}\0")),
    ];
    for before in ["", "x", "xy"] {
        for after in ["", "z"] {
            let text = format!("{before}{SECRET}{after}");
            let (plain, url_safe) = (STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text));
            requests.push(header(&plain));
            requests.push(at(format!("/{url_safe}")));
            requests.push(body("text/plain", &format!("({url_safe})")));
            requests.push(at(format!("/?q={}", percent(&plain))));
        }
    }
    for request in requests {
        let shown = format!("{} {:?}", request.uri(), request.headers());
        let line = match run.send(request).await {
            Err(SendError::Refused(line)) => line,
            other => panic!("{shown}: {other:?}"),
        };
        assert!(line.reason.contains("`api-token`"), "{shown}: {line}");
        assert_eq!(line.suggestion, None);
    }
    assert_eq!(other.connections(), 0);
    // None of that is told again.
    let told = format!("{:?} {}", run.session.refusals(), run.audit.json());
    for telling in [SECRET, &form, &percent(SECRET), &percent(&percent(SECRET))] {
        assert!(!told.contains(telling), "{told}");
    }
}

#[tokio::test]
async fn a_secret_is_found_in_a_headers_name_and_told_nowhere() {
    let (_, other, run, _) = two().await;
    let key = "0123456789abcdef0123";
    run.vault
        .insert("api-token", Secret::new(key.to_owned()), Audience::Rules)
        .unwrap();
    let named = request(
        Method::GET,
        &other.url("/"),
        &[("x-0123456789ABCDEF0123", "1")],
        "",
    );
    let line = refused(run.send(named).await);
    assert!(line.reason.contains("`api-token`"), "{line}");
    // Refused for another reason, and the secret is in what would be told of it.
    let stranger = Server::start(ok).await;
    let method = Method::from_bytes(format!("X{key}").as_bytes()).unwrap();
    for request in [
        request(method, &other.url("/"), &[], ""),
        request(Method::GET, &stranger.url(&format!("/{key}")), &[], ""),
        request(Method::GET, &stranger.url(&format!("/a?{key}=1")), &[], ""),
        request(Method::GET, &stranger.url(&format!("/a?{key}")), &[], ""),
        request(Method::GET, &format!("http://{key}.example/a"), &[], ""),
        request(
            Method::GET,
            &format!("http://u@{key}.example/a/../b"),
            &[],
            "",
        ),
        request(Method::PATCH, &other.url(&format!("/{key}")), &[], ""),
    ] {
        let line = refused(run.send(request).await);
        assert!(!format!("{line:?}").contains(key), "{line:?}");
    }
    let told = format!("{:?} {}", run.session.refusals(), run.audit.json());
    assert!(!told.contains(key), "{told}");
    assert_eq!((other.connections(), stranger.connections()), (0, 0));
}

/// A body of these pieces.
fn pieces(url: &str, length: Option<usize>, pieces: Vec<String>) -> Request<Body> {
    let frames = pieces
        .into_iter()
        .map(|piece| Ok(Frame::data(Bytes::from(piece))));
    let body = StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync();
    let mut request = Request::post(url);
    if let Some(length) = length {
        request = request.header("content-length", length);
    }
    request.body(body).unwrap()
}

/// A body of at most 64 KiB is looked at as a whole, however it comes. A larger one is not looked at: it is a layer, or
/// comes from a plugin that could as well disguise what is in it.
#[tokio::test]
async fn a_secret_in_pieces_is_found_up_to_64_kib() {
    let (_, other, run, _) = two().await;
    let url = other.url("/");
    let filler = "x".repeat(64 * 1024 - SECRET.len());
    let whole = format!("{filler}{SECRET}");
    assert_eq!(whole.len(), 64 * 1024);
    for announced in [None, Some(whole.len())] {
        for size in [1021, 7, 64 * 1024 - 3] {
            let mut split: Vec<String> = vec![String::new()];
            for c in whole.chars() {
                if split.last().unwrap().len() >= size {
                    split.push(String::new());
                }
                split.last_mut().unwrap().push(c);
            }
            let line = refused(run.send(pieces(&url, announced, split)).await);
            assert!(line.reason.contains("`api-token`"), "{line}");
        }
    }
    assert_eq!(other.connections(), 0);
    for announced in [None, Some(whole.len() + 1)] {
        let larger = vec![whole.clone(), "y".to_owned()];
        run.send(pieces(&url, announced, larger)).await.unwrap();
    }
    assert_eq!(other.seen().len(), 2);
}

/// What a server echoes, in all the ways in which it can come.
#[tokio::test]
async fn an_echo_is_hidden_however_it_comes() {
    // Sent as it is; this one has no character that a header cannot have.
    let secret = "s3cr3t/with+\"odd\"<chars>&=";
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::to_string(secret).unwrap();
    let html = "s3cr3t/with+&quot;odd&quot;&lt;chars&gt;&amp;=";
    let encoded = STANDARD.encode(format!("u:{secret}"));
    let go = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let php = json.replace('/', "\\/");
    let far = "x".repeat(70_000);
    let chunks = |text: &str, size: usize| {
        let chunks = text.as_bytes().chunks(size);
        let chunks =
            chunks.map(|c| format!("{:x}\r\n{}\r\n", c.len(), std::str::from_utf8(c).unwrap()));
        format!("{}0\r\n\r\n", chunks.collect::<String>())
    };
    let chunked = "200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    let binary =
        "200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let events = "200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let text = "200 OK\ncontent-type: text/plain";
    let mut answers = vec![
        answer(text, secret),
        answer("200 OK\ncontent-type: application/json", &json),
        answer("200 OK\ncontent-type: application/json", &go),
        answer("200 OK\ncontent-type: application/json", &php),
        answer("200 OK\ncontent-type: text/html", html),
        answer(
            "200 OK\ncontent-type: application/x-www-form-urlencoded",
            &form,
        ),
        answer(text, &encoded),
        // No text, and no word about what it is.
        answer("200 OK\ncontent-type: application/octet-stream", secret),
        answer("200 OK\ncontent-type: application/javascript", secret),
        answer("200 OK", secret),
        // Behind what is read as a whole.
        answer(text, &format!("{far}{secret}{far}")),
        answer(text, &format!("{far}{form}")),
        answer(
            "200 OK\ncontent-type: image/png",
            &format!("{far}{encoded}"),
        ),
        // A header, its name, a trailer, a status that says no.
        answer(&format!("200 OK\nx-echo: {secret}"), ""),
        answer(
            &format!("200 OK\nwww-authenticate: Basic realm=\"{form}\""),
            "",
        ),
        format!(
            "200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n2\r\nab\r\n0\r\nx-late: {secret}\r\n\r\n"
        ),
        answer("500 Error\ncontent-type: text/plain", secret),
    ];
    for size in [1, 3, 1000] {
        for head in [chunked, binary, events] {
            answers.push(format!("{head}{}", chunks(&format!("a{secret}b"), size)));
        }
        answers.push(format!(
            "{chunked}{}",
            chunks(&format!("{far}{secret}"), size.max(3))
        ));
    }
    let telling = [
        secret,
        &form,
        &json[1..json.len() - 1],
        &go[1..go.len() - 1],
        &php[1..php.len() - 1],
        html,
        &encoded[4..],
    ];
    let telling: Vec<String> = telling.iter().map(|text| (*text).to_owned()).collect();
    for (number, raw) in answers.into_iter().enumerate() {
        let told = raw.clone();
        let server = Server::start(move |_| raw.clone()).await;
        let run = run(&server, Phase::Deploy);
        let p = run
            .vault
            .insert("api-token", Secret::new(secret.to_owned()), Audience::Rules)
            .unwrap();
        let asked = [("authorization", p.as_str())];
        let answer = run
            .send(request(Method::GET, &server.url("/v2/"), &asked, ""))
            .await
            .unwrap();
        assert_eq!(server.only().header("authorization"), secret);
        let announced = answer.headers().get("content-length").cloned();
        let headers = format!("{:?}", answer.headers().values().collect::<Vec<_>>());
        let collected = answer.into_body().collect().await.unwrap();
        assert!(collected.trailers().is_none(), "{number}");
        let body = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
        if let Some(announced) = announced {
            assert_eq!(announced, body.len().to_string(), "{number}");
        }
        for text in &telling {
            assert!(
                !body.contains(text) && !headers.contains(text),
                "{number}: {}",
                &told[..told.len().min(300)]
            );
        }
    }
}

/// A server is asked for an answer that can be read. One that answers otherwise is not understood: the plugin gets it as
/// it is.
#[tokio::test]
async fn an_answer_is_asked_for_without_an_encoding() {
    let server = Server::start(|_| answer("200 OK\ncontent-encoding: x-rot13", "f3pe3g")).await;
    let run = run(&server, Phase::Deploy);
    secret(&run, "api-token", Audience::Rules);
    let asked = [("accept-encoding", "gzip"), ("te", "gzip")];
    let get = request(Method::GET, &server.url("/v2/"), &asked, "");
    let read = text(run.send(get).await.unwrap()).await;
    assert_eq!(read, "f3pe3g");
    let seen = server.only();
    assert_eq!(
        (seen.header("accept-encoding"), seen.header("te")),
        ("identity", "")
    );
}

/// A server may tell a header's name, too.
#[tokio::test]
async fn a_header_whose_name_is_a_secret_does_not_come_through() {
    let key = "0123456789abcdef0123";
    let server =
        Server::start(move |_| answer(&format!("200 OK\nX-{}: 1", key.to_uppercase()), "")).await;
    let run = run(&server, Phase::Deploy);
    run.vault
        .insert("api-token", Secret::new(key.to_owned()), Audience::Rules)
        .unwrap();
    let answer = run.get(&server.url("/v2/")).await.unwrap();
    assert_eq!(answer.headers().len(), 1, "{:?}", answer.headers());
}
