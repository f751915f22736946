//! Killed at every call that changes something on the disk, one after the other: what was there is whole, and the same
//! command completes it.
//!
//! `strace` counts the calls of each thread by itself, so that a run is killed at the Nth of whichever thread comes to it
//! first. What writes our files is one thread.

use std::fs;

use rustix::process::Signal;

use super::world::{State, World};
use crate::harness::run::Finished;

/// Calls that are counted each by itself; a `?` is before what not every processor has.
const CALLS: [&str; 9] = [
    "?mkdir",
    "mkdirat",
    "?unlink",
    "unlinkat",
    "fsync",
    "?rename",
    "renameat",
    "renameat2",
    "write",
];

/// Runs the line until it comes through, killed at the next call each time. How often it was.
fn killed(world: &mut World, line: &str, mut afterwards: impl FnMut(&World, &str)) -> usize {
    let mut kills = 0;
    for call in CALLS {
        for n in 1.. {
            assert!(n < 100, "{line} never ends");
            world.restore();
            let trace = format!("trace={call}");
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null"];
            let strace = [&strace[..], &["-e", &trace, "-e", &inject]].concat();
            let finished = world.below(&strace, line);
            if finished.status.success() {
                break;
            }
            kills += 1;
            let when = format!("{line}: {call} {n}");
            finished.killed_by(Signal::KILL);
            afterwards(world, &when);
        }
    }
    kills
}

/// A catalog with a token, which is kept elsewhere.
const ADD: &str = "catalog add more http://127.0.0.1:9/ --token-file token";

/// What the line makes of the world.
fn done(world: &World, line: &str) -> (State, State) {
    world.restore();
    let before = world.state();
    world.run(line).ok();
    (before, world.state())
}

/// The command, run to its end. Where there is nothing left to do it may say so.
fn again(world: &World, line: &str, after: &State, done: &str, when: &str) {
    let finished = world.run(line);
    let nothing_left = finished.status.code() == Some(2) && finished.stderr.contains(done);
    assert!(
        finished.status.success() || !done.is_empty() && nothing_left,
        "{when}: {finished}"
    );
    assert_eq!(world.state(), *after, "{when}: {finished}");
    let left = world.leftovers();
    assert!(left.is_empty(), "{when}: {left:?}");
}

/// What was there before can be used.
fn usable(world: &World, when: &str) {
    for line in [
        "plugins list --offline",
        "plugins verify",
        "plan -t demo",
        "catalog list",
    ] {
        let finished = world.run(line);
        assert!(finished.status.success(), "{when}, then {line}: {finished}");
    }
}

/// It runs where somebody said yes, which what is installed says too.
fn runs_where_agreed(world: &World, name: &str, when: &str) {
    let finished: Finished = world.machine.run(["plan", "-t", name]);
    let state = world.state();
    let is_agreed = state.file("plugins").contains(&format!("[plugins.{name}]"))
        || state.file("agreed").contains(&format!("name = \"{name}\""));
    assert_eq!(is_agreed, finished.status.success(), "{when}: {finished}");
}

#[test]
fn an_install_is_done_or_not() {
    let (mut world, line) = (World::new(), "plugins install other.wasm --yes");
    let (before, after) = done(&world, line);
    let kills = killed(&mut world, line, |world, when| {
        usable(world, when);
        world.state().is_between(&before, &after, when);
        runs_where_agreed(world, "other", when);
        world.state().is_between(&before, &after, when);
        again(world, line, &after, "", when);
        world.run("plan -t other").ok();
    });
    assert!(kills >= 15, "{kills}");
}

