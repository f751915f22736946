//! The table, and the page that shows it.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::peer::Started;
use super::{Measured, Sample};
use crate::shell::Shell;

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

/// Puts a table between the marks of its name on the page, and leaves the rest as it is.
pub(crate) fn write(page: &Path, name: &str, table: &str) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let mark = |which| format!("<!-- {name}: {which} -->");
    let (begin, end) = (mark("begin"), mark("end"));
    let missing = || format!("{} has no {begin} … {end}", page.display());
    let (before, rest) = text.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    fs::write(page, format!("{before}{begin}\n{table}{end}{after}"))?;
    Ok(())
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}
