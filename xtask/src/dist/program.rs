//! The release build, with nothing of this machine in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cargo_metadata::Message;
use sha2::{Digest as _, Sha256};

use super::{PACKAGE, TARGET};
use crate::shell::Shell;

/// What `host/store/build.rs` leaves beside the plugins.
const TABLE: &str = "bundled.rs";

/// Settings of this user that make other bytes of the same sources.
const UNWANTED: [&str; 5] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_INCREMENTAL",
    "CARGO_TARGET_DIR",
    "RUSTFLAGS",
];
const UNWANTED_PREFIX: &str = "CARGO_PROFILE_";

pub(crate) struct Built {
    pub(crate) program: PathBuf,
    pub(crate) plugins: Vec<Plugin>,
}

/// A plugin inside the program.
pub(crate) struct Plugin {
    pub(crate) name: String,
    /// Of the component with its manifest, as the program itself reports it.
    pub(crate) sha256: [u8; 32],
}

/// Builds the program with these plugins in it.
pub(crate) fn build(shell: &Shell, plugins: &[String]) -> Result<Built> {
    let shell = shell
        .without(|name| UNWANTED.contains(&name) || name.starts_with(UNWANTED_PREFIX))
        .with("CARGO_ENCODED_RUSTFLAGS", without_paths(&shell.path("")));
    let line = [
        "rustc",
        "--locked",
        "--release",
        "--package",
        PACKAGE,
        "--bin",
        PACKAGE,
    ];
    let place = ["--target-dir", TARGET];
    let report = ["--message-format", "json-render-diagnostics"];
    // Names that the linker makes up for parts of a module are another one in each folder; nothing else of them is.
    let stripped = ["--", "-C", "strip=symbols"];
    let line = line.into_iter().chain(place).chain(report).chain(stripped);
    let messages = shell.read_cargo(line)?;
    let mut program = None;
    let mut bundled = None;
    for message in Message::parse_stream(messages.as_slice()) {
        match message.context("cargo's report")? {
            Message::CompilerArtifact(built) if built.target.name == PACKAGE => {
                program = built.executable.or(program);
            }
            Message::BuildScriptExecuted(script) if script.out_dir.join(TABLE).is_file() => {
                bundled = Some(script.out_dir);
            }
            _ => {}
        }
    }
    let program = program.with_context(|| format!("cargo reports no program {PACKAGE}"))?;
    let bundled = bundled.context("cargo reports no build script that packs the plugins")?;
    let plugins: Result<_> = plugins
        .iter()
        .map(|name| Plugin::read(name, bundled.as_std_path()))
        .collect();
    Ok(Built {
        program: program.into(),
        plugins: plugins?,
    })
}

impl Plugin {
    fn read(name: &str, bundled: &Path) -> Result<Self> {
        let path = bundled.join(format!("{name}.wasm"));
        let wasm = fs::read(&path).with_context(|| {
            format!(
                "{}: is plugins/{name} built into the program?",
                path.display()
            )
        })?;
        Ok(Self {
            name: name.to_owned(),
            sha256: Sha256::digest(&wasm).into(),
        })
    }
}

/// Flags that keep folders of this machine out of panic messages, as `host/store/build.rs` has them for the plugins.
fn without_paths(root: &Path) -> String {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    // The last one that fits counts: a cargo home may be inside the repository.
    let folders = [(Some(root.to_owned()), PACKAGE), (cargo_home, "cargo")];
    let flags = folders
        .into_iter()
        .filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?.display())));
    flags.collect::<Vec<_>>().join("\u{1f}")
}
