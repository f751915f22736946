//! A plugin that was built against an older version of the contract does what it did then, beside those of the newest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::app::{App, hello_wasm};
use crate::harness::plugin::older;
use crate::harness::run::{Finished, Machine};
use crate::harness::sha256;
use crate::harness::terminal::Terminal;

const MANIFEST: &str = r#"
name = "older"
version = "0.1.0"
description = "Keeps the app in a folder"

[[options]]
name = "folder"
type = "output-directory"
required = true
help = "Where it keeps the app"
"#;

/// An app with two targets: `older`, of the plugin that was built against version 0.1, and `newest`.
struct Both {
    machine: Machine,
    app: App,
    folder: PathBuf,
}

impl Both {
    fn new() -> Self {
        let (machine, app) = (Machine::new(), App::small());
        let plugin = older(machine.home(), MANIFEST);
        let folder = machine.home().join("kept");
        fs::create_dir(&folder).unwrap();
        let table = format!(
            "[targets.older]\nplugin = {plugin:?}\nfolder = {folder:?}\n[targets.newest]\nplugin = \"local\"\n"
        );
        app.write("deployer.toml", table);
        Self {
            machine,
            app,
            folder,
        }
    }

    fn line<'a>(&'a self, command: &'a str, target: &'a str) -> Vec<&'a str> {
        vec![
            command,
            "-t",
            target,
            "-f",
            self.app.path().to_str().unwrap(),
        ]
    }

    fn run(&self, command: &str, target: &str, more: &[&str]) -> Finished {
        self.machine
            .run([&self.line(command, target), more].concat())
    }

    fn report(&self, command: &str, target: &str) -> Value {
        self.run(command, target, &["--yes", "--output", "json"])
            .ok()
            .json()
    }

    /// Contents that the older plugin keeps, each under its digest.
    fn kept(&self) -> BTreeSet<String> {
        contents(&self.folder)
    }
}

/// Files that are named as their SHA-256. None of them is something else.
fn contents(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let named = |f: &PathBuf| f.file_name().unwrap().to_str().unwrap().to_owned();
    let contents = files.filter(|f| named(f) != "releases.txt");
    contents
        .map(|file| {
            let digest = named(&file);
            assert_eq!(
                sha256(&fs::read(&file).unwrap()),
                format!("sha256:{digest}")
            );
            digest
        })
        .collect()
}

#[test]
fn a_plugin_of_an_older_contract_does_what_one_of_the_newest_does() {
    let both = Both::new();
    for target in ["older", "newest"] {
        let planned = both.report("plan", target);
        let changes = planned["changes"].as_array().unwrap();
        let sent = changes.iter().filter(|c| c["bytes"].is_u64());
        assert!(sent.count() >= 2, "{planned}");
        let release = both.report("deploy", target)["release"].clone();
        assert_eq!(release["version"], "0.1.0");
        assert_eq!(
            (&release["id"], &release["state"]),
            (&json!("1"), &Value::Null)
        );
        let history = both.report("history", target);
        let releases = history["releases"].as_array().unwrap();
        assert_eq!(
            (releases.len(), &releases[0]["id"]),
            (1, &json!("1")),
            "{history}"
        );
        assert_eq!(
            both.report("status", target)["releases"],
            history["releases"]
        );
        // The same again: nothing is left to do.
        let planned = both.report("plan", target);
        let changes = planned["changes"].as_array().unwrap();
        assert!(changes.iter().all(|c| c["action"] == "keep"), "{planned}");
    }
    let wasm = sha256(&hello_wasm()).replace("sha256:", "");
    let kept = both.kept();
    assert!(kept.contains(&wasm) && kept.len() == 2, "{kept:?}");
    let newest = contents(&both.app.path().join(".deployer/blobs/sha256"));
    assert!(newest.contains(&wasm), "{newest:?}");

    let destroyed = both.report("destroy", "newest");
    assert_eq!(destroyed["planned"][0]["name"], "1");
    let destroyed = both.report("destroy", "older");
    assert_eq!(
        (&destroyed["planned"], &destroyed["removed"]),
        (&Value::Null, &json!(["release 1"]))
    );
    assert_eq!(fs::read_dir(&both.folder).unwrap().count(), 0);
}

#[test]
fn what_an_older_plugin_would_remove_is_said_to_be_unknown_and_asked_all_the_same() {
    let both = Both::new();
    both.report("deploy", "older");
    let kept = both.kept();
    let unknown = "The plugin cannot tell beforehand what it removes";
    let finished = both.run("destroy", "older", &[]).fails(2);
    finished
        .says(unknown)
        .says("destroy would remove the app from older, and nobody can be asked");

    let mut terminal = Terminal::start(&both.machine, &both.line("destroy", "older"));
    terminal.shows(unknown);
    terminal.answers("Remove the app from older?", "n");
    terminal.finish().fails(1).says("nothing was removed");
    assert_eq!(both.kept(), kept);

    let mut terminal = Terminal::start(&both.machine, &both.line("destroy", "older"));
    terminal.answers("Remove the app from older?", "y");
    let finished = terminal.finish().ok();
    assert_eq!(finished.stdout, "Removed from older\n  release 1\n");
    assert_eq!(both.kept(), BTreeSet::new());
}
