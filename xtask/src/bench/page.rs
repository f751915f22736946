//! The table, and the page that shows it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::peer::Started;
use super::{Measured, Sample};
use crate::shell::Shell;

const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// Medians, a line a peer.
pub(crate) fn table(shell: &Shell, all: &[Measured], started: Started, rounds: u8) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let registry = shell
        .ask("docker-registry", &["--version"])
        .unwrap_or_default();
    let registry = registry.rsplit(' ').next().unwrap_or_default();
    let mut text = format!(
        "Medians of {rounds} rounds on {cores} cores of {}, to docker-registry {registry} on loopback.\n\n\
         | | first push | repeated | peak memory | repeated | requests | repeated | MB sent | repeated |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        std::env::consts::ARCH
    );
    for peer in all {
        let seconds = |samples: &[Sample]| median(samples.iter().map(|s| s.seconds).collect());
        let megabytes =
            |samples: &[Sample]| median(samples.iter().map(|s| s.memory as f64 / 1e6).collect());
        let [(requests, bytes), (requests_again, bytes_again)] = peer.traffic;
        text += &format!(
            "| {} | {:.2} s | {:.2} s | {:.0} MB | {:.0} MB | {requests} | {requests_again} | {:.1} | {:.1} |\n",
            peer.name,
            seconds(&peer.first),
            seconds(&peer.again),
            megabytes(&peer.first),
            megabytes(&peer.again),
            bytes as f64 / 1e6,
            bytes_again as f64 / 1e6,
        );
    }
    text + &format!(
        "\nFrom the start of the process to the plugin's first instruction, compiled code present: {:.0} ms in a repeated\n\
         push; {:.0} ms in a first one, which hashes the application before.\n",
        median(started.again),
        median(started.first)
    )
}

/// Puts the table between the marks of the page, and leaves the rest as it is.
pub(crate) fn write(page: &Path, table: &str) -> Result<()> {
    let text = match fs::read_to_string(page) {
        Ok(text) => text,
        Err(_) => format!(
            "# Performance\n\n\
             `cargo xtask bench` makes an application of 3 x 100 MB and 400 x 20 KB, pushes it twice to an empty registry,\n\
             with every peer that is installed in turn, and writes this table. The first push hashes every file; the\n\
             plugin's compiled code is there, as it is from the second start on. A repeated push finds everything there.\n\n\
             {BEGIN}\n{END}\n"
        ),
    };
    let (before, rest) = text
        .split_once(BEGIN)
        .with_context(|| format!("{} has no {BEGIN}", page.display()))?;
    let (_, after) = rest
        .split_once(END)
        .with_context(|| format!("{} has no {END}", page.display()))?;
    fs::write(page, format!("{before}{BEGIN}\n{table}{END}{after}"))?;
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