#[test]
fn an_upgrade_is_done_or_not() {
    let (mut world, line) = (World::new(), "plugins upgrade --yes");
    let (before, after) = done(&world, line);
    assert!(after.file("lock").contains("0.2.0"));
    let kills = killed(&mut world, line, |world, when| {
        usable(world, when);
        world.state().is_between(&before, &after, when);
        // Without the app and its lock, what is installed decides.
        let elsewhere = world.home().join("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        fs::rename(world.home().join("deployer.lock"), elsewhere.join("lock")).unwrap();
        runs_where_agreed(world, "demo", when);
        fs::rename(elsewhere.join("lock"), world.home().join("deployer.lock")).unwrap();
        again(world, line, &after, "", when);
    });
    assert!(kills >= 15, "{kills}");
}

#[test]
fn an_uninstall_is_done_or_not() {
    let (mut world, line) = (World::new(), "plugins uninstall demo");
    let (before, after) = done(&world, line);
    assert!(!after.file("agreed").contains("demo"));
    let kills = killed(&mut world, line, |world, when| {
        world.run("plugins verify").ok();
        world.run("plugins list --offline").ok();
        world.state().is_between(&before, &after, when);
        again(world, line, &after, "no plugin `demo` is installed", when);
    });
    assert!(kills >= 4, "{kills}");
}

#[test]
fn a_catalog_is_added_or_not() {
    let (mut world, line) = (World::new(), ADD);
    world.machine.write("token", "geheim\n");
    world.keep();
    let (before, after) = done(&world, line);
    let kills = killed(&mut world, line, |world, when| {
        world.run("catalog list").ok();
        world.state().is_between(&before, &after, when);
        again(
            world,
            line,
            &after,
            "there is a catalog `more` already",
            when,
        );
    });
    assert!(kills >= 3, "{kills}");
}

#[test]
fn a_catalog_that_is_built_anew_has_the_old_versions_or_the_new_ones() {
    let (mut world, line) = (World::new(), "catalog build catalog");
    let newest = world.home().join("catalog/demo-0.2.0.wasm");
    let wasm = fs::read(&newest).unwrap();
    fs::remove_file(&newest).unwrap();
    fs::remove_file(world.home().join("catalog/demo/demo@0.2.0.json")).unwrap();
    world.run(line).ok();
    fs::write(&newest, wasm).unwrap();
    world.keep();
    let built = |world: &World| -> Vec<_> {
        let files = world.files().into_iter();
        files
            .filter(|(path, _)| path.starts_with("catalog"))
            .collect()
    };
    world.run(line).ok();
    let after = built(&world);
    let kills = killed(&mut world, line, |world, when| {
        // Whoever asks gets a version that there is.
        let index = fs::read_to_string(world.home().join("catalog/index.json")).unwrap();
        let version = match index.contains("0.2.0") {
            true => "0.2.0",
            false => "0.1.0",
        };
        let upgraded = world.run("plugins upgrade --yes --output json");
        assert!(upgraded.status.success(), "{when}: {upgraded}");
        assert_eq!(upgraded.json()["plugins"][0]["to"], version, "{when}");
        world.run(line).ok();
        let mut files = built(world);
        // What was written aside, and has no name that anybody reads.
        files.retain(|(path, _)| {
            !path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(".tmp")
        });
        assert!(files == after, "{when}");
    });
    assert!(kills >= 5, "{kills}");
}

#[test]
fn a_first_deploy_is_done_or_not() {
    let (mut world, line) = (World::new(), "deploy");
    fs::remove_dir_all(world.home().join(".deployer")).unwrap();
    fs::remove_file(world.home().join("deployer.lock")).unwrap();
    world.keep();
    let (before, after) = done(&world, line);
    let artifact = |world: &World| {
        let status = world.run("status --output json").ok().json();
        status["releases"][0]["artifact"]
            .as_str()
            .map(str::to_owned)
    };
    let expected = artifact(&world);
    assert!(expected.is_some());
    let kills = killed(&mut world, line, |world, when| {
        world.state().is_between(&before, &after, when);
        let there = artifact(world);
        assert!(there.is_none() || there == expected, "{when}: {there:?}");
        again(world, line, &after, "", when);
        assert_eq!(artifact(world), expected, "{when}");
    });
    assert!(kills >= 10, "{kills}");
}
