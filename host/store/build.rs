//! Builds the first-party plugins and embeds them, so that the binary is one file that works offline.
//!
//! A cargo inside of cargo: the plugins are of another target and another profile. It has a target folder of its own,
//! so that the two do not wait for each other's lock.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use sha2::{Digest, Sha256};
use spin_deployer_manifest::{Manifest, section};

/// Folders below `plugins/`; the crates are called `plugin-<name>`.
const PLUGINS: [&str; 4] = ["bindle", "hippo", "local", "oci"];
const TARGET: &str = "wasm32-wasip2";
/// What changes the plugins. Paths from the workspace.
const INPUTS: [&str; 10] = [
    "plugins",
    "sdk",
    "bindle",
    "hippo",
    "oci",
    "publish",
    "wit",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
];
/// What the outer cargo says about itself in variables, and what was meant for the binary and not for plugins.
const NOT_FOR_PLUGINS: [&str; 5] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];
const NOT_FOR_PLUGINS_PREFIXES: [&str; 5] = [
    "CARGO_BUILD_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            for line in message.lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let here = path_from("CARGO_MANIFEST_DIR")?;
    let workspace = here
        .ancestors()
        .nth(2)
        .ok_or("this crate lies two folders below its workspace")?;
    let out = path_from("OUT_DIR")?;
    for input in INPUTS {
        println!(
            "cargo::rerun-if-changed={}",
            workspace.join(input).display()
        );
    }
    println!("cargo::rerun-if-changed=build.rs");
    check_target()?;
    let built = build(workspace)?;
    let mut table = String::from("&[\n");
    for name in PLUGINS {
        let digest = pack(workspace, &built, name, &out)?;
        table += &format!(
            "    Bundled {{ name: {name:?}, digest: {digest:?}, \
             wasm: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.wasm\")) }},\n"
        );
    }
    write(&out.join("bundled.rs"), format!("{table}]").as_bytes())
}

/// Without this check the answer would be a page about a missing crate `core`.
fn check_target() -> Result<(), String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|e| format!("{}: {e}", rustc.display()))?;
    let libraries = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(libraries.trim()).is_dir() {
        return Ok(());
    }
    Err(format!(
        "the plugins are built for {TARGET}, and this toolchain does not have it: run `rustup target add {TARGET}`"
    ))
}

/// The folder with the built components.
fn build(workspace: &Path) -> Result<PathBuf, String> {
    let target_dir = workspace.join("target").join("plugins");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if NOT_FOR_PLUGINS.contains(&&*text)
            || NOT_FOR_PLUGINS_PREFIXES.iter().any(|p| text.starts_with(p))
        {
            cargo.env_remove(&name);
        }
    }
    cargo
        .env("CARGO_ENCODED_RUSTFLAGS", without_paths(workspace))
        .current_dir(workspace);
    cargo
        .args([
            "build",
            "--locked",
            "--target",
            TARGET,
            "--profile",
            "plugin",
            "--target-dir",
        ])
        .arg(&target_dir);
    for name in PLUGINS {
        cargo.args(["-p", &format!("plugin-{name}")]);
    }
    // Its standard output would be read as instructions to the outer cargo.
    let status = cargo
        .stdout(Stdio::null())
        .status()
        .map_err(|e| format!("cargo cannot be started: {e}"))?;
    if status.success() {
        Ok(target_dir.join(TARGET).join("plugin"))
    } else {
        Err(format!(
            "the plugins do not build ({status}); the reason is above"
        ))
    }
}

/// Flags that keep folders of this machine out of the plugins' panic messages, so that the same source has the same
/// digest wherever it is built.
fn without_paths(workspace: &Path) -> String {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(workspace, "spin-deployer")];
    flags.extend(cargo_home.map(|home| remap(&home, "cargo")));
    flags.join("\u{1f}")
}

/// Puts the manifest into the component; returns the digest of both.
fn pack(workspace: &Path, built: &Path, name: &str, out: &Path) -> Result<String, String> {
    let toml = workspace.join("plugins").join(name).join("plugin.toml");
    let text = fs::read_to_string(&toml).map_err(|e| format!("{}: {e}", toml.display()))?;
    let manifest: Manifest = text
        .parse()
        .map_err(|e| format!("{}: {e}", toml.display()))?;
    if manifest.name.as_str() != name {
        return Err(format!(
            "{}: the plugin of this folder is called `{name}`, not `{}`",
            toml.display(),
            manifest.name
        ));
    }
    let wasm = built.join(format!("plugin_{name}.wasm"));
    let component = fs::read(&wasm).map_err(|e| format!("{}: {e}", wasm.display()))?;
    let packed =
        section::embed(&component, &text).map_err(|e| format!("{}: {e}", wasm.display()))?;
    write(&out.join(format!("{name}.wasm")), &packed)?;
    let digest: String = Sha256::digest(&packed)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("sha256:{digest}"))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

fn path_from(variable: &str) -> Result<PathBuf, String> {
    env::var_os(variable)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{variable} is not set: run this through cargo"))
}
