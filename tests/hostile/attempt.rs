//! One run of the plugin of many faults, by somebody who named some places.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::app::App;
use crate::harness::plugin::hostile;
use crate::harness::run::{Finished, Machine};
use crate::harness::terminal::Terminal;

/// What the plugin asks for. It may talk to four places, if the user names them, by rules that differ.
pub(super) const MANIFEST: &str = r#"
name = "hostile"
version = "0.1.0"
description = "Tries what it must not"
options = [
    { name = "behaviour", type = "text", default = "script", help = "What it tries" },
    { name = "script", type = "text", help = "What it tries, line by line" },
    { name = "url", type = "url", help = "Where it may go below /api" },
    { name = "other", type = "url", help = "Where it may go too" },
    { name = "reference", type = "registry", help = "A registry" },
    { name = "token", type = "secret", env = "SPIN_DEPLOYER_HOSTILE_TOKEN", help = "For url, and nobody else" },
    { name = "known", type = "text", env = "SPIN_DEPLOYER_HOSTILE_KNOWN", help = "What the plugin has learned elsewhere" },
    { name = "stolen", type = "text", env = "HOSTILE_STOLEN", help = "A variable that is not meant for plugins" },
    { name = "key", type = "file", help = "A file" },
    { name = "signer", type = "signing-key", env = "SPIN_DEPLOYER_HOSTILE_SIGNER", help = "What signs for it" },
    { name = "second-signer", type = "signing-key", help = "Another one" },
    { name = "signed-by", type = "text", default = "signer", help = "Which of them signs" },
    { name = "size", type = "text", default = "1", help = "How much is signed" },
    { name = "mount", type = "directory", help = "A directory" },
    { name = "second", type = "directory", help = "Another one" },
    { name = "folder", type = "output-directory", help = "Where it may write" },
    { name = "authority", type = "text", help = "A host" },
    { name = "digest", type = "text", help = "A content of the app" },
    { name = "milliseconds", type = "text", help = "How long it sleeps" },
    { name = "platform", type = "url", help = "Who says where the app is" },
    { name = "probe", type = "text", help = "Where a release is to answer" },
    { name = "otherwise", type = "text", help = "Where else" },
    { name = "log", type = "text", help = "What a release wrote" },
]

[[http]]
to = "{url}"
methods = ["GET", "POST", "PUT"]
paths = ["/api/**"]
sends = ["token"]
follows = ["location"]
why = "deploy"

[[http]]
to = "{other}"
methods = ["GET", "POST"]
why = "tell about it"

[[http]]
to = "{platform}"
methods = ["GET", "POST"]
paths = ["/api/**"]
follows = ["routes"]
why = "ask where the app is"

[[http]]
to = "{reference}"
methods = ["GET", "POST", "PUT"]
sends = ["reference"]
follows = ["location", "www-authenticate"]
why = "push"
"#;

/// A machine, an app and the plugin, and what the user typed.
pub(super) struct Attempt {
    pub(super) machine: Machine,
    pub(super) app: App,
    plugin: PathBuf,
    call: &'static str,
    options: Vec<String>,
}

impl Attempt {
    pub(super) fn new() -> Self {
        Self::of(|machine| hostile(machine.home(), MANIFEST))
    }

    /// With another plugin, which this puts on the machine.
    pub(super) fn of(plugin: impl FnOnce(&Machine) -> PathBuf) -> Self {
        let machine = Machine::new();
        let plugin = plugin(&machine);
        Self {
            machine,
            app: App::small(),
            plugin,
            call: "deploy",
            options: Vec::new(),
        }
    }

    /// With another plugin, in bytes.
    pub(super) fn component(wasm: &[u8]) -> Self {
        Self::of(|machine| machine.write("hostile.wasm", wasm))
    }

    /// The user names this place for the first rule.
    pub(super) fn naming(url: &str) -> Self {
        Self::new().with("--url", url)
    }

