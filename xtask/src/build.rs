//! What has to be built beside the workspace itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::Shell;

/// What components are built for.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// What modules are built for, which tests of composition need.
const MODULES: &str = "wasm32-wasip1";

/// Adds these targets to the toolchain that is in use, where they are missing.
pub(crate) fn wasm_target(shell: &Shell) -> Result<()> {
    let sysroot = shell
        .ask("rustc", &["--print", "sysroot"])
        .context("rustc is not on the PATH")?;
    let libraries = Path::new(&sysroot).join("lib/rustlib");
    for target in [WASM, MODULES] {
        if libraries.join(target).is_dir() {
            continue;
        }
        if shell.which("rustup").is_none() {
            bail!(
                "this Rust has no {target}, and there is no rustup to add it: install rustup, or that target"
            );
        }
        shell.run("rustup", ["target", "add", target])?;
    }
    Ok(())
}

/// Builds `examples/hello` where its `spin.toml` looks for it.
pub(crate) fn example(shell: &Shell) -> Result<()> {
    let folder = "examples/hello";
    let manifest = format!("{folder}/Cargo.toml");
    // Named, so that a CARGO_TARGET_DIR of the caller does not move it.
    let target = format!("{folder}/target");
    let line = ["build", "--locked", "--release", "--target", WASM];
    let place = ["--manifest-path", &manifest, "--target-dir", &target];
    shell.cargo(line.into_iter().chain(place))
}

/// The servers of the tests that no package has: a workspace of its own, for this machine.
const SERVERS: [&str; 5] = [
    "--locked",
    "--manifest-path",
    "tests/servers/Cargo.toml",
    // Named, so that a CARGO_TARGET_DIR of the caller does not move it.
    "--target-dir",
    "target/servers",
];

/// Builds the servers of the tests. Says in which folder they are.
pub(crate) fn servers(shell: &Shell) -> Result<PathBuf> {
    // With all targets, so that their own tests need nothing more.
    shell.cargo(["build", "--all-targets"].into_iter().chain(SERVERS))?;
    Ok(shell.path("target/servers/debug"))
}

/// Runs what the stand-in among the servers promises.
pub(crate) fn test_servers(shell: &Shell) -> Result<()> {
    shell.cargo(["test", "--quiet"].into_iter().chain(SERVERS))
}

/// Checks formatting of the servers, and lints what is not made of somebody else's servers of long ago.
pub(crate) fn lint_servers(shell: &Shell) -> Result<()> {
    let manifest = SERVERS[2];
    shell.cargo(["fmt", "--all", "--manifest-path", manifest, "--check"])?;
    let line = ["clippy", "--package", "hippo-stand-in"];
    let deny = ["--", "-D", "warnings"];
    shell.cargo(line.into_iter().chain(SERVERS).chain(deny))
}

/// Manifests of what is built by itself for the sandbox: the examples, and the plugins of the tests.
pub(crate) fn own_workspaces(shell: &Shell) -> Result<Vec<String>> {
    let examples = folders(shell, "examples")?;
    let mut found: Vec<_> = examples
        .into_iter()
        .map(|name| format!("examples/{name}/Cargo.toml"))
        .collect();
    found.extend(["tests/apps/Cargo.toml", "tests/plugins/Cargo.toml"].map(str::to_owned));
    Ok(found)
}

/// Packages that run in the sandbox: the SDK, and every first-party plugin.
pub(crate) fn sandboxed_packages(shell: &Shell) -> Result<Vec<String>> {
    let plugins = plugins(shell)?
        .into_iter()
        .map(|name| format!("plugin-{name}"));
    Ok(["spin-deployer-sdk".to_owned()]
        .into_iter()
        .chain(plugins)
        .collect())
}

/// Names of the first-party plugins; their packages are called `plugin-<name>`.
pub(crate) fn plugins(shell: &Shell) -> Result<Vec<String>> {
    folders(shell, "plugins")
}

fn folders(shell: &Shell, below: &str) -> Result<Vec<String>> {
    let below = shell.path(below);
    let mut names = Vec::new();
    for entry in fs::read_dir(&below).with_context(|| below.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
