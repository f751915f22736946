//! No home, as a user that nobody knows: what needs a place says which variable names it, and everything else works.

use super::table::{COMMANDS, code};
use super::world::World;

/// A user without an entry anywhere, who therefore has no home.
const NOBODY: [&str; 4] = ["unshare", "--user", "--map-user=12345", "--map-group=12345"];

/// What a command says that needs one of our folders.
fn missing(line: &str) -> Option<&'static str> {
    let (data, config) = ("SPIN_DEPLOYER_DATA_DIR", "SPIN_DEPLOYER_CONFIG_DIR");
    match line {
        "plugins install demo@0.2.0 --yes" | "plugins search author" => Some("catalog add"),
        "catalog add more catalog" => Some(config),
        "catalog remove acme" => Some(config),
        "plugins install other.wasm --yes"
        | "plugins upgrade --yes"
        | "plugins uninstall demo"
        | "plugins fetch" => Some(data),
        "deploy -t demo" | "login -t demo" | "logout -t demo" | "plugins show demo" => Some("demo"),
        _ => None,
    }
}

fn homeless() -> World {
    let mut world = World::new();
    world.machine.unset("HOME");
    world.machine.unset("XDG_CACHE_HOME");
    world
}

#[test]
fn every_command_works_or_says_what_it_needs() {
    let (mut world, mut wrong) = (homeless(), Vec::new());
    for line in COMMANDS {
        world.restore();
        let finished = world.below(&NOBODY, line);
        let (expected, says) = match missing(line) {
            Some(what) => (2, what),
            None => (code(line), ""),
        };
        let is_told = finished.stderr.contains(says);
        if finished.status.code() != Some(expected) || !is_told {
            wrong.push(format!("{line}: {finished}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_folder_for_data_is_enough_for_plugins_and_logins() {
    let mut world = homeless();
    std::fs::remove_dir_all(world.home().join(".local")).unwrap();
    world.machine.set("SPIN_DEPLOYER_DATA_DIR", "data");
    for line in [
        "plugins install other.wasm --yes",
        "deploy -t other",
        "login -t other",
        "plugins list --offline",
        "plugins verify",
        "plugins fetch --vendor vendor",
        "logout -t other",
        "plugins uninstall other",
        "deploy",
    ] {
        let finished = world.below(&NOBODY, line);
        assert_eq!(finished.status.code(), Some(0), "{line}: {finished}");
    }
    let home: Vec<_> = world.files().into_keys().collect();
    assert!(
        !home.iter().any(|path| path.starts_with(".local")),
        "{home:?}"
    );
    assert!(
        home.iter().any(|path| path.starts_with("data/plugins")),
        "{home:?}"
    );
}
