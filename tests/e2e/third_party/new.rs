//! A plugin that somebody begins to write.

use std::fs;
use std::path::Path;

use super::author::user;
use crate::harness::app::hello_wasm;
use crate::harness::sha256;

#[test]
fn a_new_plugin_builds_and_deploys() {
    let machine = user();
    machine.run(["plugins", "new", "my-shelf"]).ok();
    let folder = machine.home().join("my-shelf");
    // The versions that are here anyway.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--release"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(&folder)
        .status();
    assert!(built.unwrap().success());
    let wasm = target.join("wasm32-wasip2/release/my_shelf.wasm");
    let line = ["plugins", "pack", wasm.to_str().unwrap(), "--manifest"];
    machine
        .run(line.into_iter().chain(["my-shelf/plugin.toml"]))
        .ok();
    let checked = machine.run(["plugins", "check", "my-shelf.wasm", "--output", "json"]);
    assert_eq!(checked.ok().json()["plugin"]["exports"][0], "deployer");
    let line = ["deploy", "-t", "./my-shelf.wasm", "--directory", "shelf"];
    fs::create_dir(machine.home().join("shelf")).unwrap();
    machine.run(line.into_iter().chain(["--yes"])).ok();
    let name = sha256(&hello_wasm()).replace("sha256:", "") + ".wasm";
    assert!(machine.home().join("shelf").join(name).exists());
}
