//! Pushes of a large application to a registry on loopback, the loading of one, and the way of a new plugin to its first
//! deploy, beside what else is installed, in the same run.

mod app;
mod guard;
mod installing;
mod loading;
mod page;
mod peer;
mod registry;
mod relay;

use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use wait4::Wait4 as _;

use crate::shell::Shell;
use crate::{build, test};
use peer::Peer;
use registry::Registry;

/// How much is measured.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Rounds in which every peer pushes once; medians are reported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// Measure this section of the page only
    #[arg(long)]
    only: Option<Section>,
}

/// What is measured, by its heading in docs/performance.md.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Section {
    /// Pushes, beside the peers that are installed
    Push,
    /// Loading, beside sha256sum
    Loading,
    /// What the checks cost
    Guard,
    /// From nothing to a deploy with a plugin of somebody else's, beside skopeo
    Installing,
}

/// One run of a command.
pub(crate) struct Sample {
    seconds: f64,
    /// Peak resident memory, in bytes.
    memory: u64,
}

/// What a peer did in all rounds.
pub(crate) struct Measured {
    name: String,
    first: Vec<Sample>,
    again: Vec<Sample>,
    /// HTTP requests and bytes to the registry, of a first and of a repeated push.
    traffic: [(usize, u64); 2],
}

/// 400 files, so that Spin's format has a layer for each.
const SHAPE: app::Shape = app::Shape {
    large: (3, 100_000_000),
    small: (400, 20_000),
};

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    build::wasm_target(shell)?;
    test::servers(shell)?;
    build::example(shell)?;
    shell.cargo([
        "build",
        "--locked",
        "--release",
        "--package",
        "spin-deployer",
    ])?;
    let folder = shell.path("target/bench");
    fs::create_dir_all(&folder)?;
    let wasm = shell.path("examples/hello/target/wasm32-wasip2/release/hello.wasm");
    app::make(&folder.join("app"), &wasm, SHAPE)?;
    let page = shell.path("docs/performance.md");
    let wanted = |section| options.only.is_none_or(|only| only == section);
    let shown = |name, table: String| {
        println!("\n{table}");
        page::write(&page, name, &table)
    };
    if wanted(Section::Push) {
        shown("bench", pushes(shell, &folder, options.rounds)?)?;
    }
    if wanted(Section::Loading) {
        let loading = loading::measure(shell, &folder, &wasm, options.rounds)?;
        shown("loading", loading.table())?;
    }
    if wanted(Section::Guard) {
        let guard = guard::measure(shell, &folder, options.rounds)?;
        drop(fs::remove_file(folder.join("audit.jsonl")));
        shown("guard", guard.table())?;
    }
    if wanted(Section::Installing) {
        let installing = installing::measure(shell, &folder, &wasm, options.rounds)?;
        shown("installing", installing.table())?;
    }
    Ok(())
}

/// Every peer pushes twice in each round.
fn pushes(shell: &Shell, folder: &Path, rounds: u8) -> Result<String> {
    let peers = peer::installed(shell, folder)?;

    let mut measured: Vec<Measured> = Vec::new();
    for peer in &peers {
        eprintln!("\n{}: traffic of a first and of a repeated push", peer.name);
        let traffic = traffic(peer, folder)?;
        measured.push(Measured {
            name: peer.name.clone(),
            first: vec![],
            again: vec![],
            traffic,
        });
    }
    // Peers take turns, so that whatever else the machine does meanwhile meets all of them.
    for round in 1..=rounds {
        for (peer, measured) in peers.iter().zip(&mut measured) {
            let registry = Registry::start(folder)?;
            peer.prepare(&registry)?;
            let first = sample(&mut peer.push(registry.address()))?;
            let again = sample(&mut peer.push(registry.address()))?;
            eprintln!(
                "round {round}, {}: {:.2} s, again {:.2} s",
                peer.name, first.seconds, again.seconds
            );
            measured.first.push(first);
            measured.again.push(again);
        }
    }
    let started = peer::first_instruction(folder)?;
    Ok(page::table(shell, &measured, started, rounds))
}

/// Pushes twice through a relay that counts.
fn traffic(peer: &Peer, folder: &Path) -> Result<[(usize, u64); 2]> {
    let registry = Registry::start(folder)?;
    peer.prepare(&registry)?;
    let relay = relay::Relay::to(registry.address())?;
    let (requests, bytes) = (registry.requests()?, relay.bytes());
    sample(&mut peer.push(relay.address()))?;
    let (requests_first, bytes_first) = (registry.requests()?, relay.bytes());
    sample(&mut peer.push(relay.address()))?;
    Ok([
        (requests_first - requests, bytes_first - bytes),
        (
            registry.requests()? - requests_first,
            relay.bytes() - bytes_first,
        ),
    ])
}

/// Runs a command to its success. The kernel counts a child's memory from this process's own on, which is why nothing
/// here holds a large file.
fn sample(command: &mut Command) -> Result<Sample> {
    let mut log = tempfile::tempfile()?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log.try_clone()?);
    let start = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("{:?}", command.get_program()))?;
    let used = child.wait4()?;
    let seconds = start.elapsed().as_secs_f64();
    if !used.status.success() {
        let mut text = String::new();
        log.rewind()?;
        log.read_to_string(&mut text)?;
        bail!("{command:?} ended with {}:\n{text}", used.status);
    }
    Ok(Sample {
        seconds,
        memory: used.rusage.maxrss,
    })
}
