//! What an app is deployed with is written down, agreed to once, and from then on the same everywhere.

use std::fs;
use std::path::PathBuf;

use rstest::rstest;
use serde_json::Value;

use crate::harness::app::App;
use crate::harness::plugin::hostile;
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::{Finished, Machine};
use crate::harness::sha256;
use crate::harness::terminal::Terminal;

/// Answers everything, and remembers it.
fn platform() -> Proxy {
    Proxy::with(([127, 0, 0, 1], 9).into(), |_| {
        Verdict::Answer(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        )
    })
}

/// A plugin whose author chose where it goes.
fn manifest(name: &str, version: &str, methods: &str, platform: &Proxy) -> String {
    format!(
        r#"
name = "{name}"
version = "{version}"
description = "Goes where its author wants"
options = [
    {{ name = "behaviour", type = "text", default = "script", help = "What it does" }},
    {{ name = "script", type = "text", default = " ", help = "The same, line by line" }},
]

[[http]]
to = "http://{}"
methods = [{methods}]
why = "tell its author"
"#,
        platform.address()
    )
}

/// An app with its plugin in its folder, as a checkout has it.
struct Checkout {
    app: App,
    platform: Proxy,
}

impl Checkout {
    fn new() -> Self {
        let checkout = Self {
            app: App::small(),
            platform: platform(),
        };
        checkout.pack("0.1.0", "\"GET\"");
        checkout
    }

    /// Puts another version of the plugin there.
    fn pack(&self, version: &str, methods: &str) {
        let manifest = manifest("demo", version, methods, &self.platform);
        hostile(self.app.path(), &manifest);
    }

    fn lock_path(&self) -> PathBuf {
        self.app.path().join("deployer.lock")
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.lock_path()).unwrap()
    }

    fn line(&self, more: &[&str]) -> Vec<String> {
        let plugin = self.app.path().join("hostile.wasm");
        let app = self.app.path();
        let script = format!("request GET http://{}/x", self.platform.address());
        let line = ["deploy", "-f", app.to_str().unwrap(), "-t"].into_iter();
        let line = line.chain([plugin.to_str().unwrap(), "--script", &script]);
        line.chain(more.iter().copied())
            .map(str::to_owned)
            .collect()
    }

    fn deploy(&self, machine: &Machine, more: &[&str]) -> Finished {
        machine.run(self.line(more))
    }

    fn at_terminal(&self, machine: &Machine) -> Terminal {
        let line = self.line(&[]);
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        Terminal::start(machine, &line)
    }

    /// Nothing was sent, and nothing was written.
    #[track_caller]
    fn untouched(&self, finished: Finished, code: i32, before: (usize, Option<&str>)) -> Finished {
        let finished = finished.fails(code);
        assert_eq!(self.platform.connections(), before.0, "{finished}");
        let lock = fs::read_to_string(self.lock_path()).ok();
        assert_eq!(lock.as_deref(), before.1, "{finished}");
        finished
    }
}

fn ci() -> Machine {
    let mut machine = Machine::new();
    machine.set("CI", "true");
    machine
}

fn events(machine: &Machine, event: &str) -> Vec<Value> {
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["event"] == event)
        .collect()
}

#[test]
fn the_first_deploy_writes_the_lock_and_ci_keeps_to_it() {
    let (machine, app) = (Machine::new(), App::small());
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    machine.run(["plan", line[1], line[2]]).ok();
    let path = app.path().join("deployer.lock");
    assert!(!path.exists(), "a plan writes nothing");
    let json = line.into_iter().chain(["--output", "json"]);
    let first = machine.run(json.clone()).ok();
    assert_eq!(first.json()["lock"], path.to_str().unwrap());
    first.says("deployer.lock: local ");
    assert!(machine.run(json).ok().json()["lock"].is_null());
    let lock = fs::read_to_string(&path).unwrap();
    assert!(
        lock.contains("[plugins.local]\nsource = \"built in\""),
        "{lock}"
    );
    assert_eq!(events(&machine, "locked").len(), 1);
    let again = ci().run(line).ok();
    assert!(!again.stderr.contains("deployer.lock"), "{again}");
    machine.run(line.into_iter().chain(["--locked"])).ok();
    assert_eq!(fs::read_to_string(&path).unwrap(), lock);
}

#[test]
fn what_its_author_chose_needs_a_yes_and_only_one() {
    let (checkout, machine) = (Checkout::new(), Machine::new());
    let refused = checkout.deploy(&machine, &[]);
    let place = format!("http://{}", checkout.platform.address());
    checkout
        .untouched(refused, 5, (0, None))
        .says("nobody has agreed to it")
        .says(&format!("GET {place}/**"))
        .says("--yes");
    let agreed = checkout.deploy(&machine, &["--yes"]).ok();
    agreed
        .says(&format!("talks to {place}, which its author chose"))
        .says("Agreed to by --yes");
    assert_eq!(checkout.platform.requests().len(), 1);
    assert!(checkout.lock().contains("source = \"./hostile.wasm\""));
    assert_eq!(events(&machine, "agreed")[0]["by"], "--yes");
    // Remembered for this digest, whatever becomes of the lock.
    fs::remove_file(checkout.lock_path()).unwrap();
    let again = checkout.deploy(&machine, &[]).ok();
    assert!(!again.stderr.contains("author chose"), "{again}");
    assert_eq!(checkout.platform.requests().len(), 2);
}

