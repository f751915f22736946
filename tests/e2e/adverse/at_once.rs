//! Many at once in the same store: nothing is lost, and nothing is half there.

use std::fs;

use super::world::{APP, PLUGINS, World, bare, plugin};
use crate::harness::app::hello_wasm;
use crate::harness::run::{Machine, Running};

const MANY: usize = 8;

fn start(machine: &Machine, line: &str) -> Running {
    machine.start(line.split(' '))
}

/// A machine with an app, and nothing installed.
fn machine() -> Machine {
    let machine = bare();
    machine.write("spin.toml", APP);
    machine.write("hello.wasm", hello_wasm());
    machine
}

fn read(machine: &Machine, path: &str) -> String {
    fs::read_to_string(machine.home().join(path)).unwrap()
}

/// What says that a plugin is there, agreed to and locked; and nothing is beside it.
#[track_caller]
fn has(machine: &Machine, names: &[String]) {
    let plugins = read(machine, &format!("{PLUGINS}/plugins.toml"));
    let agreed = read(machine, &format!("{PLUGINS}/agreed.toml"));
    let lock = read(machine, "deployer.lock");
    for name in names {
        let table = format!("[plugins.{name}]\n");
        assert!(plugins.contains(&table), "{name} is lost:\n{plugins}");
        assert!(lock.contains(&table), "{name} is lost:\n{lock}");
        let entry = format!("name = \"{name}\"\n");
        assert!(agreed.contains(&entry), "{name} is lost:\n{agreed}");
    }
    machine.run(["plugins", "verify"]).ok();
    let left: Vec<_> = fs::read_dir(machine.home().join(PLUGINS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".new") || name.starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn different_plugins_are_all_installed() {
    let machine = machine();
    let names: Vec<String> = (0..MANY).map(|n| format!("p{n}")).collect();
    for name in &names {
        machine.write(&format!("{name}.wasm"), plugin(name, "0.1.0", "\"GET\""));
    }
    let running: Vec<_> = names
        .iter()
        .map(|name| start(&machine, &format!("plugins install {name}.wasm --yes")))
        .collect();
    for running in running {
        running.finish().ok();
    }
    has(&machine, &names);
    for name in &names {
        machine.run(["plan", "-t", name]).ok();
    }
}

#[test]
fn the_same_plugin_is_installed_once() {
    let machine = machine();
    machine.write("p.wasm", plugin("p", "0.1.0", "\"GET\""));
    let running: Vec<_> = (0..MANY)
        .map(|_| start(&machine, "plugins install p.wasm --yes"))
        .collect();
    for running in running {
        running.finish().ok();
    }
    has(&machine, &["p".to_owned()]);
    machine.run(["plan", "-t", "p"]).ok();
}

/// Whoever deploys meanwhile gets the old one or the new one.
#[test]
fn an_upgrade_and_deploys_of_the_same_plugin() {
    let world = World::new();
    let upgrade = start(&world.machine, "plugins upgrade --yes");
    let deploys: Vec<_> = (0..MANY)
        .map(|_| start(&world.machine, "deploy -t demo --output json"))
        .collect();
    upgrade.finish().ok();
    for deploy in deploys {
        let version = &deploy.finish().ok().json()["plugin"]["version"];
        assert!(version == "0.1.0" || version == "0.2.0", "{version}");
    }
    has(&world.machine, &["demo".to_owned()]);
    assert!(read(&world.machine, "deployer.lock").contains("version = \"0.2.0\""));
    let deployed = world.run("deploy -t demo --output json").ok().json();
    assert_eq!(deployed["plugin"]["version"], "0.2.0");
}

/// In whichever order they happen: what is installed at the end is agreed to, and can be run.
#[test]
fn an_upgrade_an_uninstall_and_installs() {
    let world = World::new();
    for _ in 0..4 {
        world.restore();
        let lines = [
            "plugins upgrade --yes",
            "plugins uninstall demo",
            "plugins install other.wasm --yes",
            "plugins install demo@0.1.0 --yes",
            "catalog add more catalog",
            "catalog add still catalog",
        ];
        let running = lines.map(|line| (line, start(&world.machine, line)));
        for (line, running) in running {
            let finished = running.finish();
            // Nothing is there to upgrade, or another one by now: that is said, and nothing else goes wrong.
            let may_refuse = line.contains("upgrade") || line.contains("uninstall");
            let code = finished.status.code();
            let is_told = may_refuse && code == Some(2);
            assert!(finished.status.success() || is_told, "{line}: {finished}");
        }
        has(&world.machine, &["other".to_owned()]);
        let state = world.state();
        let installed = state.file("plugins").contains("[plugins.demo]");
        let agreed = state.file("agreed").contains("name = \"demo\"");
        assert!(
            !installed || agreed,
            "installed and not agreed to: {state:?}"
        );
        if installed {
            world.run("plan -t demo").ok();
        }
        for name in ["acme", "more", "still"] {
            let table = format!("name = \"{name}\"");
            assert!(state.file("catalogs").contains(&table), "{state:?}");
        }
    }
}

#[test]
fn catalogs_are_all_added() {
    let machine = machine();
    let running: Vec<_> = (0..MANY)
        .map(|n| start(&machine, &format!("catalog add c{n} folder")))
        .collect();
    for running in running {
        running.finish().ok();
    }
    let listed = machine.run(["catalog", "list", "--output", "json"]).ok();
    let listed = listed.json();
    let mut names: Vec<_> = listed["catalogs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|catalog| catalog["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    let expected: Vec<String> = (0..MANY).map(|n| format!("c{n}")).collect();
    assert_eq!(names, expected);
}
