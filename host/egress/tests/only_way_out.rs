//! Nobody else in the host knows an HTTP client.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Crates that open connections by themselves, and those that bring one that does.
const CLIENTS: &[&str] = &[
    "attohttpc",
    "awc",
    "curl",
    "h2",
    "h3",
    "hyper",
    "hyper-rustls",
    "hyper-util",
    "isahc",
    "minreq",
    "oci-client",
    "oci-distribution",
    "quinn",
    "reqwest",
    "surf",
    "tungstenite",
    "ureq",
    "warg-client",
    "wasm-pkg-client",
];

#[test]
fn no_other_crate_of_the_host_depends_on_an_http_client() {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--no-deps",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(metadata.status.success());
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let mut found = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        let path = package["manifest_path"].as_str().unwrap();
        // Plugins run in the sandbox, and what a test asks over loopback leaves nothing.
        if path.contains("/plugins/") {
            continue;
        }
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let client = dependency["name"].as_str().unwrap();
            // Without its default features it is only the interface of the sandbox.
            let sends =
                client == "wasmtime-wasi-http" && dependency["uses_default_features"] == true;
            if (sends || CLIENTS.contains(&client)) && dependency["kind"] != "dev" {
                found.push(format!("{name} -> {client}"));
            }
        }
    }
    found.sort();
    let (ours, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|found| found.starts_with("spin-deployer-egress -> "));
    assert!(
        ours.iter().any(|found| found.ends_with("reqwest")),
        "the list is of another time: {ours:?}"
    );
    assert_eq!(others, Vec::<String>::new(), "what leaves passes egress");
}

/// Sources of the host's crates, without their tests.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") && !path.ends_with("target") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn what_tests_and_benchmarks_are_given_is_used_by_nobody_else() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    sources(host, &mut found);
    assert!(found.len() > 100, "{} files", found.len());
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let ours = path.starts_with(host.join("egress"));
        // Where names lead is the system's to say.
        assert!(ours || !text.contains("with_names"), "{}", path.display());
        assert!(
            ours || !text.contains("egress::fuzzing"),
            "{}",
            path.display()
        );
        // Checks are left out by the compiler or not at all.
        let decided = path.ends_with("egress/src/unguarded.rs");
        assert!(
            decided || !text.contains("cfg!(unguarded)"),
            "{}",
            path.display()
        );
        assert!(!text.contains("cfg(unguarded)"), "{}", path.display());
    }
}
