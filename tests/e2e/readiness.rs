//! A release is waited for where the platform says that it is, and where it does not answer the user reads why.

use crate::harness::app::App;
use crate::harness::plugin::hostile;
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::{Finished, Machine};

const MANIFEST: &str = r#"
name = "hippo"
version = "0.1.0"
description = "Runs apps"
options = [
    { name = "behaviour", type = "text", default = "script", help = "What it does" },
    { name = "script", type = "text", default = " ", help = "What it asks" },
    { name = "url", type = "url", required = true, help = "The platform" },
    { name = "probe", type = "text", help = "Where a release answers" },
    { name = "otherwise", type = "text", help = "Where else" },
    { name = "log", type = "text", help = "What a release wrote" },
    { name = "state", type = "text", help = "What the platform calls its state" },
]

[[http]]
to = "{url}"
methods = ["GET", "POST"]
paths = ["/api/**"]
follows = ["routes"]
why = "create the app, and ask where it is"
"#;

/// A platform that says at `/api/channel` what it is told to say, and an app in which only the version is asked.
fn answering(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Proxy {
    Proxy::with(([127, 0, 0, 1], 9).into(), move |request| {
        let (status, body) = answer(&request.target);
        Verdict::Answer(format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ))
    })
}

fn url(server: &Proxy) -> String {
    format!("http://{}", server.address())
}

/// A deploy by the plugin.
fn deploy(platform: &Proxy, more: &[&str]) -> (Machine, Finished) {
    let (machine, app) = (Machine::new(), App::small());
    let plugin = hostile(machine.home(), MANIFEST);
    let (plugin, app, url) = (
        plugin.to_str().unwrap(),
        app.path().to_str().unwrap(),
        url(platform),
    );
    let line = ["deploy", "-t", plugin, "-f", app, "--url", &url];
    let finished = machine.run([&line, more].concat());
    (machine, finished)
}

const UNREADY: &str = r#"{"version": "not yet"}"#;

#[test]
fn a_release_that_is_not_ready_is_shown_with_what_it_wrote() {
    let platform = answering(|_| (200, UNREADY.to_owned()));
    let probe = format!("{}/api/ready", url(&platform));
    let line = ["--probe", &probe, "--readiness-timeout", "1s"];
    let shown = |log: &str, more: &[&str]| {
        let (_, finished) = deploy(&platform, &[&line[..], &["--log", log], more].concat());
        finished.fails(8)
    };

    let hostile = "listening\n\u{1b}[2Jerror: none";
    let text = shown(hostile, &[]);
    text.says("error: deployed, but not ready after 1 second\n")
        .says("\"not yet\", not \"never\"")
        .says("  log | listening\n  log | \\u{1b}[2Jerror: none\n");
    let json = shown(hostile, &["--output", "json"]).json();
    assert_eq!(json["error"]["code"], "not-ready");
    assert_eq!(json["error"]["sent"], true);
    assert_eq!(
        json["error"]["log"],
        serde_json::json!(["listening", "\u{1b}[2Jerror: none"])
    );

    // More than was asked for is cut to the end of it.
    let many = shown("many", &["--output", "json"]).json();
    let lines = many["error"]["log"].as_array().unwrap();
    assert_eq!(
        (lines.len(), &lines[19]),
        (20, &serde_json::json!("line 9999"))
    );

    // That it cannot be had is a remark, and the error stays what it is.
    let failed = shown("fail", &["--output", "json"]);
    assert_eq!(failed.json()["error"].get("log"), None);
    failed.says("what the release wrote cannot be shown: no such channel");
}

#[test]
fn a_log_that_never_comes_holds_nobody_up() {
    let platform = answering(|_| (200, UNREADY.to_owned()));
    let probe = format!("{}/api/ready", url(&platform));
    let line = [
        "--probe",
        &probe,
        "--readiness-timeout",
        "1s",
        "--log",
        "loop",
    ];
    let (_, finished) = deploy(&platform, &line);
    finished.fails(8).says("limit of 10 s");
}

#[test]
fn the_host_waits_where_the_platform_said_that_the_app_is() {
    let app = answering(|path| match path {
        "/.well-known/spin/health" => (200, String::new()),
        _ => (404, String::new()),
    });
    let place = format!("app.localhost:{}", app.address().port());
    let says = format!(r#"{{"domain": "{place}"}}"#);
    let platform = answering(move |_| (200, says.clone()));
    let (info, health) = (
        format!("http://{place}/.well-known/spin/info"),
        format!("http://{place}/.well-known/spin/health"),
    );
    let script = format!("request GET {}/api/channel", url(&platform));
    let line = ["--output", "json", "--probe", &info, "--otherwise", &health];
    let (machine, finished) = deploy(&platform, &[&line[..], &["--script", &script]].concat());
    assert_eq!(finished.ok().json()["ready"], true);
    let asked: Vec<String> = app.requests().into_iter().map(|r| r.target).collect();
    assert_eq!(
        asked,
        ["/.well-known/spin/info", "/.well-known/spin/health"]
    );
    let log = std::fs::read_to_string(machine.audit_log()).unwrap();
    let by = format!(r#""allowed_by":"{}, routes""#, url(&platform));
    assert_eq!(log.matches(&by).count(), 2, "{log}");

    // Without that answer nobody named the place.
    let (_, finished) = deploy(&platform, &line);
    let denied = finished.fails(5);
    assert_eq!(denied.json()["error"]["sent"], true);
    denied
        .says("deployed, but the plugin wants to wait for a place that may not be asked")
        .says("nobody named that host")
        .says("--readiness-timeout 0 does not wait");
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn the_platforms_word_for_the_state_of_a_release_is_shown() {
    let platform = answering(|_| (200, String::new()));
    let (_, text) = deploy(&platform, &["--state", "pending\u{1b}[2J"]);
    let text = text.ok();
    assert!(
        text.stdout.contains("state    pending\\u{1b}[2J\n"),
        "{text}"
    );
    let (_, json) = deploy(&platform, &["--state", "running", "--output", "json"]);
    assert_eq!(json.ok().json()["release"]["state"], "running");
    let (_, json) = deploy(&platform, &["--output", "json"]);
    assert_eq!(
        json.ok().json()["release"]["state"],
        serde_json::Value::Null
    );
}
