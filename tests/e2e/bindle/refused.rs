//! What cannot be pushed is said before anything is asked of a server, all of it, with the way out.

use rstest::rstest;

use super::app::{Arrived, SMALL, module, small, with};
use super::{KEY, create_key, deploy, id, line, url};
use crate::harness::app::{App, hello_wasm};
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::{Finished, Machine};
use crate::harness::servers::{Bindle, Options, Release};

/// Refused with this status before the server was asked anything. The server is there only for the case that it is asked.
#[track_caller]
fn unasked(app: &App, machine: &Machine, more: &[&str], code: i32) -> Finished {
    let server = Proxy::to(([127, 0, 0, 1], 9).into());
    for command in ["plan", "deploy"] {
        machine
            .run(line(command, app, &url(&server), more))
            .fails(code);
    }
    let refused = deploy(machine, app, &url(&server), more).fails(code);
    assert_eq!(server.connections(), 0, "{:#?}", server.requests());
    assert_eq!(refused.json()["error"]["sent"], false, "{refused}");
    refused
}

/// What keeps the app off, one line each.
fn reasons(refused: &Finished) -> Vec<String> {
    let error = &refused.json()["error"];
    let detail = error["detail"].as_str().unwrap();
    detail.lines().map(str::to_owned).collect()
}

/// Pushed all the same, to a real server.
#[track_caller]
fn forced(app: &App) -> Arrived {
    let server = Bindle::start(Release::V0_8, &Options::default());
    let pushed = deploy(&Machine::new(), app, &server.url(), &["--force"]).ok();
    Arrived::on(&server, &id(&pushed))
}

#[test]
fn a_component() {
    let app = small();
    app.write("front.wasm", hello_wasm());
    let refused = unasked(&app, &Machine::new(), &[], 6).says("--force");
    let component = "component `front` is of the component model, and only core modules run there";
    assert_eq!(reasons(&refused), [component]);
    let arrived = forced(&app);
    let wasm = arrived.parcels.iter().find(|it| it.name == "front.wasm");
    assert!(wasm.unwrap().bytes == hello_wasm());
}

#[test]
fn a_module_that_is_made_for_another_runtime() {
    let app = small();
    let later =
        r#"(module (import "wasi:http/types@0.2.0" "[resource-drop]fields" (func (param i32))))"#;
    app.write("front.wasm", wat::parse_str(later).unwrap());
    let refused = unasked(&app, &Machine::new(), &[], 6).says("--force");
    let imports = "component `front` imports from `wasi:http/types@0.2.0`, which nobody has there";
    assert_eq!(reasons(&refused), [imports]);
    let pushed = forced(&app);
    assert!(pushed.parcels.iter().any(|it| it.name == "front.wasm"));
}

const REDIS: &str = r#"
[application.trigger.redis]
address = "redis://127.0.0.1:6379"
[[trigger.redis]]
channel = "orders"
component = "back"
[component.back]
source = "back.wasm"
"#;

#[test]
fn triggers_of_two_types() {
    let app = with(&format!("{SMALL}{REDIS}"));
    app.write("back.wasm", module("back"));
    app.write("static/x.txt", "x");
    let refused = unasked(&app, &Machine::new(), &[], 6);
    let types = "an app has triggers of one type there, and this one has http and redis";
    assert_eq!(reasons(&refused), [types]);
    // Those of the type that comes first are pushed.
    let arrived = forced(&app);
    assert!(
        arrived.manifest.contains("type = \"http\""),
        "{}",
        arrived.manifest
    );
    assert!(!arrived.manifest.contains("orders"), "{}", arrived.manifest);
}

#[test]
fn all_at_once() {
    let manifest = format!(
        "{SMALL}allowed_outbound_hosts = [\"https://*.example.com\", \"https://example.com\"]\n\
         sqlite_databases = [\"default\"]\nai_models = [\"llama2-chat\"]\n{REDIS}"
    );
    let app = with(&manifest.replace("\"/...\"", "\"/shops/:id\""));
    app.write("front.wasm", hello_wasm());
    app.write("back.wasm", module("back"));
    app.write("static/x.txt", "x");
    let refused = unasked(&app, &Machine::new(), &[], 6);
    let reasons = reasons(&refused);
    for part in [
        "http and redis",
        "*.example.com",
        "SQLite",
        "AI models",
        "`/shops/:id`",
        "component model",
    ] {
        let of_it = reasons.iter().filter(|reason| reason.contains(part));
        assert_eq!(of_it.count(), 1, "{part}\n{refused}");
    }
    assert_eq!(reasons.len(), 6, "{refused}");
    let arrived = forced(&app);
    assert!(
        arrived
            .manifest
            .contains("allowedHttpHosts = [\"example.com\"]"),
        "{}",
        arrived.manifest
    );
}

