//! Loading a large application, beside `sha256sum` of the same files, in the same run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::app::{self, Shape};
use super::page::median;
use super::{Sample, sample};
use crate::shell::Shell;

/// 20 000 files, and two gigabytes.
const SHAPE: Shape = Shape {
    large: (19, 100_000_000),
    small: (20_000, 5_000),
};

/// What the peers needed, in all rounds.
pub(crate) struct Loading {
    sums: Vec<Sample>,
    /// Nothing remembered.
    cold: Vec<Sample>,
    /// Every digest remembered.
    warm: Vec<Sample>,
}

pub(crate) fn measure(shell: &Shell, folder: &Path, wasm: &Path, rounds: u8) -> Result<Loading> {
    let app = folder.join("large-app");
    app::make(&app, wasm, SHAPE)?;
    let cache = folder.join("loading-cache");
    let inspect = || inspect(shell, &app, &cache);
    let mut loading = Loading {
        sums: vec![],
        cold: vec![],
        warm: vec![],
    };
    // Once before it counts, so that every file is in the page cache for each of them.
    sample(&mut sums(&app))?;
    for round in 1..=rounds {
        if cache.exists() {
            fs::remove_dir_all(&cache)?;
        }
        let (sums, cold, warm) = (
            sample(&mut sums(&app))?,
            sample(&mut inspect()?)?,
            sample(&mut inspect()?)?,
        );
        eprintln!(
            "round {round}, loading: sha256sum {:.2} s, cold {:.2} s, warm {:.2} s",
            sums.seconds, cold.seconds, warm.seconds
        );
        loading.sums.push(sums);
        loading.cold.push(cold);
        loading.warm.push(warm);
    }
    Ok(loading)
}

/// As a shell would do it: one process for many files.
fn sums(app: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", "find . -type f -print0 | xargs -0 sha256sum"])
        .current_dir(app);
    command
}

fn inspect(shell: &Shell, app: &Path, cache: &Path) -> Result<Command> {
    let deployer: PathBuf = shell.path("target/release/spin-deployer");
    let mut command = Command::new(deployer);
    command
        .args(["inspect", "--output", "json", "-f"])
        .arg(app)
        .env("SPIN_DEPLOYER_CACHE_DIR", cache);
    Ok(command)
}

impl Loading {
    /// Medians, a line a peer.
    pub(crate) fn table(&self) -> String {
        let seconds = |samples: &[Sample]| median(samples.iter().map(|s| s.seconds).collect());
        let base = seconds(&self.sums);
        let mut text = format!(
            "Medians of {} rounds: {} files of 5 KB and {} of 100 MB, in the page cache.\n\n\
             | | time | of sha256sum | peak memory |\n|---|---:|---:|---:|\n",
            self.sums.len(),
            SHAPE.small.0,
            SHAPE.large.0
        );
        for (name, samples) in [
            ("sha256sum", &self.sums),
            ("spin-deployer inspect, nothing remembered", &self.cold),
            ("spin-deployer inspect, again", &self.warm),
        ] {
            text += &format!(
                "| {name} | {:.2} s | {:.2} | {:.0} MB |\n",
                seconds(samples),
                seconds(samples) / base,
                median(samples.iter().map(|s| s.memory as f64 / 1e6).collect()),
            );
        }
        text
    }
}
