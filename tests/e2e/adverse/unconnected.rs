//! Without any network, not even loopback: what needs none does not notice, and the rest says so soon.

use std::time::{Duration, Instant};

use super::table::{COMMANDS, PUSH};
use super::world::World;
use crate::harness::run::Finished;

const UNCONNECTED: [&str; 4] = ["unshare", "--user", "--map-root-user", "--net"];

/// None tries again for as long as that.
const SOON: Duration = Duration::from_secs(20);

fn soon(world: &mut World, line: &str) -> Finished {
    let began = Instant::now();
    let finished = world.below(&UNCONNECTED, line);
    assert!(began.elapsed() < SOON, "{line}: {:?}", began.elapsed());
    finished
}

#[test]
fn what_needs_no_network_works() {
    let mut world = World::new();
    for line in COMMANDS {
        world.restore();
        let finished = soon(&mut world, line);
        let code = if line == PUSH { 7 } else { 0 };
        assert_eq!(finished.status.code(), Some(code), "{line}: {finished}");
    }
}

#[test]
fn what_needs_one_is_unavailable_and_changes_nothing() {
    let mut world = World::new();
    let digest = "0".repeat(64);
    world
        .run("catalog add far https://plugins.example.com/")
        .ok();
    world.run("catalog remove acme").ok();
    let before = world.state();
    for line in [
        "plugins install registry.example.com/acme/other:0.1.0 --yes",
        &format!("plugins install https://example.com/other.wasm#sha256:{digest} --yes"),
        "plugins install other --yes",
        "plugins search",
        "deploy -t oci --reference registry.example.com/acme/hello:v1",
    ] {
        let finished = soon(&mut world, line);
        assert_eq!(finished.status.code(), Some(7), "{line}: {finished}");
        let state = world.state();
        for file in ["plugins", "agreed", "catalogs"] {
            assert_eq!(state.file(file), before.file(file), "{line}");
        }
    }
    // What a deploy with nothing but the lock and a folder needs.
    world.restore();
    world.run("plugins fetch --vendor vendor").ok();
    std::fs::remove_dir_all(world.home().join(".local")).unwrap();
    for line in [
        "plugins fetch --vendor vendor",
        "deploy -t demo --vendor vendor --locked --offline",
        "plugins list --offline",
    ] {
        soon(&mut world, line).ok();
    }
}
