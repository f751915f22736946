//! What a request says of itself is the host's to say.

use super::attempt::Attempt;
use super::listener::Listener;

/// Headers that the interface takes and the host leaves away, or says itself.
#[test]
fn forged_headers_do_not_go_out() {
    let server = Listener::start();
    let attempt = Attempt::naming(&server.url("/"));
    let forged = [
        ("host", "elsewhere.example"),
        ("transfer-encoding", "chunked"),
        ("connection", "x-admin, close"),
        ("cookie", "session=forged-cookie"),
        ("te", "trailers"),
        ("trailer", "x-forged"),
        ("upgrade", "h2c"),
        ("http2-settings", "forged"),
        ("expect", "100-continue"),
        ("keep-alive", "timeout=99"),
        ("proxy-authorization", "Basic Zm9yZ2Vk"),
        ("proxy-connection", "keep-alive"),
        ("accept-encoding", "gzip"),
    ];
    for (name, value) in forged {
        attempt.sees(&format!(
            "request PUT {}\nheader {name}: {value}\nbody hello",
            server.url("/api/x")
        ));
    }
    // One that is allowed arrives: headers do go out.
    attempt.sees(&format!(
        "request PUT {}\nheader x-mine: arrived\nbody hello",
        server.url("/api/x")
    ));
    let requests = server.requests();
    assert!(requests.last().unwrap().text().contains("x-mine: arrived"));
    for seen in requests {
        let values = |name: &str| {
            let found = seen.head.headers.iter().filter(|(n, _)| n == name);
            found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(values("host"), [server.address().to_string()]);
        assert_eq!(values("content-length"), ["5"]);
        assert_eq!(values("accept-encoding"), ["identity"]);
        for name in [
            "transfer-encoding",
            "connection",
            "cookie",
            "te",
            "trailer",
            "upgrade",
            "http2-settings",
        ] {
            assert!(values(name).is_empty(), "{}", seen.text());
        }
        for name in [
            "expect",
            "keep-alive",
            "proxy-authorization",
            "proxy-connection",
        ] {
            assert!(values(name).is_empty(), "{}", seen.text());
        }
        assert_eq!(seen.body, b"hello");
    }
}

#[test]
fn headers_that_speak_of_another_request() {
    let server = Listener::start();
    let attempt = Attempt::naming(&server.url("/"));
    for header in [
        "x-forwarded-host: elsewhere.example",
        "x-forwarded-for: 127.0.0.1",
        "forwarded: host=elsewhere.example",
        "x-original-url: /admin",
        "x-rewrite-url: /admin",
        "x-http-method-override: DELETE",
        "X-HTTP-Method: DELETE",
        "x-host: elsewhere.example",
    ] {
        let request = format!(
            "request POST {}\nheader {header}\nbody x",
            server.url("/api/x")
        );
        attempt.denied(&request, "can say another method, path or host");
    }
    server.heard_nothing();
}

/// A length that is not the body's would make of its rest a request that nobody has checked.
#[test]
fn a_forged_length_smuggles_no_request() {
    let server = Listener::start();
    let attempt = Attempt::naming(&server.url("/"));
    let smuggled = "GET\\s/admin\\sHTTP/1.1\\r\\nHost:\\selsewhere\\r\\n\\r\\n";
    for length in [
        "0",
        "1",
        "10",
        "1000",
        "+5",
        "5, 5",
        "-1",
        "0x10",
        "99999999999999999999",
    ] {
        let script = format!(
            "request POST {}\nheader content-length: {length}\nbody {smuggled}\nneeds no answer",
            server.url("/api/x")
        );
        let stopped = attempt.script(&script);
        assert!(
            matches!(stopped.status.code(), Some(1 | 5)),
            "{length}\n{stopped}"
        );
    }
    let twice = format!(
        "request POST {}\nheader content-length: 0\nheader content-length: 49\nbody {smuggled}\nneeds no answer",
        server.url("/api/x")
    );
    let stopped = attempt.script(&twice);
    assert!(matches!(stopped.status.code(), Some(1 | 5)), "{stopped}");
    // Both framings at once, of which each server believes another one.
    let both = format!(
        "request POST {}\nheader transfer-encoding: chunked\nbody 0\\r\\n\\r\\n{smuggled}",
        server.url("/api/whole")
    );
    attempt.script(&both);
    for seen in server.requests() {
        assert!(seen.target().starts_with("/api/"), "{}", server.text());
    }
}

/// Neither the interface nor the host lets a line end where a plugin likes.
#[test]
fn line_ends_in_every_field() {
    let server = Listener::start();
    let url = server.url("/api/x");
    let attempt = Attempt::naming(&server.url("/"));
    let forged = "\\r\\nx-forged:\\syes";
    for field in [
        format!("header x-mine: value{forged}"),
        format!("header x-mine{forged}: value"),
        "header x-mine: value\\nx-forged:\\syes".to_owned(),
        "header x-mine: value\\rx-forged:\\syes".to_owned(),
        "header x-mine: value\\0".to_owned(),
        "header x\\smine: value".to_owned(),
        format!("method GET{forged}"),
        "method GET\\s/admin\\sHTTP/1.1\\r\\n\\r\\nGET".to_owned(),
        format!("scheme http{forged}"),
        format!("authority {}{forged}", server.address()),
        format!("path /api/x{forged}"),
        format!("path /api/x\\sHTTP/1.1{forged}\\r\\n\\r\\n"),
        format!("path /api/x?q={forged}"),
        "path /api/x%0d%0ax-forged:yes\\n".to_owned(),
    ] {
        attempt.stopped(&format!("request GET {url}\n{field}"));
    }
    server.heard_nothing();
    attempt.sees(&format!("request GET {url}\nheader x-mine: value"));
    server.only();
}

/// What a server writes is not what the terminal does, and is no line of its own.
#[test]
fn a_server_that_answers_with_more_than_text() {
    let body = "\u{1b}[2J\u{202e}\nerror: forged\n";
    let server = Listener::answering(move |_| {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nx-mine: arrived\r\nset-cookie: id=1\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    });
    let attempt = Attempt::naming(&server.url("/"));
    let asks = format!("request GET {}\nsend", server.url("/api/x"));
    let seen = attempt.sees(&asks);
    assert!(
        seen[0].contains("x-mine: arrived") && seen[0].ends_with(body),
        "{seen:?}"
    );
    assert!(!seen[0].contains("set-cookie"), "{seen:?}");
    let failed = attempt
        .flag("-v")
        .script(&format!("{asks}\nprint <body>\nfail <body>"))
        .fails(1);
    assert!(failed.stderr.contains("forged"), "{failed}");
    assert!(!failed.stderr.contains(['\u{1b}', '\u{202e}']), "{failed}");
    assert!(
        !failed.stderr.lines().any(|line| line == "error: forged"),
        "{failed}"
    );
}
