//! What a plugin may do, seen from outside; and that its compiled code is made once.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::harness::app::App;
use crate::harness::plugin::hostile;
use crate::harness::proxy::Proxy;
use crate::harness::run::{Finished, Machine};

/// Every file below a folder, with when it was written.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.append(&mut files(&entry.path())),
            false => {
                found.insert(entry.path(), entry.metadata().unwrap().modified().unwrap());
            }
        }
    }
    found
}

/// A machine that has compiled nothing yet, and where it keeps what it compiles.
fn fresh() -> (Machine, PathBuf) {
    let mut machine = Machine::new();
    let cache = machine.home().join("cache");
    machine.set("XDG_CACHE_HOME", &cache);
    (machine, cache)
}

fn deploy(machine: &Machine, app: &App) {
    machine
        .run(["deploy", "-f", app.path().to_str().unwrap()])
        .ok();
}

/// The one big file among them: the compiled plugin.
fn compiled(cache: &Path) -> PathBuf {
    let files = files(cache)
        .into_keys()
        .filter(|f| f.metadata().unwrap().len() > 50_000);
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

/// Of every call so far, whether its plugin was compiled for it.
fn compilations(machine: &Machine) -> Vec<bool> {
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.filter(|line: &serde_json::Value| line["event"] == "call");
    lines
        .map(|line| line["compiled"].as_bool().unwrap())
        .collect()
}

#[test]
fn a_second_start_compiles_nothing() {
    let (machine, cache) = fresh();
    let app = App::small();
    deploy(&machine, &app);
    let code = compiled(&cache);
    let written = files(&cache)[&code];
    deploy(&machine, &app);
    assert_eq!(compilations(&machine), [true, false]);
    assert_eq!(files(&cache)[&code], written);
}

#[test]
fn compiled_code_that_somebody_changed_is_not_run() {
    let (machine, cache) = fresh();
    let app = App::small();
    deploy(&machine, &app);
    let code = compiled(&cache);
    let good = fs::read(&code).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0xff;
    fs::write(&code, &bad).unwrap();
    deploy(&machine, &app);
    assert_eq!(fs::read(&code).unwrap(), good, "it was compiled again");
}

#[test]
fn compiled_code_is_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (machine, cache) = fresh();
    deploy(&machine, &App::small());
    let code = compiled(&cache);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&code), mode(code.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn without_a_home_it_works_and_keeps_nothing() {
    let mut machine = Machine::new();
    let app = App::small();
    machine.wrap(&["env", "-u", "HOME", "-u", "XDG_CACHE_HOME"]);
    deploy(&machine, &app);
}

const MANIFEST: &str = r#"
name = "hostile"
version = "0.1.0"
description = "Goes where nobody sent it"

[[options]]
name = "behaviour"
type = "text"
required = true
help = "What it tries"

[[options]]
name = "authority"
type = "text"
required = true
help = "Where it goes"

[[options]]
name = "url"
type = "url"
required = true
help = "Where it may go"

[[http]]
to = "{url}"
methods = ["GET", "POST"]
why = "deploy"
"#;

/// A plan of the plugin that sends a POST to `to` while the user named `named`.
fn fetches(to: &Proxy, named: &str) -> Finished {
    let machine = Machine::new();
    let plugin = hostile(machine.home(), MANIFEST);
    let (app, to) = (App::small(), to.address().to_string());
    let line = [
        "plan",
        "-f",
        app.path().to_str().unwrap(),
        "-t",
        plugin.to_str().unwrap(),
    ];
    let options = [
        "--behaviour",
        "fetch",
        "--authority",
        &to,
        "--url",
        named,
        "--output",
        "json",
    ];
    let finished = machine.run(line.into_iter().chain(options)).ok();
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let refused = log
        .lines()
        .find(|line| line.contains("refused"))
        .expect("a line in the audit log");
    assert!(refused.contains(&to), "{refused}");
    finished
}

#[test]
fn a_host_that_nobody_named_is_denied_and_hears_nothing() {
    let nowhere = ([127, 0, 0, 1], 9).into();
    let listener = Proxy::to(nowhere);
    let denied = fetches(&listener, "https://127.0.0.1:9/");
    assert_eq!(listener.connections(), 0);
    let seen = denied.json()["changes"][0]["name"].clone();
    assert!(
        seen.as_str()
            .is_some_and(|s| s.contains("HttpRequestDenied")),
        "{denied}"
    );
    denied.says(&listener.address().to_string());
}

#[test]
fn a_plan_cannot_change_even_the_host_that_was_named() {
    let nowhere = ([127, 0, 0, 1], 9).into();
    let listener = Proxy::to(nowhere);
    let denied = fetches(&listener, &format!("https://{}/", listener.address()));
    assert_eq!(listener.connections(), 0);
    denied.says("POST").says("plan");
}

#[test]
fn the_log_of_a_run_is_kept_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let machine = Machine::new();
    deploy(&machine, &App::small());
    let folder = machine.home().join(".local/share/spin-deployer/audit");
    let kept: Vec<_> = files(&folder).into_keys().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(text(&kept[0]), text(&machine.audit_log()));
    assert!(text(&kept[0]).contains("\"event\":\"call\""));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept[0]), mode(&folder)), (0o600, 0o700));
}

/// Answers every request with more headers than a plugin may be given.
fn talkative() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let header = format!("x-filler: {}\r\n", "x".repeat(1000)).repeat(70);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{header}\r\n"
            );
        }
    });
    address
}

#[test]
fn a_broken_limit_of_a_request_is_told_as_that_limit_and_with_what_raises_it() {
    let machine = Machine::new();
    let manifest = MANIFEST
        .replace(
            "[[http]]",
            "[[options]]\nname = \"in-the-clear\"\ntype = \"flag\"\nhelp = \"How\"\n[[http]]",
        )
        .replace("why =", "plan = [\"POST /upload\"]\nwhy =");
    let plugin = hostile(machine.home(), &manifest);
    let (app, to) = (App::small(), talkative().to_string());
    let line = [
        "plan",
        "-f",
        app.path().to_str().unwrap(),
        "-t",
        plugin.to_str().unwrap(),
        "--behaviour",
        "insist",
        "--authority",
        &to,
        "--url",
        &format!("http://{to}"),
        "--in-the-clear",
    ];
    machine
        .run(line)
        .fails(70)
        .says("plugin `hostile` exceeded its header size limit of 64 KiB")
        .says("no answer: ErrorCode::HttpResponseBodySize")
        .says("raise it with --max-headers 128KiB");
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let limits = log.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        (line["event"].clone(), line["limit"].clone())
    });
    let limits: Vec<_> = limits.filter(|(_, limit)| !limit.is_null()).collect();
    let expected = ["request", "ended"].map(|event| (event.into(), "headers".into()));
    assert_eq!(limits, expected, "{log}");
}
