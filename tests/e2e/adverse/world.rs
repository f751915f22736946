//! A machine on which every command has something to do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use spin_deployer_manifest::section;
use tempfile::TempDir;

use crate::harness::app::hello_wasm;
use crate::harness::plugin::built;
use crate::harness::run::{Finished, Machine};

pub(super) const APP: &str = r#"
spin_manifest_version = 2
application = { name = "hello", version = "0.1.0" }
trigger.http = [{ route = "/...", component = "hello" }]
component.hello.source = "hello.wasm"
"#;

/// Below the home, where plugins are and what was agreed to.
pub(super) const PLUGINS: &str = ".local/share/spin-deployer/plugins";

/// An app with a release on the target `local`, in its lock the plugin `demo` 0.1.0 from the catalog `acme`, where there
/// is 0.2.0 that asks for more; and `other.wasm`, which nobody has agreed to.
pub(super) struct World {
    pub(super) machine: Machine,
    /// A copy of the home.
    kept: TempDir,
}

/// What says which plugins there are and what was agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State(BTreeMap<&'static str, Option<String>>);

/// The manifest of a plugin whose author chose where it goes.
pub(super) fn manifest(name: &str, version: &str, methods: &str) -> String {
    format!(
        r#"
name = "{name}"
version = "{version}"
description = "Goes where its author wants"
options = [
    {{ name = "behaviour", type = "text", default = "script", help = "What it does" }},
    {{ name = "script", type = "text", default = " ", help = "The same, line by line" }},
    {{ name = "token", type = "secret", env = "DEMO_TOKEN", help = "What it shows there" }},
]
http = [{{ to = "http://127.0.0.1:9", methods = [{methods}], sends = ["token"], why = "tell its author" }}]
"#
    )
}

/// The file of a plugin with that manifest.
pub(super) fn plugin(name: &str, version: &str, methods: &str) -> Vec<u8> {
    section::embed(&built("hostile"), &manifest(name, version, methods)).unwrap()
}

/// Nothing but an app, in the home.
pub(super) fn bare() -> Machine {
    let mut machine = Machine::new();
    // Few enough to be verified often.
    machine.set(
        "XDG_CACHE_HOME",
        concat!(env!("CARGO_TARGET_TMPDIR"), "/adverse"),
    );
    machine
}

impl World {
    pub(super) fn new() -> Self {
        Self::on(bare())
    }

    /// On a machine that has nothing yet.
    pub(super) fn on(machine: Machine) -> Self {
        machine.write("spin.toml", APP);
        machine.write("hello.wasm", hello_wasm());
        machine.write("component.wasm", built("hostile"));
        machine.write("plugin.toml", manifest("packed", "0.1.0", "\"GET\""));
        machine.write("other.wasm", plugin("other", "0.1.0", "\"GET\""));
        let (old, new) = (
            plugin("demo", "0.1.0", "\"GET\""),
            plugin("demo", "0.2.0", "\"GET\", \"POST\""),
        );
        machine.write("catalog/demo-0.1.0.wasm", old);
        machine.write("catalog/demo-0.2.0.wasm", new);
        for line in [
            "key create sign.pem",
            "catalog build catalog",
            "catalog add acme catalog",
            "plugins install demo@0.1.0 --yes",
            "deploy",
        ] {
            machine.run(line.split(' ')).ok();
        }
        let world = Self {
            machine,
            kept: tempfile::tempdir().unwrap(),
        };
        world.keep();
        world
    }

    /// The world as it is now is the one that [`Self::restore`] makes.
    pub(super) fn keep(&self) {
        empty(self.kept.path());
        copy(self.home(), self.kept.path());
    }

    pub(super) fn restore(&self) {
        empty(self.home());
        copy(self.kept.path(), self.home());
    }

    pub(super) fn home(&self) -> &Path {
        self.machine.home()
    }

    /// Runs a command, its words divided by blanks.
    pub(super) fn run(&self, line: &str) -> Finished {
        self.machine.run(line.split(' '))
    }

    /// Runs it below that command.
    pub(super) fn below(&mut self, wrapper: &[&str], line: &str) -> Finished {
        self.machine.wrap(wrapper);
        let finished = self.run(line);
        self.machine.wrap(&[]);
        finished
    }

    pub(super) fn state(&self) -> State {
        let read = |path: &str| fs::read_to_string(self.home().join(path)).ok();
        State(BTreeMap::from([
            ("lock", read("deployer.lock")),
            ("plugins", read(&format!("{PLUGINS}/plugins.toml"))),
            ("agreed", read(&format!("{PLUGINS}/agreed.toml"))),
            (
                "secrets",
                read(".local/share/spin-deployer/secrets/saved.json"),
            ),
            ("catalogs", read(".config/spin-deployer/catalogs.toml")),
        ]))
    }

    /// Every file in the home.
    pub(super) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.home(), self.home(), &mut files);
        files
    }

    /// What a write that broke off can leave, and the next one does not remove.
    pub(super) fn leftovers(&self) -> Vec<PathBuf> {
        let aside = |path: &PathBuf| path.extension().is_some_and(|e| e == "new");
        self.files().into_keys().filter(aside).collect()
    }
}

impl State {
    /// Each file is as in the one or as in the other.
    #[track_caller]
    pub(super) fn is_between(&self, before: &Self, after: &Self, when: &str) {
        for (file, text) in &self.0 {
            let (old, new) = (&before.0[file], &after.0[file]);
            assert!(
                text == old || text == new,
                "{when}: {file} is neither the old nor the new one:\n{text:?}\n{old:?}\n{new:?}"
            );
        }
    }

    pub(super) fn file(&self, name: &str) -> &str {
        self.0[name].as_deref().unwrap_or_default()
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(root, &path, files),
            false => {
                let name = path.strip_prefix(root).unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
}

fn empty(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => fs::remove_dir_all(&path).unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp")
        .arg("-a")
        .arg(from.join("."))
        .arg(to)
        .status();
    assert!(copied.unwrap().success());
}
