//! Dependencies of a trigger: only Spin can compose them, and without it nothing is deployed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::harness::DEADLINE;
use crate::harness::app::{App, built, hello_wasm};
use crate::harness::arrived::Arrived;
use crate::harness::proxy::Proxy;
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine, push, signal};
use crate::harness::spin::StandIn;

const GUARDED: &str = r#"spin_manifest_version = 2
[application]
name = "guarded"
[[trigger.http]]
route = "/..."
component = "front"
dependencies.middleware = [
    { path = "auth.wasm", inherit_configuration = ["environment"] },
    { path = "log.wasm" },
]
[[trigger.http]]
route = "/plain"
component = "plain"
[component.front]
source = "front.wasm"
[component.front.dependencies]
"example:greeting/words@0.1.0" = { path = "words.wasm" }
[component.plain]
source = "hello.wasm"
"#;

fn guarded() -> App {
    let app = App::new(GUARDED);
    app.write("front.wasm", built("front"));
    app.write("words.wasm", built("words"));
    app.write("auth.wasm", labelled("auth"));
    app.write("log.wasm", labelled("log"));
    app
}

/// A component that differs from every other by a custom section of this name.
fn labelled(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let mut wasm = hello_wasm();
    wasm.extend([0, length + 1, length]);
    wasm.extend(name.bytes());
    wasm
}

/// A machine on which that Spin started the deployer.
fn with_spin(spin: &StandIn) -> Machine {
    let mut machine = Machine::new();
    machine.set("SPIN_BIN_PATH", spin.path());
    machine
}

#[test]
fn what_spin_composes_is_what_arrives() {
    let registry = Registry::start();
    let app = guarded();
    let composed = labelled("composed");
    let spin = StandIn::that_composes(&composed);
    with_spin(&spin)
        .push(app.path(), &registry.reference("guarded:v1"), &[])
        .ok();
    let arrived = Arrived::in_registry(&registry, "guarded", "v1");
    assert!(arrived.code("front") == composed);
    assert!(arrived.code("plain") == hello_wasm());
    assert_eq!(arrived.wasm.len(), 2, "the parts are in the whole");
    let front = arrived.component("front");
    for gone in ["dependencies", "trigger_dependencies"] {
        assert!(front.get(gone).is_none(), "{front}");
    }
    assert_eq!(
        front["host_requirements"],
        json!({ "middleware": "required" })
    );
}

#[test]
fn spin_is_given_what_its_own_push_gives_a_trigger() {
    let app = guarded();
    let spin = StandIn::that_composes(&labelled("composed"));
    let mut machine = with_spin(&spin);
    // What it is given is there, and has to be named by a URL.
    machine.set("XDG_CACHE_HOME", machine.home().join("a cache"));
    let from = app.path().to_str().unwrap();
    machine.run(["deploy", "-f", from, "-t", "local"]).ok();
    let mut all = spin.asked();
    let asked = all.remove("front").expect("it is asked for `front`");
    assert!(all.is_empty(), "nothing else needs Spin");
    assert_eq!(
        asked.variables,
        [
            "SPIN_BIN_PATH",
            "SPIN_LOCKED_URL",
            "SPIN_PLUGINS_SUPPRESS_COMPATIBILITY_WARNINGS",
            "SPIN_WORKING_DIR",
        ]
    );

    let locked = &asked.locked;
    assert_eq!(locked["spin_lock_version"], 1);
    assert_eq!(
        locked["must_understand"],
        json!(["component_host_requirements"])
    );
    assert_eq!(locked["triggers"].as_array().unwrap().len(), 2);
    let ids = locked["components"].as_array().unwrap().iter();
    let ids: Vec<_> = ids.map(|component| &component["id"]).collect();
    assert_eq!(ids, ["front", "plain"]);

    let front = &locked["components"][0];
    assert_eq!(
        front["metadata"],
        json!({ "resolve-trigger-dependencies-using": "http" })
    );
    assert!(asked.wasm(front) == built("front"));
    let words = &front["dependencies"]["example:greeting/words@0.1.0"];
    assert!(asked.wasm(words) == built("words"));
    let middleware = &front["trigger_dependencies"]["middleware"];
    assert_eq!(middleware.as_array().unwrap().len(), 2, "{middleware}");
    assert!(asked.wasm(&middleware[0]) == labelled("auth"));
    assert_eq!(middleware[0]["inherit"], json!({ "Some": ["environment"] }));
    assert!(asked.wasm(&middleware[1]) == labelled("log"));
}

