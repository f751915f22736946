//! The host waits where an answer said that the app is, and nowhere else: each time a server listens at the place that
//! must not be asked, and is asked what it saw. Other addresses of loopback stand for other machines.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use common::*;
use http::Method;
use http_body_util::BodyExt;
use rstest::rstest;
use spin_deployer_egress::*;
use spin_deployer_grants::{Phase, Policies};

const HIPPO: &str = r#"
    name = "hippo"
    version = "0.1.0"
    description = "Runs apps"
    [[options]]
    name = "hippo-url"
    type = "url"
    help = "Where Hippo is"
    [[options]]
    name = "other"
    type = "url"
    help = "Another place"
    [[options]]
    name = "token"
    type = "secret"
    help = "A token"
    [[http]]
    to = "{hippo-url}"
    methods = ["GET", "POST"]
    paths = ["/api/**"]
    sends = ["token"]
    follows = ["routes"]
    why = "create the app"
    [[http]]
    to = "{other}"
    methods = ["GET"]
    why = "look"
"#;

/// A name server that knows these.
#[derive(Default)]
struct Zone {
    addresses: HashMap<&'static str, Vec<IpAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    fn new(names: &[(&'static str, &[&str])]) -> Arc<Self> {
        let read = |ips: &[&str]| ips.iter().map(|ip| ip.parse().unwrap()).collect();
        let addresses = names.iter().map(|(name, ips)| (*name, read(ips)));
        Arc::new(Self {
            addresses: addresses.collect(),
            asked: Mutex::default(),
        })
    }
}

