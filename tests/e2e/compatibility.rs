//! A plugin runs on the Spin that it is made for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::harness::app::App;
use crate::harness::plugin::hostile;
use crate::harness::run::{Finished, Machine};

const MANIFEST: &str = r#"
name = "picky"
version = "0.3.0"
description = "Is made for some versions of Spin"
spin-compatibility = ">=2.0, <5.0"

[[options]]
name = "behaviour"
type = "text"
default = "print"
help = "What it does"
"#;

struct Picky {
    machine: Machine,
    plugin: PathBuf,
    app: App,
}

impl Picky {
    fn new() -> Self {
        let mut machine = Machine::new();
        // No Spin anywhere, whatever this machine has.
        machine.set("PATH", machine.home().join("bin"));
        Self {
            plugin: hostile(machine.home(), MANIFEST),
            app: App::small(),
            machine,
        }
    }

    fn with(variable: &str, value: &str) -> Self {
        let mut picky = Self::new();
        picky.machine.set(variable, value);
        picky
    }

    fn plan(&self, more: &[&str]) -> Finished {
        let (app, plugin) = (self.app.path(), &self.plugin);
        let line = [
            "plan",
            "-f",
            app.to_str().unwrap(),
            "-t",
            plugin.to_str().unwrap(),
        ];
        self.machine.run(line.iter().chain(more))
    }

    /// Whether the plugin was called.
    fn ran(&self) -> bool {
        let log = std::fs::read_to_string(self.machine.audit_log()).unwrap_or_default();
        log.contains("\"call\":\"plan\"")
    }
}

#[test]
fn a_plugin_for_another_spin_does_not_run() {
    let old = Picky::with("SPIN_VERSION", "1.5.1");
    let refused = old.plan(&[]).fails(6);
    refused
        .says("plugin `picky` 0.3.0 is made for Spin >=2.0, <5.0, and this is Spin 1.5.1")
        .says("SPIN_VERSION says so")
        .says("--spin-version");
    assert!(!old.ran());
    // The flag counts more than the variable.
    old.plan(&["--spin-version", "4.0.0"]).ok();
    assert!(old.ran());
}

#[test]
fn a_pre_release_is_warned_of() {
    let early = Picky::with("SPIN_VERSION", "4.1.0-pre0");
    early.plan(&[]).ok().says("4.1.0-pre0 is a pre-release");
}

#[test]
fn spin_itself_is_asked_where_it_said_nothing() {
    let picky = Picky::new();
    let spin = "#!/bin/sh\n[ \"$*\" = --version ] && echo 'spin 5.0.0 (abcdef0 2026-11-01)'\n";
    let spin = picky.machine.write("bin/spin", spin);
    std::fs::set_permissions(&spin, std::fs::Permissions::from_mode(0o755)).unwrap();
    picky
        .plan(&[])
        .fails(6)
        .says("this is Spin 5.0.0")
        .says("`spin --version` says so");
    assert!(!picky.ran());
}

#[test]
fn where_there_is_no_spin_that_is_said() {
    let picky = Picky::new();
    picky
        .plan(&[])
        .ok()
        .says("there is no Spin here to compare with");
    let nonsense = Picky::with("SPIN_VERSION", "latest");
    nonsense.plan(&[]).fails(2).says("SPIN_VERSION is `latest`");
    picky
        .plan(&["--spin-version", "4"])
        .fails(2)
        .says("--spin-version");
}