#[test]
fn it_moves_on_without_spin() {
    let (here, there) = (Registry::start(), Registry::start());
    let app = guarded();
    let spin = StandIn::that_composes(&labelled("composed"));
    let pushed = with_spin(&spin)
        .push(app.path(), &here.reference("guarded:v1"), &[])
        .ok();
    let from = here.reference("guarded:v1");
    let mut machine = Machine::new();
    machine.set("XDG_CACHE_HOME", machine.home().join("cache"));
    let moved = machine.push(Path::new(&from), &there.reference("guarded:prod"), &[]);
    assert_eq!(moved.ok().digest(), pushed.digest());
    let arrived = Arrived::in_registry(&there, "guarded", "prod");
    assert!(arrived.code("front") == labelled("composed"));
}

/// Pushes the app from there, which fails before anything is sent.
#[track_caller]
fn fails(machine: &Machine) -> Finished {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let app = guarded();
    let failed = machine
        .push(app.path(), &proxy.reference("guarded:v1"), &[])
        .fails(2);
    assert_eq!(proxy.connections(), 0, "{failed}");
    assert_eq!(failed.json()["error"]["sent"], false, "{failed}");
    failed.says("front")
}

#[test]
fn without_spin_nothing_is_sent_and_it_says_what_to_do() {
    // One that happens to be on the PATH did not start us.
    let spin = StandIn::that_composes(&labelled("composed"));
    let mut machine = Machine::new();
    let path = std::env::var("PATH").unwrap();
    machine.set("PATH", format!("{}:{path}", spin.folder().display()));
    fails(&machine)
        .says("`http` trigger")
        .says("spin.toml")
        .says("run it as `spin deploy`, or name Spin's binary in SPIN_BIN_PATH");
    assert!(spin.asked().is_empty());
}

#[test]
fn spin_that_is_not_where_it_says_is_an_error() {
    let mut machine = Machine::new();
    machine.set("SPIN_BIN_PATH", machine.home().join("no-spin"));
    fails(&machine).says("no-spin");
}

#[test]
fn spin_that_fails_is_an_error_and_what_it_said_is_seen() {
    let spin = StandIn::that("echo 'no middleware here' >&2; exit 1");
    fails(&with_spin(&spin))
        .says("no middleware here")
        .says("could not compose")
        .says("exit status: 1");
    assert_eq!(spin.asked().len(), 1);
}

#[test]
fn what_is_no_wasm_does_not_go_further() {
    for (then, why) in [
        ("echo 'Usage: spin trigger http'", "no WebAssembly"),
        ("true", "empty"),
    ] {
        let spin = StandIn::that(then);
        fails(&with_spin(&spin))
            .says("what the `http` trigger composed")
            .says(why);
    }
}

/// A process that is not ours to wait for; ended where the test could not see to it.
struct Stray(Pid);

impl Drop for Stray {
    fn drop(&mut self) {
        // Where it has ended, as it should have, there is nothing to do.
        let _ = rustix::process::kill_process(self.0, Signal::KILL);
    }
}

#[test]
fn a_signal_ends_spin_too() {
    for by in [Signal::TERM, Signal::INT] {
        // Whoever reads from `alive` hears that it runs, and by the end of the pipe that it does not run any more.
        let spin =
            StandIn::that("exec 3> \"$here/alive\"; echo $$ >&3; exec sleep 600 2> /dev/null");
        let alive = spin.folder().join("alive");
        assert!(
            Command::new("mkfifo")
                .arg(&alive)
                .status()
                .unwrap()
                .success()
        );
        let (machine, app) = (with_spin(&spin), guarded());
        let registry = Registry::start();
        let running = machine.start(push(app.path(), &registry.reference("guarded:v1"), &[]));
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut alive = BufReader::new(std::fs::File::open(alive).unwrap());
            let mut id = String::new();
            alive.read_line(&mut id).unwrap();
            tell.send(id.trim().parse().unwrap()).unwrap();
            alive.read_to_end(&mut Vec::new()).unwrap();
            tell.send(0).unwrap();
        });
        let id: i32 = told.recv_timeout(DEADLINE).expect("Spin is asked");
        let _stray = Stray(Pid::from_raw(id).unwrap());
        signal(running.pid(), by);
        running
            .finish()
            .fails(128 + by.as_raw())
            .says("interrupted");
        let ended = told.recv_timeout(DEADLINE);
        assert_eq!(ended, Ok(0), "Spin ends with the deployer");
        assert_eq!(registry.get("guarded/manifests/v1").status, 404);
    }
}
