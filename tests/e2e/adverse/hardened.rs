//! The runner of `docs/ci.md`, as it stands there: a read-only root, a user that nobody knows, no capabilities, one folder
//! that can be written, and no network but this machine's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use spin_deployer_manifest::section;
use tempfile::TempDir;

use super::container::{CONTAINER, Job, block, words};
use super::world::APP;
use crate::harness::app::hello_wasm;
use crate::harness::namespace;
use crate::harness::plugin::built;
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};
use crate::harness::terminal::Terminal;

const TOKEN: &str = "planted-token-of-the-runner-81";

/// What a job has.
struct Runner {
    job: Job,
    app: TempDir,
    folder: TempDir,
    platform: Proxy,
}

impl Runner {
    /// A checkout of what the developer committed, and the policy of the document for this platform.
    fn new(platform: Proxy, developer: &Machine) -> Self {
        let runner = Self {
            job: Job::of_the_document(),
            app: tempfile::tempdir().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            platform,
        };
        let once = block("Once, on a developer's machine", "sh", "spin-deployer");
        let add = once
            .lines()
            .find(|line| line.starts_with("git add "))
            .unwrap();
        let committed = ["spin.toml", "hello.wasm"].into_iter();
        for name in committed.chain(words(add).into_iter().skip(2)) {
            let from = developer.home().join(name);
            let copied = Command::new("cp")
                .arg("-a")
                .arg(from)
                .arg(runner.app.path())
                .status();
            assert!(copied.unwrap().success(), "{name}");
        }
        fs::create_dir(runner.folder.path().join("root")).unwrap();
        fs::create_dir(runner.folder.path().join("policy")).unwrap();
        fs::write(runner.folder.path().join("token"), format!("{TOKEN}\n")).unwrap();
        runner.policy(&format!("http://{}", runner.platform.address()));
        runner
    }

