//! Fuzzing of what reads hostile text, with the nightly compiler.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell::Shell;

/// What is fuzzed, and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file of fuzz/fuzz_targets, without its ending; otherwise all of them
    target: Option<String>,
    /// Minutes for each
    #[arg(long, default_value_t = 10)]
    minutes: u32,
}

pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    if shell.which("cargo-fuzz").is_none() {
        bail!("install cargo-fuzz and run this again: cargo install --locked cargo-fuzz");
    }
    let seeds = shell.path("fuzz/seeds");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&seeds).with_context(|| seeds.display().to_string())? {
        targets.push(entry?.file_name().to_string_lossy().into_owned());
    }
    targets.sort();
    if let Some(wanted) = &options.target {
        targets.retain(|target| target == wanted);
        ensure!(!targets.is_empty(), "there is no fuzz target {wanted}");
    }
    let time = format!("-max_total_time={}", options.minutes * 60);
    for target in targets {
        // The first folder gets what is found, the others are only read.
        let (corpus, seeds) = (
            format!("fuzz/corpus/{target}"),
            format!("fuzz/seeds/{target}"),
        );
        fs::create_dir_all(shell.path(&corpus))?;
        let limits = [time.as_str(), "-timeout=10", "-rss_limit_mb=2048"];
        let line = ["run", "nightly", "cargo", "fuzz", "run", &target];
        let inputs = [corpus.as_str(), seeds.as_str(), "--"];
        shell.run("rustup", line.into_iter().chain(inputs).chain(limits))?;
    }
    Ok(())
}
