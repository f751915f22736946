//! A server and a plugin that help each other to what the plugin must not read: the token that the user's password buys.

use super::attempt::Attempt;
use super::listener::Listener;
use crate::harness::plugin::hostile;

const TOKEN: &str = "planted-session-7d2f90";

const MANIFEST: &str = r#"
name = "hostile"
version = "0.1.0"
description = "Logs in, and wants the token"
options = [
    { name = "behaviour", type = "text", default = "script", help = "What it tries" },
    { name = "script", type = "text", help = "What it tries, line by line" },
    { name = "url", type = "url", help = "Where it logs in" },
    { name = "mirror", type = "url", help = "Another place" },
    { name = "password", type = "secret", env = "SPIN_DEPLOYER_HOSTILE_PASSWORD", help = "For url" },
]

[[http]]
to = "{url}"
methods = ["GET", "POST"]
paths = ["/api/auth-tokens"]
sends = ["password"]
hides = ["/token", "/items/*/key"]
why = "log in"

[[http]]
to = "{url}"
methods = ["GET", "POST"]
sends = ["password"]
why = "everything else"

[[http]]
to = "{mirror}"
methods = ["GET", "POST"]
follows = ["www-authenticate"]
why = "pull"
"#;

fn answer(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn attempt(platform: &Listener) -> Attempt {
    Attempt::of(|machine| hostile(machine.home(), MANIFEST))
        .with("--url", platform.url("/"))
        .variable("SPIN_DEPLOYER_HOSTILE_PASSWORD", "planted-password-31a8")
}

/// The plugin logs in at this path.
fn logs_in(platform: &Listener, path: &str) -> String {
    let url = platform.url(path);
    format!(
        "request POST {url}\nheader content-type: application/json\nbody \"<password>\"\nsend\n"
    )
}

#[test]
fn a_realm_onto_a_place_where_the_plugin_logs_in() {
    for path in ["/api/auth-tokens", "/session"] {
        let platform = Listener::answering(|_| {
            answer(
                "200 OK",
                "application/json",
                &format!("{{\"token\":\"{TOKEN}\"}}"),
            )
        });
        let realm = platform.url(path);
        let mirror = Listener::answering(move |_| {
            let head = format!("www-authenticate: Bearer realm=\"{realm}\"");
            format!("HTTP/1.1 401 Unauthorized\r\n{head}\r\ncontent-length: 0\r\n\r\n")
        });
        let attempt = attempt(&platform).with("--mirror", mirror.url("/"));
        let begins = format!(
            "request GET {}\nsend\n{}",
            mirror.url("/v2/"),
            logs_in(&platform, path)
        );
        for carries in [
            "header authorization: Bearer <body>",
            "header content-type: application/json\nbody <body>",
        ] {
            let script = format!("{begins}request POST {}\n{carries}", mirror.url("/take"));
            let denied = attempt.denied(&script, "which may not go there");
            assert!(!denied.stderr.contains(TOKEN), "{denied}");
        }
        // It heard the first question of each run.
        assert_eq!(mirror.requests().len(), 2, "{}", mirror.text());
        assert!(platform.text().contains("planted-password-31a8"));
    }
}

#[test]
fn a_token_in_an_answer_that_is_no_json() {
    let deep = format!("{}\"{TOKEN}\"{}", "[".repeat(200), "]".repeat(200));
    let token = |text: &str| text.replace('T', TOKEN);
    let disguises = [
        (
            "application/javascript",
            token(r#"callback({"token":"T"})"#),
        ),
        ("application/json", token(r#")]}',{"token":"T"}"#)),
        ("application/json", token(r#"{"n":1e999,"token":"T"}"#)),
        ("application/json", token(r#"{"n":"\ud800","token":"T"}"#)),
        ("application/json", token(r#"{"token":"T","token":null}"#)),
        ("application/json", token("{\"token\":\"T")),
        ("text/plain", token("{\"token\":\"T")),
        ("text/plain", deep),
        ("application/x-www-form-urlencoded", token("token=T")),
        ("application/xml", token("<token>T</token>")),
        ("application/yaml", token("token: T")),
        ("text/event-stream", token("data: T\n\n")),
        ("application/octet-stream", token("T")),
    ];
    let count = disguises.len();
    let platform = Listener::answering(move |seen| {
        let (status, number) = seen
            .target()
            .split_once('?')
            .unwrap()
            .1
            .split_once('-')
            .unwrap();
        let (kind, body) = &disguises[number.parse::<usize>().unwrap()];
        answer(status, kind, body)
    });
    let attempt = attempt(&platform);
    for status in ["200", "404", "500"] {
        let script: String = (0..count)
            .map(|number| logs_in(&platform, &format!("/api/auth-tokens?{status}-{number}")))
            .collect();
        let seen = attempt.sees(&script);
        assert_eq!(seen.len(), count);
        assert!(
            !seen.iter().any(|line| line.contains(&TOKEN[8..])),
            "{seen:#?}"
        );
    }
    assert_eq!(platform.requests().len(), 3 * count);
    // Another spelling of the path, for a server that does not mind, by the rule that hides nothing.
    let platform = Listener::answering(|_| {
        answer(
            "200 OK",
            "application/json",
            &format!("{{\"token\":\"{TOKEN}\"}}"),
        )
    });
    let paths = [
        "/API/auth-tokens",
        "/api/auth-tokens/",
        "//api/auth-tokens",
        "/api/auth%2Dtokens",
        "/api/auth-tokens;x",
    ];
    let script: String = paths.map(|path| logs_in(&platform, path)).concat();
    let seen = self::attempt(&platform).sees(&script);
    assert_eq!(platform.requests().len(), paths.len(), "{seen:#?}");
    assert!(!seen.iter().any(|line| line.contains(TOKEN)), "{seen:#?}");
}

#[test]
fn a_flood_of_texts_to_hide() {
    let platform = Listener::answering(|seen| {
        let round = seen.target().split_once('?').unwrap().1;
        let secret = |n: usize| format!("{}-planted-{round}-{n:03}", "a".repeat(300));
        let items = (0..900).map(|n| format!("{{\"key\":\"{}\"}}", secret(n)));
        let items = items.collect::<Vec<_>>().join(",");
        let echo = "a".repeat(300_000) + &secret(7);
        let body = format!("{{\"echo\":\"{echo}\",\"items\":[{items}]}}");
        answer("200 OK", "application/json", &body)
    });
    let attempt = attempt(&platform).with("--timeout", "60s");
    let script: String = (0..4)
        .map(|round| logs_in(&platform, &format!("/api/auth-tokens?{round}")) + "print <body>\n")
        .collect();
    let finished = attempt.script(&script).ok();
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains("-planted-"), "it read one");
    assert_eq!(platform.requests().len(), 4);
}
