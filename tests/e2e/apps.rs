//! Where an app can come from, and what can be done to it before it is deployed.

use std::io::{BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::app::{App, hello_wasm};
use crate::harness::http1::Head;
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};
use crate::harness::sha256;

/// A machine that has fetched nothing yet.
fn fresh() -> Machine {
    let mut machine = Machine::new();
    machine.set("XDG_CACHE_HOME", machine.home().join("cache"));
    machine
}

fn local(machine: &Machine, app: &App, more: &[&str]) -> Finished {
    let from = app.path().to_str().unwrap();
    let line = ["deploy", "-f", from, "-t", "local", "--output", "json"];
    machine.run(line.iter().chain(more))
}

#[test]
fn an_app_moves_from_one_registry_to_another_without_its_sources() {
    let (here, there) = (Registry::start(), Registry::start());
    let digest = {
        let app = App::shop();
        let pushed = Machine::new().push(app.path(), &here.reference("shop:v1"), &[]);
        pushed.ok().digest()
    };
    let machine = fresh();
    for from in [
        here.reference("shop:v1"),
        format!("{}@{digest}", here.reference("shop")),
    ] {
        let moved = machine.push(Path::new(&from), &there.reference("shop:prod"), &[]);
        assert_eq!(moved.ok().digest(), digest, "{from}");
    }
    assert_eq!(
        there.manifest("shop", "prod").body,
        here.manifest("shop", "v1").body
    );
    // By its digest it is here already, and nobody has to be asked.
    let again = format!("{}@{digest}", here.reference("shop"));
    machine
        .push(
            Path::new(&again),
            &there.reference("shop:stage"),
            &["--offline"],
        )
        .ok();
    // By its tag it is what it was, and somebody is told so; a profile has nothing to choose there.
    let line = ["--offline", "--profile", "debug"];
    machine
        .push(
            Path::new(&here.reference("shop:v1")),
            &there.reference("shop:again"),
            &line,
        )
        .ok()
        .says("as it was when it was fetched last")
        .says("--profile debug changes nothing");
    let other = format!("{}@sha256:{}", here.reference("shop"), "0".repeat(64));
    machine
        .push(
            Path::new(&other),
            &there.reference("shop:other"),
            &["--offline"],
        )
        .fails(2)
        .says("--offline");
}

/// Serves these bytes under every path, and counts how often.
fn serve(bytes: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/app.wasm", listener.local_addr().unwrap());
    let served = Arc::new(AtomicUsize::new(0));
    let count = served.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let Ok(mut connection) = connection else {
                return;
            };
            let mut reader = BufReader::new(connection.try_clone().unwrap());
            while let Ok(Some(_)) = Head::read(&mut reader) {
                count.fetch_add(1, Ordering::SeqCst);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
                let _ = connection.write_all(head.as_bytes());
                let _ = connection.write_all(&bytes);
            }
        }
    });
    (url, served)
}

fn remote(url: &str, digest: &str) -> App {
    let app = App::empty();
    let manifest = format!(
        "spin_manifest_version = 2\n[application]\nname = \"far\"\n[[trigger.http]]\nroute = \"/...\"\n\
         component = \"main\"\n[component.main]\nsource = {{ url = \"{url}\", digest = \"{digest}\" }}\n"
    );
    app.write("spin.toml", manifest);
    app
}

#[test]
fn wasm_from_a_url_is_fetched_once_and_then_not_even_asked_for() {
    let (url, served) = serve(hello_wasm());
    let app = remote(&url, &sha256(&hello_wasm()));
    let machine = fresh();
    local(&machine, &app, &["--offline"])
        .fails(2)
        .says(&url)
        .says("--offline");
    assert_eq!(served.load(Ordering::SeqCst), 0);
    local(&machine, &app, &[]).ok();
    local(&machine, &app, &["--offline"]).ok();
    local(&machine, &app, &[]).ok();
    assert_eq!(served.load(Ordering::SeqCst), 1);
}

#[test]
fn what_was_damaged_in_the_cache_is_fetched_anew() {
    let (url, served) = serve(hello_wasm());
    let digest = sha256(&hello_wasm());
    let app = remote(&url, &digest);
    let machine = fresh();
    local(&machine, &app, &[]).ok();
    let digits = digest.strip_prefix("sha256:").unwrap();
    let blob = machine
        .home()
        .join("cache/spin-deployer/fetched/blobs/sha256")
        .join(digits);
    let damage = || {
        let mut bytes = std::fs::read(&blob).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&blob, bytes).unwrap();
    };
    damage();
    local(&machine, &app, &[]).ok();
    assert_eq!(served.load(Ordering::SeqCst), 2);
    assert_eq!(sha256(&std::fs::read(&blob).unwrap()), digest);
    damage();
    local(&machine, &app, &["--offline"])
        .fails(2)
        .says("--offline");
}

#[test]
fn wasm_that_is_not_what_the_manifest_says_is_not_deployed() {
    let (url, _) = serve(b"<html>not found</html>".to_vec());
    let app = remote(&url, &sha256(&hello_wasm()));
    local(&fresh(), &app, &[]).fails(2).says("spin.toml:8");
    assert!(!app.path().join(".deployer").exists());
}

const BUILT: &str = r#"spin_manifest_version = 2
[application]
name = "built"
[[trigger.http]]
route = "/..."
component = "main"
[component.main]
source = "out.wasm"
[component.main.build]
command = ["echo said by the build", "cp ../hello.wasm ../out.wasm"]
workdir = "sub"
"#;

fn built() -> App {
    let app = App::new(BUILT);
    app.write("sub/x", "");
    app
}

#[test]
fn without_spin_the_manifests_own_commands_build_the_app() {
    let app = built();
    let mut machine = Machine::new();
    machine.set("SPIN_BIN_PATH", "");
    local(&machine, &app, &[]).fails(2).says("out.wasm");
    let report = local(
        &machine,
        &app,
        &["--build", "--name", "preview", "--app-version", "9"],
    );
    let report = report.ok().says("said by the build").json();
    assert_eq!(report["app"]["name"], "preview");
    assert_eq!(report["app"]["version"], "9");
}

#[test]
fn a_build_that_fails_deploys_nothing() {
    let app = built();
    app.write(
        "spin.toml",
        BUILT.replace("echo said by the build", "exit 3"),
    );
    local(&Machine::new(), &app, &["--build"])
        .fails(1)
        .says("exit status 3");
    assert!(!app.path().join(".deployer").exists());
}

#[test]
fn spin_builds_where_it_is() {
    let app = built();
    let mut machine = Machine::new();
    let script = "#!/bin/sh\necho \"$@\" > \"$HOME/asked\"\ncp \"$(dirname \"$3\")/hello.wasm\" \"$(dirname \"$3\")/out.wasm\"\n";
    let spin = machine.write("spin", script);
    std::fs::set_permissions(&spin, std::fs::Permissions::from_mode(0o755)).unwrap();
    machine.set("SPIN_BIN_PATH", &spin);
    machine.set("SPIN_ALWAYS_BUILD", "1");
    local(&machine, &app, &[]).ok();
    let asked = std::fs::read_to_string(machine.home().join("asked")).unwrap();
    let manifest = app.path().join("spin.toml");
    assert_eq!(asked, format!("build --from {}\n", manifest.display()));
}
