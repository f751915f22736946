//! Who pushes: this repository's binary, and what people use today where it is installed.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::registry::Registry;
use crate::shell::Shell;

/// Somebody who can push the application.
pub(crate) struct Peer {
    pub(crate) name: String,
    push: Box<dyn Fn(SocketAddr) -> Command>,
    prepare: Prepare,
}

type Prepare = Box<dyn Fn(&Registry) -> Result<()>>;

impl Peer {
    /// A push to the registry at this address.
    pub(crate) fn push(&self, registry: SocketAddr) -> Command {
        (self.push)(registry)
    }

    /// Comes before a first push, and is not measured.
    pub(crate) fn prepare(&self, registry: &Registry) -> Result<()> {
        (self.prepare)(registry)
    }
}

/// This repository's binary. `folder` has the application and what the binary keeps; `hello` is a small one.
pub(crate) fn deployer(name: &str, binary: &Path, folder: &Path, hello: &Path) -> Peer {
    let push = at_home(binary, folder);
    let compile = at_home(binary, folder);
    let cache = folder.join("cache");
    let hello = hello.display().to_string();
    Peer {
        name: name.to_owned(),
        push: Box::new(move |registry| {
            let reference = format!("{registry}/bench:v1");
            let to = ["-t", "oci", "--reference", &reference];
            let mut command = push();
            command.args(["deploy", "-f", "app"]).args(to);
            command.args(["--audit-log", "audit.jsonl"]);
            command
        }),
        // The plugin's compiled code is there, as it is for everybody but at the very first start; what the files
        // hash to is not.
        prepare: Box::new(move |registry| {
            if cache.exists() {
                fs::remove_dir_all(&cache)?;
            }
            let reference = format!("{}/hello:v1", registry.address());
            let to = ["-t", "oci", "--reference", &reference];
            let compiled = compile()
                .args(["plan", "-q", "-f", &hello])
                .args(to)
                .output()?;
            ensure!(
                compiled.status.success(),
                "{}",
                String::from_utf8_lossy(&compiled.stderr)
            );
            Ok(())
        }),
    }
}

/// The binary as somebody runs it whose files are all below `folder`.
fn at_home(binary: &Path, folder: &Path) -> impl Fn() -> Command + use<> {
    let (binary, folder) = (binary.to_owned(), folder.to_owned());
    move || {
        let mut command = Command::new(&binary);
        command
            .current_dir(&folder)
            .env("HOME", folder.join("home"))
            .env("XDG_CACHE_HOME", folder.join("cache"));
        command
    }
}

/// Everybody who is there. `folder` has the application; the layout that skopeo copies from is written there.
pub(crate) fn installed(shell: &Shell, folder: &Path) -> Result<Vec<Peer>> {
    let app = folder.join("app");
    // Of a run that did not come to its end.
    drop(fs::remove_file(folder.join("audit.jsonl")));
    // Beside this program, whose own profile is another one.
    let binary = shell.sibling("../release/spin-deployer")?;

    let layout = folder.join("layout");
    if layout.exists() {
        fs::remove_dir_all(&layout)?;
    }
    fs::create_dir_all(&layout)?;
    let directory = layout.to_str().context("the path is UTF-8")?;
    let local = at_home(&binary, folder)()
        .args([
            "deploy",
            "-f",
            "app",
            "-t",
            "local",
            "--directory",
            directory,
        ])
        .status()?;
    ensure!(
        local.success(),
        "the layout for skopeo could not be written"
    );

    let hello = shell.path("examples/hello");
    let mut peers = vec![deployer("spin-deployer", &binary, folder, &hello)];
    if let Some(version) = shell.ask("skopeo", &["--version"]) {
        let from = format!("oci:{directory}");
        peers.push(Peer {
            name: format!("{} copy", version.replace(" version", "")),
            push: Box::new(move |registry| {
                let mut command = Command::new("skopeo");
                command.args([
                    "--insecure-policy",
                    "copy",
                    "--dest-tls-verify=false",
                    &from,
                ]);
                command.arg(format!("docker://{registry}/bench:v1"));
                command
            }),
            prepare: Box::new(|_| Ok(())),
        });
    }
    if let Some(version) = shell.ask("spin", &["--version"]) {
        let version = version.split(" (").next().unwrap_or("spin").to_owned();
        peers.push(Peer {
            name: format!("{version} registry push"),
            push: Box::new(move |registry| {
                let mut command = Command::new("spin");
                command
                    .args(["registry", "push", "--insecure", "-f"])
                    .arg(&app);
                command.arg(format!("{registry}/bench:v1"));
                command
            }),
            prepare: Box::new(|_| Ok(())),
        });
    }
    Ok(peers)
}

/// Milliseconds from the start of the process to the plugin's first instruction.
pub(crate) struct Started {
    /// Of pushes that hash the application first.
    pub(crate) first: Vec<f64>,
    /// Of pushes that remember its digests.
    pub(crate) again: Vec<f64>,
}

/// What the audit log says of every push: a first one and a repeated one in turn.
pub(crate) fn first_instruction(folder: &Path) -> Result<Started> {
    let log = fs::read_to_string(folder.join("audit.jsonl"))?;
    let mut found = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line)?;
        if line["event"] == "started" {
            found.extend(line["milliseconds"].as_f64());
        }
    }
    ensure!(!found.is_empty(), "the audit log tells no start");
    fs::remove_file(folder.join("audit.jsonl"))?;
    let every_second = |from: usize| found.iter().copied().skip(from).step_by(2).collect();
    Ok(Started {
        first: every_second(0),
        again: every_second(1),
    })
}