    /// The user types this option or flag.
    pub(super) fn with(mut self, option: &str, value: impl AsRef<str>) -> Self {
        self.options
            .extend([option.to_owned(), value.as_ref().to_owned()]);
        self
    }

    pub(super) fn flag(mut self, flag: &str) -> Self {
        self.options.push(flag.to_owned());
        self
    }

    /// The user sets this variable.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.machine.set(name, value);
        self
    }

    /// The same of another command than `deploy`.
    pub(super) fn calling(mut self, call: &'static str) -> Self {
        self.call = call;
        self
    }

    pub(super) fn behaving(self, behaviour: &str) -> Self {
        self.with("--behaviour", behaviour)
    }

    pub(super) fn run(&self) -> Finished {
        self.typing(&[])
    }

    /// The plugin does this line by line.
    pub(super) fn script(&self, script: &str) -> Finished {
        self.typing(&["--script", script])
    }

    /// What the plugin saw when it did this, in a run that ends well.
    pub(super) fn sees(&self, script: &str) -> Vec<String> {
        seen(&self.typing(&["--script", script, "--output", "json"]).ok())
    }

    /// A request that the plugin cannot do without is not let out, and the user reads these words.
    pub(super) fn denied(&self, request: &str, words: &str) -> Finished {
        let denied = self.stopped(request);
        assert_eq!(denied.status.code(), Some(5), "{request}\n{denied}");
        denied.says(words)
    }

    /// The same, where it may already be that the interface does not take what the plugin writes.
    pub(super) fn stopped(&self, request: &str) -> Finished {
        let script = format!("{request}\nneeds the platform does not answer");
        let stopped = self.script(&script);
        let said = &stopped.stderr;
        match stopped.status.code() {
            Some(1) => assert!(
                said.contains("does not answer: not set: ")
                    || said.contains("does not answer: not taken: "),
                "{request}\n{stopped}"
            ),
            Some(5) => {
                // The same in the audit log, as its last line.
                let refused = self.audited().pop().unwrap();
                let field = |name: &str| refused[name].as_str().unwrap().to_owned();
                let told = format!(
                    "wanted {} {}: {}",
                    field("method"),
                    field("url"),
                    field("refused")
                );
                assert!(said.contains(&told), "{request}\n{told}\n{stopped}");
            }
            _ => panic!("{request}\n{stopped}"),
        }
        stopped
    }

    /// With more arguments than those that the user types anyway.
    pub(super) fn typing(&self, more: &[&str]) -> Finished {
        self.machine.run(self.line(more))
    }

    /// The same by somebody who sits there and answers.
    pub(super) fn at_terminal(&self, more: &[&str]) -> Terminal {
        Terminal::start(&self.machine, &self.line(more))
    }

    fn line<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let (plugin, app) = (
            self.plugin.to_str().unwrap(),
            self.app.path().to_str().unwrap(),
        );
        let line = [self.call, "-t", plugin, "-f", app].into_iter();
        let line = line.chain(more.iter().copied());
        line.chain(self.options.iter().map(String::as_str))
            .collect()
    }

    /// All requests of the audit log.
    pub(super) fn audited(&self) -> Vec<Value> {
        self.audited_as("request")
    }

    /// All events of the audit log that are called this.
    pub(super) fn audited_as(&self, event: &str) -> Vec<Value> {
        let log = fs::read_to_string(self.machine.audit_log()).unwrap_or_default();
        let lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == event).collect()
    }
}

/// A broken limit, or a refusal, ends a run long before this, and long before the time that a call has.
pub(super) fn soon(run: impl FnOnce() -> Finished) -> Finished {
    let began = Instant::now();
    let finished = run();
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}\n{finished}",
        began.elapsed()
    );
    finished
}

/// What the plugin reported.
pub(super) fn seen(finished: &Finished) -> Vec<String> {
    let report = finished.json();
    let lines = match &report["release"]["routes"] {
        Value::Array(routes) => routes,
        _ => report["changes"].as_array().unwrap(),
    };
    lines
        .iter()
        .map(|line| line["name"].as_str().unwrap().to_owned())
        .collect()
}