#[test]
fn nothing_that_could_run_is_not_pushed_by_force_either() {
    let app = with(
        &SMALL
            .replace("trigger.http", "trigger.cron")
            .replace("route", "cron_expression"),
    );
    app.write("static/x.txt", "x");
    app.write("front.wasm", hello_wasm());
    let more = ["--force"];
    let refused = unasked(&app, &Machine::new(), &more, 6);
    let reasons = reasons(&refused);
    let [cron, component] = &reasons[..] else {
        panic!("{refused}");
    };
    assert!(
        cron.contains("there is no trigger of type `cron`"),
        "{refused}"
    );
    assert!(component.contains("component model"), "{refused}");
}

/// What is signed has a line for each.
#[test]
fn more_files_than_can_be_signed() {
    let app = small();
    for n in 0..16_200 {
        app.write(&format!("static/{n}"), n.to_string());
    }
    let mut machine = Machine::new();
    create_key(&machine);
    machine.set("BINDLE_SIGNING_KEY", machine.home().join(KEY));
    let server = Proxy::to(([127, 0, 0, 1], 9).into());
    let refused = deploy(&machine, &app, &url(&server), &[]).fails(6);
    refused.says("16203 parcels").says("1 MiB");
    assert_eq!(server.connections(), 0);
}

#[test]
fn no_version() {
    let app = small();
    app.write("spin.toml", SMALL.replace("version = \"0.1.0\"\n", ""));
    let refused = unasked(&app, &Machine::new(), &[], 6);
    refused.says("has no version").says("--app-version 0.1.0");
}

#[test]
fn a_version_with_build_metadata() {
    let app = small();
    app.write("spin.toml", SMALL.replace("0.1.0", "0.1.0+mine"));
    let refused = unasked(&app, &Machine::new(), &[], 6);
    refused
        .says("`0.1.0+mine`")
        .says("--no-buildinfo")
        .says("--app-version 0.1.0");
    let server = Bindle::start(Release::V0_8, &Options::default());
    let pushed = deploy(&Machine::new(), &app, &server.url(), &["--no-buildinfo"]).ok();
    assert_eq!(id(&pushed), "small/0.1.0+mine");
    Arrived::on(&server, "small/0.1.0+mine");
}

#[rstest]
#[case::dot("shop.example")]
#[case::beyond_ascii("bücher")]
fn a_name_that_servers_take_for_something_else(#[case] name: &str) {
    let refused = unasked(&small(), &Machine::new(), &["--name", name], 6);
    refused.says(name).says("--name");
}

#[rstest]
#[case::user_without_password(&["--bindle-username", "jane"], &[], &["BINDLE_PASSWORD"])]
#[case::user_of_two_words(
    &["--bindle-username", "jane:doe"], &[("BINDLE_PASSWORD", "p")], &["--bindle-username", "`:`"]
)]
#[case::password_without_user(&[], &[("BINDLE_PASSWORD", "p")], &["--bindle-username", "BINDLE_USERNAME"])]
#[case::user_and_token(
    &["--bindle-username", "jane"], &[("BINDLE_TOKEN", "t")], &["bindle-username", "bindle-token"]
)]
#[case::password_and_token(
    &[], &[("BINDLE_PASSWORD", "p"), ("BINDLE_TOKEN", "t")], &["bindle-password", "bindle-token"]
)]
#[case::build_and_none(
    &["--buildinfo", "x", "--no-buildinfo"], &[], &["--buildinfo", "--no-buildinfo"]
)]
#[case::build_that_fits_in_no_version(&["--buildinfo", "a b"], &[], &["`a b`", "--buildinfo"])]
#[case::key_that_is_not_there(&["--bindle-key", "nowhere.pem"], &[], &["nowhere.pem"])]
fn options_that_do_not_go_together(
    #[case] more: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] says: &[&str],
) {
    let mut machine = Machine::new();
    for (name, value) in variables {
        machine.set(name, *value);
    }
    let mut refused = unasked(&small(), &machine, more, 2);
    for words in says {
        refused = refused.says(words);
    }
}

#[rstest]
#[case::nothing(None, &["--bindle-server", "BINDLE_SERVER_URL"])]
#[case::query(Some("https://bindle.example.com/v1?x=1"), &["query"])]
#[case::no_url(Some("bindle.example.com"), &["bindle-server"])]
fn a_server_that_cannot_be_asked(#[case] server: Option<&str>, #[case] says: &[&str]) {
    let app = small();
    let path = app.path().to_str().unwrap();
    let mut line = vec!["deploy", "-t", "bindle", "-f", path];
    line.extend(server.into_iter().flat_map(|url| ["--bindle-server", url]));
    let mut refused = Machine::new().run(line).fails(2);
    for words in says {
        refused = refused.says(words);
    }
}

#[test]
fn a_server_that_is_not_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}");
    let refused = deploy(&Machine::new(), &small(), &url, &[]).fails(7);
    assert_eq!(refused.json()["error"]["code"], "unavailable");
    refused.says(&address.to_string()).says("cannot be reached");
}

#[test]
fn a_server_that_is_no_bindle_server() {
    let page = "HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
    let proxy = Proxy::with(([127, 0, 0, 1], 9).into(), move |_| {
        Verdict::Answer(page.to_owned())
    });
    let refused = deploy(&Machine::new(), &small(), &url(&proxy), &[]).fails(1);
    refused
        .says("does not answer like a Bindle server")
        .says("/v1");
}