    /// That of the document, with this place.
    fn policy(&self, place: &str) {
        let text = block("On the runner", "toml", "schema");
        assert!(text.contains("https://registry.example.com"));
        let text = text.replace("https://registry.example.com", place);
        fs::write(self.folder.path().join("policy/policy.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.app.path().join(name)
    }

    /// Runs this in the container.
    fn run(&self, command: &[String]) -> Finished {
        let (user, group) = self.job.user.split_once(':').unwrap();
        let folder = self.folder.path();
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", CONTAINER, "sh"])
            .arg(folder.join("root"))
            .arg(env!("CARGO_BIN_EXE_spin-deployer"))
            .arg(self.app.path())
            .arg(folder.join("policy"))
            .arg(folder.join("token"))
            .args([user, group])
            .args(command)
            .env_clear()
            .env("PATH", "/opt:/usr/sbin:/usr/bin:/sbin:/bin")
            .envs(self.job.variables.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Finished {
            status: output.status,
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn deploy(&self) -> Finished {
        self.run(&self.job.command)
    }

    /// The job is refused, and nobody heard of it.
    #[track_caller]
    fn refused(&self, code: i32, says: &str) {
        let before = self.platform.connections();
        self.deploy().fails(code).says(says);
        assert_eq!(self.platform.connections(), before);
    }

    fn events(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.path("audit.jsonl")).unwrap();
        let lines = log.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// Knows who has the token.
fn platform() -> Proxy {
    Proxy::with(([127, 0, 0, 1], 9).into(), |request| {
        let mut headers = request.headers.iter();
        let shown = headers.any(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && *value == format!("Bearer {TOKEN}")
        });
        let status = if shown { "200 OK" } else { "401 Unauthorized" };
        Verdict::Answer(format!(
            "HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
        ))
    })
}

/// Does what the document says to do once, with a plugin from a registry that somebody published.
fn developer(registry: &Registry, platform: &Proxy) -> Machine {
    let machine = Machine::new();
    let place = format!("http://{}", platform.address());
    let manifest = r#"
name = "shelf"
version = "1.2.0"
description = "Asks who it is"
options = [
    { name = "behaviour", type = "text", default = "whoami", help = "What it does" },
    { name = "url", type = "url", help = "The platform" },
    { name = "token", type = "secret", env = "HIPPO_TOKEN", help = "What it shows there" },
]

[[http]]
to = "{url}"
methods = ["GET"]
sends = ["token"]
why = "ask who it is"

[[http]]
to = "https://auth.example.com"
methods = ["POST"]
why = "get a token"
"#;
    let plugin = section::embed(&built("hostile"), manifest).unwrap();
    let file = machine.write("published/shelf.wasm", plugin);
    let reference = registry.reference("acme/shelf");
    machine
        .run(["plugins", "push", file.to_str().unwrap(), &reference])
        .ok();
    machine.write("spin.toml", APP);
    machine.write("hello.wasm", hello_wasm());
    machine.write(
        "deployer.toml",
        format!("[targets.prod]\nplugin = \"shelf\"\nurl = \"{place}\"\n"),
    );
    let once = block("Once, on a developer's machine", "sh", "spin-deployer");
    let mut lines = once.lines().map(words);
    let install: Vec<String> = lines
        .next()
        .unwrap()
        .into_iter()
        .map(|word| word.replace("ghcr.io/acme/shelf", &reference))
        .collect();
    let install: Vec<&str> = install.iter().map(String::as_str).collect();
    let mut terminal = Terminal::start(&machine, &install[1..]);
    terminal.shows("https://auth.example.com");
    terminal.answers("Let plugin shelf do that?", "yes");
    terminal.finish().ok();
    machine.run(&lines.next().unwrap()[1..]).ok();
    machine
}

fn on_a_runner(test: impl FnOnce(&Runner)) {
    let (registry, platform) = (Registry::start(), platform());
    let developer = developer(&registry, &platform);
    // The runner has no way to the registry.
    drop(registry);
    test(&Runner::new(platform, &developer));
}

fn built_outside(_: &Path) {
    drop(built("hostile"));
}

#[test]
fn what_is_pinned_deploys() {
    namespace::alone("ip link set lo up", built_outside, || {
        on_a_runner(|runner| {
            let deployed = runner.deploy().ok();
            let asked = runner.platform.requests();
            assert_eq!(asked.len(), 1, "{asked:?}\n{deployed}");
            assert_eq!(asked[0].target, "/whoami");
            let outputs = fs::read_to_string(runner.path("outputs.env")).unwrap();
            assert_eq!(outputs, "url=\ndigest=\nrelease=deployed\n");
            let events = runner.events();
            let names: Vec<_> = events
                .iter()
                .map(|line| line["event"].as_str().unwrap())
                .collect();
            let expected = [
                "run", "agreed", "compiled", "call", "started", "request", "ended",
            ];
            assert_eq!(names, expected);
            assert_eq!(
                events[0]["policies"][0]["file"],
                "/etc/spin-deployer/policy.toml"
            );
            assert_eq!(events[1]["by"], "lock");
            assert_eq!(events[5]["status"], 200, "{events:?}");
            assert_eq!(events[6]["outcome"], "done");

            // With what the first one left in the folder: compiled once.
            runner.deploy().ok();
            let compiled = runner.events();
            let compiled = compiled.iter().filter(|line| line["event"] == "compiled");
            assert_eq!(compiled.count(), 1);
            let shown = Command::new("grep")
                .args(["-r", TOKEN])
                .arg(runner.app.path())
                .output();
            assert!(shown.unwrap().stdout.is_empty());
            assert!(!format!("{deployed}").contains(TOKEN));
        });
    });
}

#[test]
fn the_container_is_what_it_is_said_to_be() {
    namespace::alone("ip link set lo up", built_outside, || {
        on_a_runner(|runner| {
            let script = "id -u; for folder in / /tmp /etc/spin-deployer /usr /opt /run /dev /app; do \
                 (echo > $folder/x) 2>/dev/null && echo $folder; done; grep -E 'Cap(Prm|Eff)' /proc/self/status";
            let looked = runner.run(&["sh", "-c", script].map(str::to_owned));
            let words: Vec<_> = looked.stdout.split_whitespace().collect();
            let none = "0".repeat(16);
            assert_eq!(
                words,
                ["12345", "/app", "CapPrm:", &none, "CapEff:", &none],
                "{looked}"
            );
        });
    });
}

#[test]
fn what_is_not_pinned_or_not_allowed_does_not_run() {
    namespace::alone("ip link set lo up", built_outside, || {
        on_a_runner(|runner| {
            // Another place than the administrator's.
            runner.policy("https://registry.example.com");
            runner.refused(5, "/etc/spin-deployer/policy.toml");
            runner.policy(&format!("http://{}", runner.platform.address()));

            // Another plugin than was committed, whoever changed what.
            let path = runner.path("deployer.lock");
            let lock = fs::read_to_string(&path).unwrap();
            for (from, to, says) in [
                (
                    "version = \"1.2.0\"",
                    "version = \"1.2.1\"",
                    "1.2.1 in the lock, 1.2.0 here",
                ),
                ("methods = [\"POST\"]", "methods = [\"GET\"]", "+ POST"),
                ("\"HIPPO_TOKEN\"", "\"OTHER_TOKEN\"", "HIPPO_TOKEN"),
            ] {
                assert!(lock.contains(from), "{lock}");
                fs::write(&path, lock.replace(from, to)).unwrap();
                runner.refused(5, says);
                assert_eq!(fs::read_to_string(&path).unwrap(), lock.replace(from, to));
            }
            let at = lock.find("digest = \"sha256:").unwrap() + 17;
            let other = format!("{}{}{}", &lock[..at], "0".repeat(64), &lock[at + 64..]);
            fs::write(&path, other).unwrap();
            runner.refused(2, "is not here");
            fs::remove_file(&path).unwrap();
            runner.refused(2, "neither installed nor in deployer.lock");
            fs::write(&path, &lock).unwrap();
            let vendored = fs::read_dir(runner.path("plugins"))
                .unwrap()
                .next()
                .unwrap();
            let vendored = vendored.unwrap().path();
            let wasm = fs::read(&vendored).unwrap();
            fs::write(&vendored, &wasm[1..]).unwrap();
            runner.refused(5, "its digest is sha256:");
            fs::write(&vendored, wasm).unwrap();

            // And with all of it put right.
            runner.deploy().ok();
            assert_eq!(runner.platform.connections(), 1);
        });
    });
}
