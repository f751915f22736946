//! The plugins inside the binary are plugins like any other.
#![allow(clippy::unwrap_used)]

use spin_deployer_manifest::{Manifest, section};
use spin_deployer_store::bundled;

#[test]
fn every_bundled_plugin_carries_its_manifest_and_is_found_under_its_name() {
    let names: Vec<_> = bundled::all().iter().map(|plugin| plugin.name).collect();
    assert_eq!(names, ["bindle", "hippo", "local", "oci"]);
    for plugin in bundled::all() {
        let manifest: Manifest = section::extract(plugin.wasm).unwrap().parse().unwrap();
        assert_eq!(manifest.name.as_str(), plugin.name);
        assert_eq!(bundled::find(plugin.name).unwrap().digest, plugin.digest);
    }
    assert!(bundled::find("shelf").is_none());
}

#[test]
fn no_folder_of_the_building_machine_is_in_a_plugin() {
    let home = std::env::home_dir().unwrap_or_default().join(".cargo");
    for folder in [env!("CARGO_MANIFEST_DIR"), home.to_str().unwrap()] {
        for plugin in bundled::all() {
            let found = plugin
                .wasm
                .windows(folder.len())
                .any(|window| window == folder.as_bytes());
            assert!(!found, "{folder} is in {}", plugin.name);
        }
    }
}