#[test]
fn another_component_is_refused_with_every_difference_and_nothing_is_sent() {
    let checkout = Checkout::new();
    checkout.deploy(&Machine::new(), &["--yes"]).ok();
    let lock = checkout.lock();
    let before = (checkout.platform.connections(), Some(lock.as_str()));
    checkout.pack("0.2.0", "\"GET\", \"DELETE\"");
    let component = fs::read(checkout.app.path().join("hostile.wasm")).unwrap();
    let place = format!("http://{}", checkout.platform.address());
    let runner = ci();
    for command in ["deploy", "plan", "status"] {
        let mut line = checkout.line(&[]);
        line[0] = command.to_owned();
        checkout
            .untouched(runner.run(&line), 5, before)
            .says("version: 0.1.0 in the lock, 0.2.0 here")
            .says(&format!(" in the lock, {} here", sha256(&component)))
            .says(&format!("+ DELETE {place}/**"));
    }
    // `--yes` is no way around it.
    let json = checkout.deploy(&Machine::new(), &["--locked", "--yes", "--output", "json"]);
    let json = checkout.untouched(json, 5, before).json();
    let detail = json["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("+ DELETE"), "{detail}");
    assert_eq!(json["error"]["code"], "denied");
    assert_eq!(events(&runner, "differs").len(), 3);
    assert!(events(&runner, "request").is_empty());
}

#[test]
fn an_upgrade_that_asks_for_no_more_is_said_and_one_that_does_is_asked() {
    let (checkout, machine) = (Checkout::new(), Machine::new());
    checkout.deploy(&machine, &["--yes"]).ok();
    checkout.pack("0.2.0", "\"GET\"");
    checkout
        .deploy(&machine, &[])
        .ok()
        .says("0.1.0")
        .says("0.2.0");
    let lock = checkout.lock();
    assert!(lock.contains("version = \"0.2.0\""), "{lock}");
    checkout.pack("0.3.0", "\"GET\", \"DELETE\"");
    let before = (checkout.platform.connections(), Some(lock.as_str()));
    checkout
        .untouched(checkout.deploy(&machine, &[]), 5, before)
        .says("asks for something else than deployer.lock has")
        .says("+ DELETE");
    let mut terminal = checkout.at_terminal(&machine);
    terminal.shows("differs from what was there before");
    terminal.shows("+ DELETE");
    terminal.answers("Let plugin demo do that?", "yes");
    terminal.finish().ok();
    assert!(checkout.lock().contains("version = \"0.3.0\""));
}

#[test]
fn the_lock_of_somebody_else_agrees_to_nothing_at_a_terminal() {
    let checkout = Checkout::new();
    checkout.deploy(&Machine::new(), &["--yes"]).ok();
    let lock = checkout.lock();
    let machine = Machine::new();
    let before = (checkout.platform.connections(), Some(lock.as_str()));
    let mut terminal = checkout.at_terminal(&machine);
    terminal.shows("which its author chose");
    terminal.answers("Let plugin demo do that?", "no");
    checkout.untouched(terminal.finish(), 5, before);
    let mut terminal = checkout.at_terminal(&machine);
    terminal.answers("Let plugin demo do that?", "yes");
    terminal.finish().ok();
    // This user's own agreement from now on.
    let again = checkout.at_terminal(&machine).finish().ok();
    assert!(!again.stderr.contains("author chose"), "{again}");
    assert_eq!(events(&machine, "agreed")[0]["by"], "terminal");
    // Where nobody can be asked, it was committed and reviewed.
    for nobody in [ci(), Machine::new()] {
        checkout.deploy(&nobody, &[]).ok();
        assert_eq!(events(&nobody, "agreed")[0]["by"], "lock");
    }
    assert_eq!(checkout.lock(), lock);
}

#[test]
fn a_lock_with_less_than_the_plugin_asks_for_is_not_kept_to() {
    let checkout = Checkout::new();
    checkout.deploy(&Machine::new(), &["--yes"]).ok();
    let lock = checkout.lock().replace("\"/**\"", "\"/v1/**\"");
    fs::write(checkout.lock_path(), &lock).unwrap();
    let before = (checkout.platform.connections(), Some(lock.as_str()));
    let refused = checkout.untouched(checkout.deploy(&ci(), &[]), 5, before);
    refused.says("+ GET");
}

#[test]
fn deploys_at_once_write_one_whole_lock() {
    let (machine, app, platform) = (Machine::new(), App::small(), platform());
    let names = ["a", "b", "c", "d"];
    let running = names.map(|name| {
        let folder = app.path().join(name);
        fs::create_dir(&folder).unwrap();
        let plugin = hostile(&folder, &manifest(name, "0.1.0", "\"GET\"", &platform));
        let app = app.path().to_str().unwrap();
        machine.start(["deploy", "-f", app, "--yes", "-t", plugin.to_str().unwrap()])
    });
    for running in running {
        running.finish().ok();
    }
    let lock = fs::read_to_string(app.path().join("deployer.lock")).unwrap();
    for name in names {
        assert!(
            lock.contains(&format!("[plugins.{name}]\nsource = \"./{name}/")),
            "{lock}"
        );
    }
    let app = app.path().to_str().unwrap();
    ci().run(["plan", "-f", app, "-t", "a"]).ok();
}

/// A newer program has newer plugins: in a lock of the older one there is another digest.
#[test]
fn a_built_in_plugin_of_another_program_is_replaced_unless_the_lock_holds() {
    let (machine, app) = (Machine::new(), App::small());
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    machine.run(line).ok();
    let path = app.path().join("deployer.lock");
    let lock = fs::read_to_string(&path).unwrap();
    let at = lock.find("sha256:").unwrap();
    let older = lock.replace(&lock[at..at + 71], &format!("sha256:{}", "0".repeat(64)));
    fs::write(&path, &older).unwrap();
    let refused = ci().run(line).fails(5);
    refused.says(&format!("sha256:{} in the lock", "0".repeat(64)));
    assert_eq!(fs::read_to_string(&path).unwrap(), older);
    machine
        .run(line)
        .ok()
        .says("is another one than in deployer.lock");
    assert_eq!(fs::read_to_string(&path).unwrap(), lock);
}

#[test]
fn what_the_lock_names_comes_from_the_folder_of_vendor_by_its_digest() {
    let checkout = Checkout::new();
    checkout.deploy(&Machine::new(), &["--yes"]).ok();
    let plugin = checkout.app.path().join("hostile.wasm");
    let wasm = fs::read(&plugin).unwrap();
    fs::remove_file(&plugin).unwrap();
    let machine = ci();
    let app = checkout.app.path().to_str().unwrap();
    let line = ["plan", "-f", app, "-t", "demo"];
    machine
        .run(line)
        .fails(2)
        .says("plugin `demo` of deployer.lock is not here")
        .says("from ./hostile.wasm")
        .says("plugins fetch");
    let name = sha256(&wasm).replace(':', "-");
    let vendored = machine.write(&format!("vendor/{name}.wasm"), &wasm);
    machine
        .run(line.into_iter().chain(["--vendor", "vendor"]))
        .ok();
    fs::write(vendored, &wasm[1..]).unwrap();
    let refused = machine.run(line.into_iter().chain(["--vendor", "vendor"]));
    refused.fails(5).says(&name).says("its digest is sha256:");
    let denied = events(&machine, "denied");
    assert!(denied[0]["why"].as_str().unwrap().contains(&name));
}

#[rstest]
#[case::none(None, 2, "a deploy without --locked writes it")]
#[case::empty(Some("schema = 1\n"), 5, "is not in it")]
#[case::broken(Some("schema = 1\n[plugin.local]\n"), 2, "deployer.lock:2:")]
#[case::unfinished(Some("schema = 1\n<<<<<<< HEAD\n"), 2, "a merge left both sides")]
fn a_lock_that_cannot_be_kept_to_is_told(
    #[case] lock: Option<&str>,
    #[case] code: i32,
    #[case] says: &str,
) {
    let app = App::small();
    if let Some(lock) = lock {
        app.write("deployer.lock", lock);
    }
    let line = ["deploy", "--locked", "-f", app.path().to_str().unwrap()];
    Machine::new().run(line).fails(code).says(says);
    let after = fs::read_to_string(app.path().join("deployer.lock")).ok();
    assert_eq!(after.as_deref(), lock);
}

#[test]
fn an_image_gets_no_lock_of_its_own() {
    let (machine, app) = (Machine::new(), App::small());
    machine
        .run(["deploy", "-f", app.path().to_str().unwrap()])
        .ok();
    let image = format!("oci-layout:{}", app.path().join(".deployer").display());
    machine
        .run(["deploy", "-f", &image, "--directory", "out"])
        .ok();
    assert!(!machine.home().join("deployer.lock").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_a_note() {
    let (machine, app) = (Machine::new(), App::small());
    // As root every folder can be written, but none where something else has the name.
    fs::create_dir(app.path().join(".deployer.lock.new")).unwrap();
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    machine
        .run(line)
        .ok()
        .says("deployer.lock cannot be written");
    assert!(!app.path().join("deployer.lock").exists());
}

#[test]
fn a_policy_can_require_a_lock() {
    let (machine, app) = (Machine::new(), App::small());
    let line = ["deploy", "-f", app.path().to_str().unwrap()];
    machine.run(line).ok();
    let policy = machine.write("policy.toml", "schema = 1\nrequire.lock = true\n");
    let under = |more: &[&str]| {
        let policy = ["--policy", policy.to_str().unwrap()];
        machine.run(line.into_iter().chain(policy).chain(more.iter().copied()))
    };
    under(&[])
        .fails(5)
        .says("requires a deployer.lock")
        .says("--locked");
    under(&["--locked"]).ok();
}
