//! From nothing to a deploy with a plugin of somebody else's: fetched from a registry, compiled, kept, run; beside a
//! program that fetches the same artifact and does nothing with it, in the same run.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::app::{self, Shape};
use super::page::median;
use super::registry::Registry;
use super::sample;
use crate::build;
use crate::shell::Shell;

/// What the plugin is called, so that it is not the one in the program.
const NAME: &str = "acme";

/// One file beside the component: a deploy that is the plugin's start and little else.
const SHAPE: Shape = Shape {
    large: (0, 0),
    small: (1, 200),
};

/// What all rounds took, in seconds.
#[derive(Default)]
pub(crate) struct Installing {
    /// Of the component, in bytes.
    size: u64,
    fetched: Vec<f64>,
    installed: Vec<f64>,
    first: Vec<f64>,
    again: Vec<f64>,
    /// Of `again`, what its requests took.
    network: Vec<f64>,
}

/// Packs and publishes the plugin; then installs it and deploys twice with it, in each round on a machine that has nothing.
pub(crate) fn measure(shell: &Shell, folder: &Path, wasm: &Path, rounds: u8) -> Result<Installing> {
    let folder = &folder.join("installing");
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    let user = User {
        program: shell.sibling("../release/spin-deployer")?,
        home: folder.join("home"),
    };
    fs::create_dir_all(&user.home)?;
    let registry = Registry::start(folder)?;
    let file = packed(shell, folder, &user)?;
    let source = format!("{}/{NAME}/plugin:0.1.0", registry.address());
    let pushed = source.strip_suffix(":0.1.0").unwrap_or(&source);
    sample(user.run().args(["plugins", "push"]).arg(&file).arg(pushed))?;

    let mut installing = Installing {
        size: fs::metadata(&file)?.len(),
        ..Installing::default()
    };
    for round in 1..=rounds {
        fs::remove_dir_all(&user.home)?;
        app::make(&user.home.join("app"), wasm, SHAPE)?;
        if shell.which("skopeo").is_some() {
            let fetched = sample(&mut fetch(&source, &user.home.join("layout")))?;
            installing.fetched.push(fetched.seconds);
        }
        let installed = sample(user.run().args(["plugins", "install", "--yes", &source]))?;
        let first = sample(&mut user.deploy(registry.address(), round))?;
        let log = user.home.join("audit.jsonl");
        fs::remove_file(&log)?;
        let again = sample(&mut user.deploy(registry.address(), round))?;
        installing.installed.push(installed.seconds);
        installing.first.push(first.seconds);
        installing.again.push(again.seconds);
        installing.network.push(network(&log)?);
        eprintln!(
            "round {round}, installing: {:.2} s, first deploy {:.3} s, again {:.3} s",
            installed.seconds, first.seconds, again.seconds
        );
    }
    Ok(installing)
}

/// The plugin `oci` as its author would publish it: built for speed, under another name.
fn packed(shell: &Shell, folder: &Path, user: &User) -> Result<PathBuf> {
    let target = "target/plugins";
    let line = ["build", "--locked", "--release", "--target", build::WASM];
    let place = ["--package", "plugin-oci", "--target-dir", target];
    shell.cargo(line.into_iter().chain(place))?;
    let manifest = fs::read_to_string(shell.path("plugins/oci/plugin.toml"))?;
    let own = folder.join("plugin.toml");
    fs::write(
        &own,
        manifest.replacen("\"oci\"", &format!("\"{NAME}\""), 1),
    )?;
    let component = format!("{target}/{}/release/plugin_oci.wasm", build::WASM);
    let packed = folder.join("acme.wasm");
    let mut pack = user.run();
    pack.args(["plugins", "pack"]).arg(shell.path(component));
    pack.arg("--manifest").arg(&own).arg("-o").arg(&packed);
    sample(&mut pack)?;
    Ok(packed)
}

/// Somebody whose files are all below their home.
struct User {
    program: PathBuf,
    home: PathBuf,
}

impl User {
    fn run(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(&self.home)
            .env_clear()
            .env("HOME", &self.home);
        command
    }

    /// Each round to a place of its own.
    fn deploy(&self, registry: SocketAddr, round: u8) -> Command {
        let mut command = self.run();
        command.args(["deploy", "-f", "app", "-t", NAME, "--audit-log"]);
        command.args(["audit.jsonl", "--reference"]);
        command.arg(format!("{registry}/hello:v{round}"));
        command
    }
}

fn fetch(source: &str, layout: &Path) -> Command {
    let mut command = Command::new("skopeo");
    command.args(["--insecure-policy", "copy", "--src-tls-verify=false"]);
    command.arg(format!("docker://{source}"));
    command.arg(format!("oci:{}", layout.display()));
    command
}

/// What the requests of the run in this audit log took together.
fn network(log: &Path) -> Result<f64> {
    let mut milliseconds = 0.0;
    for line in fs::read_to_string(log)?.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        if line["event"] == "request" {
            let took = line["milliseconds"].as_f64();
            milliseconds += took.context("a request without its time")?;
        }
    }
    Ok(milliseconds / 1000.0)
}

impl Installing {
    /// Medians.
    pub(crate) fn table(&self) -> String {
        let of = |values: &[f64]| median(values.to_vec());
        let together = self.installed.iter().zip(&self.first).map(|(a, b)| a + b);
        let outside = self.again.iter().zip(&self.network).map(|(a, b)| a - b);
        let fetched = match self.fetched.is_empty() {
            true => String::new(),
            false => format!(
                "| skopeo fetches the same artifact, and does nothing with it | {:.2} s |\n",
                of(&self.fetched)
            ),
        };
        format!(
            "Medians of {} rounds, with a component of {:.2} MB in docker-registry on loopback.\n\n\
             | | time |\n|---|---:|\n{fetched}\
             | `plugins install`: fetched, verified, compiled | {:.2} s |\n\
             | the first deploy | {:.3} s |\n\
             | both | {:.2} s |\n\
             | a second deploy | {:.4} s |\n\
             | a second deploy, without what its requests took | {:.4} s |\n",
            self.installed.len(),
            self.size as f64 / 1e6,
            of(&self.installed),
            of(&self.first),
            median(together.collect()),
            of(&self.again),
            median(outside.collect()),
        )
    }
}