impl Names for Zone {
    fn look_up(&self, host: &str) -> Looking {
        self.asked.lock().unwrap().push(host.to_owned());
        let answer = self.addresses.get(host).cloned();
        Box::pin(async move { answer.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

/// JSON by its name in the path, and anything else as what it is not.
fn says(
    kind: &'static str,
    body: impl Fn(&Seen) -> String + Send + Sync + 'static,
) -> impl Fn(&Seen) -> String {
    move |seen| answer(&format!("200 OK\ncontent-type: {kind}"), &body(seen))
}

/// A run of the plugin, which may talk to `hippo` as `url`, and has asked it for its channel.
async fn asked(zone: &Arc<Zone>, url: &str, policies: &Policies) -> Run {
    let options = [("hippo-url", url.to_owned())];
    let run = open(zone, grant_under(HIPPO, &options, policies));
    let channel = run.get(&format!("{url}/api/channels/1")).await.unwrap();
    text(channel).await;
    run
}

fn open(zone: &Arc<Zone>, grant: spin_deployer_grants::Grant) -> Run {
    let (vault, audit) = (Arc::new(Vault::default()), Arc::new(Kept::default()));
    let session = Egress::with_names(direct(), zone.clone()).session(
        grant,
        Phase::Deploy,
        vault.clone(),
        Limits::default(),
        audit.clone(),
    );
    Run {
        session,
        vault,
        audit,
    }
}

/// The same run, as the host itself looks whether the app answers.
fn probes(run: &Run) -> Run {
    Run {
        session: run.session.probes(Limits::default()),
        vault: run.vault.clone(),
        audit: run.audit.clone(),
    }
}

fn no_policy() -> Policies {
    Policies::default()
}

#[tokio::test]
async fn a_host_that_the_platform_named_is_asked_by_the_host_itself_and_the_audit_log_says_why() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    let hippo = Server::start(says("application/json; charset=utf-8", move |_| {
        format!(r#"{{"items":[{{"domain":"app.example:{port}"}}]}}"#)
    }))
    .await;
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    let run = asked(&zone, &hippo.url(""), &no_policy()).await;
    let url = format!("http://app.example:{port}/.well-known/spin/info");

    // The plugin may not go there, whatever was named.
    refused(run.get(&url).await);
    assert_eq!(app.connections(), 0);

    let probes = probes(&run);
    assert_eq!(text(probes.get(&url).await.unwrap()).await, "fine");
    let root = format!("http://app.example:{port}/");
    assert_eq!(text(probes.get(&root).await.unwrap()).await, "fine");
    let audit = run.audit.0.lock().unwrap();
    let line = audit
        .iter()
        .find(|entry| entry.url == url && entry.status.is_some());
    let by = format!("{}, routes", hippo.url("").trim_end_matches('/'));
    assert_eq!(line.unwrap().allowed_by.as_deref(), Some(by.as_str()));
}

/// By what the answer of the platform has in it, whether the app is asked.
#[rstest]
#[case::host_and_port(r#"["app.example:PORT"]"#, true)]
#[case::url(r#"{"url": "http://app.example:PORT/hello?x=1"}"#, true)]
#[case::upper_case(r#""APP.example.:PORT""#, true)]
#[case::another_host(r#"["other.example:PORT", "app.example.com:PORT"]"#, false)]
#[case::a_host_above(r#"["example:PORT"]"#, false)]
#[case::another_port(r#"["app.example", "app.example:1"]"#, false)]
#[case::another_scheme(r#"["https://app.example:PORT"]"#, false)]
#[case::in_a_sentence(r#"["see http://app.example:PORT"]"#, false)]
#[case::as_a_key(r#"{"app.example:PORT": 1}"#, false)]
#[case::with_a_user(r#"["http://me@app.example:PORT"]"#, false)]
#[case::no_json("app.example:PORT", false)]
#[case::half_json(r#"["app.example:PORT""#, false)]
#[tokio::test]
async fn only_what_was_named_is_asked(#[case] json: &'static str, #[case] named: bool) {
    let app = Server::start(ok).await;
    let port = app.address.port();
    let json = json.replace("PORT", &port.to_string());
    let hippo = Server::start(says("application/json", move |_| json.clone())).await;
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    let run = probes(&asked(&zone, &hippo.url(""), &no_policy()).await);
    let asked = run.get(&format!("http://app.example:{port}/")).await;
    if named {
        asked.unwrap();
    } else {
        assert_eq!(refused(asked).reason, "nobody named that host");
        assert_eq!(app.connections(), 0);
    }
}

#[tokio::test]
async fn a_name_in_an_answer_that_is_no_json_or_no_success_or_of_another_rule_is_not_learned() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    let body = move || format!(r#"["app.example:{port}"]"#);
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    for head in [
        "200 OK\ncontent-type: text/plain",
        "200 OK\ncontent-type: application/jsonp",
        "200 OK",
        "404 Not Found\ncontent-type: application/json",
        "301 Moved\ncontent-type: application/json",
    ] {
        let hippo = Server::start(move |_| answer(head, &body())).await;
        let run = probes(&asked(&zone, &hippo.url(""), &no_policy()).await);
        refused(run.get(&format!("http://app.example:{port}/")).await);
    }

    // Named in JSON, under a rule that follows nothing.
    let (hippo, other) = (
        Server::start(ok).await,
        Server::start(says("application/json", move |_| body())).await,
    );
    let options = [("hippo-url", hippo.url("")), ("other", other.url(""))];
    let run = open(&zone, grant(HIPPO, &options));
    text(run.get(&other.url("/x")).await.unwrap()).await;
    refused(
        probes(&run)
            .get(&format!("http://app.example:{port}/"))
            .await,
    );
    assert_eq!(app.connections(), 0);

    // What a run has learned, another one does not know.
    let hippo = Server::start(says("application/json", move |_| body())).await;
    asked(&zone, &hippo.url(""), &no_policy()).await;
    let another = open(&zone, grant(HIPPO, &[("hippo-url", hippo.url(""))]));
    refused(
        probes(&another)
            .get(&format!("http://app.example:{port}/"))
            .await,
    );
    assert_eq!(app.connections(), 0);
}

#[tokio::test]
async fn of_a_named_host_little_is_asked_and_nothing_is_sent() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    let hippo = Server::start(says("application/json", move |_| {
        format!(r#"["app.example:{port}"]"#)
    }))
    .await;
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    let run = asked(&zone, &hippo.url(""), &no_policy()).await;
    let run = probes(&run);
    let at = |path: &str| format!("http://app.example:{port}{path}");
    for path in [
        "/?data=all",
        "/data",
        "/.well-known",
        "/.well-knownx/y",
        "/.well-known/data",
        "/.well-known/spin/",
        "/.well-known/spin/info/data",
        "/.well-known/spin/info;data",
        "/.well-known/spin/INFO",
        "/.well-known/spin/health?data=all",
    ] {
        let line = refused(run.get(&at(path)).await);
        assert!(line.reason.contains("/.well-known/"), "{}", line.reason);
    }
    refused(run.get(&at("/.well-known/../admin")).await);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::HEAD] {
        refused(run.send(request(method, &at("/"), &[], "")).await);
    }
    let secret = run
        .vault
        .insert(
            "token",
            "hunter2-hunter2".to_owned().into(),
            Audience::Rules,
        )
        .unwrap();
    let with = [("authorization", secret.as_str())];
    refused(run.send(request(Method::GET, &at("/"), &with, "")).await);
    assert_eq!(app.connections(), 0);
}

#[tokio::test]
async fn a_private_address_is_asked_only_where_the_one_who_named_it_is() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    // All that the platform says of its app is a name, or the address itself.
    let hippo = Server::start(says("application/json", move |_| {
        format!(
            r#"["here.example:{port}", "there.example:{port}", "both.example:{port}", "meta.example:{port}",
            "127.0.0.1:{port}", "127.0.0.53:{port}", "10.0.0.7:{port}", "169.254.169.254:{port}", "[::1]:{port}",
            "app.localhost:{port}"]"#
        )
    }))
    .await;
    let zone = Zone::new(&[
        ("hippo.example", &["127.0.0.1", "169.254.169.254"]),
        ("plain.example", &["127.0.0.1"]),
        ("here.example", &["127.0.0.1"]),
        ("there.example", &["127.0.0.53"]),
        ("both.example", &["127.0.0.1", "127.0.0.53"]),
        ("meta.example", &["169.254.169.254"]),
    ]);
    for url in [
        hippo.url(""),
        format!("http://plain.example:{}", hippo.address.port()),
    ] {
        let run = probes(&asked(&zone, &url, &no_policy()).await);
        let get = |host: &str| {
            let url = format!("http://{host}:{port}/");
            let run = &run;
            async move { run.get(&url).await }
        };
        for host in ["here.example", "127.0.0.1", "app.localhost"] {
            get(host).await.unwrap();
        }
        for host in [
            "there.example",
            "both.example",
            "meta.example",
            "127.0.0.53",
            "10.0.0.7",
            "169.254.169.254",
            "[::1]",
        ] {
            let line = refused(get(host).await);
            let says = "and the server that named that host is not there";
            assert!(line.reason.ends_with(says), "{}", line.reason);
        }
    }
    let asked = zone.asked.lock().unwrap();
    assert!(
        !asked.iter().any(|name| name.ends_with("localhost")),
        "{asked:?}"
    );
}

/// That the user named it too is for the plugin that was given it, and does not let another server point there.
#[tokio::test]
async fn a_server_points_at_no_private_host_that_the_user_named_beside_it() {
    let trap = tokio::net::TcpListener::bind("127.0.0.53:0").await.unwrap();
    let there = trap.local_addr().unwrap();
    let other = tokio::net::TcpListener::bind("127.0.0.53:0").await.unwrap();
    let hippo = Server::start(says("application/json", move |_| format!(r#"["{there}"]"#))).await;
    let options = [
        ("hippo-url", hippo.url("")),
        ("other", format!("http://{}", other.local_addr().unwrap())),
    ];
    let run = open(&Zone::new(&[]), grant(HIPPO, &options));
    text(run.get(&hippo.url("/api/x")).await.unwrap()).await;
    let line = refused(probes(&run).get(&format!("http://{there}/")).await);
    assert!(line.reason.contains("is not there"), "{}", line.reason);
    let came = tokio::time::timeout(std::time::Duration::from_millis(20), trap.accept()).await;
    assert!(came.is_err());
}

#[tokio::test]
async fn in_the_clear_only_where_the_answer_came_so_and_under_a_policy_only_where_it_leads() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    let hippo = Server::start(says("application/json", move |_| {
        format!(r#"["app.example:{port}"]"#)
    }))
    .await;
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    let only = |to: &str| {
        let text = format!("schema = 1\n[http]\nto = [{to}]");
        no_policy().with("policy.toml", text.parse().unwrap())
    };
    let url = format!("http://app.example:{port}/");
    let here = format!("\"{}\"", hippo.url(""));
    let run = asked(&zone, &hippo.url(""), &only(&here)).await;
    let line = refused(probes(&run).get(&url).await);
    assert!(line.reason.contains("policy.toml"), "{}", line.reason);
    assert!(line.suggestion.unwrap().contains("http://app.example"));
    assert_eq!(app.connections(), 0);

    let both = format!("{here}, \"http://app.example:{port}\"");
    let run = asked(&zone, &hippo.url(""), &only(&both)).await;
    probes(&run).get(&url).await.unwrap();
    assert_eq!(app.connections(), 1);
}

#[tokio::test]
async fn a_long_answer_goes_through_as_it_comes_and_names_nothing() {
    let app = Server::start(ok).await;
    let port = app.address.port();
    // Longer than what is looked at, once with its length in front and once without.
    let json = move || {
        let padding = "x".repeat(2 << 20);
        format!(r#"["app.example:{port}", "{padding}"]"#)
    };
    let zone = Zone::new(&[("app.example", &["127.0.0.1"])]);
    for chunked in [false, true] {
        let hippo = Server::start(move |_| {
            let json = json();
            let head = "200 OK\r\ncontent-type: application/json\r\n";
            match chunked {
                false => format!("{head}content-length: {}\r\n\r\n{json}", json.len()),
                true => format!(
                    "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{json}\r\n0\r\n\r\n",
                    json.len()
                ),
            }
        })
        .await;
        let run = open(&zone, grant(HIPPO, &[("hippo-url", hippo.url(""))]));
        let mut answer = run.get(&hippo.url("/api/x")).await.unwrap().into_body();
        let mut read = 0;
        let mut longest = 0;
        while let Some(frame) = answer.frame().await {
            let length = frame.unwrap().into_data().unwrap().len();
            read += length;
            longest = longest.max(length);
        }
        assert_eq!(read, json().len());
        assert!(longest < (3 << 20) / 2, "{longest} bytes at once");
        refused(
            probes(&run)
                .get(&format!("http://app.example:{port}/"))
                .await,
        );
    }
    assert_eq!(app.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_looked_at_arrives_as_it_was() {
    let json = r#" {"domain":"app.example", "n": 1e3} "#;
    let hippo = Server::start(says("application/json", move |_| json.to_owned())).await;
    let run = open(
        &Zone::new(&[]),
        grant(HIPPO, &[("hippo-url", hippo.url(""))]),
    );
    // More than are looked at at a time, and nobody reads them.
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(run.get(&hippo.url("/api/x")).await.unwrap());
    }
    for answer in answers {
        assert_eq!(text(answer).await, json);
    }
}
