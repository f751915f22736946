//! What it costs that everything is checked: the same deploys by a program without any check, in the same run.

use std::path::Path;

use anyhow::Result;

use super::page::median;
use super::peer::{Peer, deployer};
use super::registry::Registry;
use super::sample;
use crate::shell::Shell;

/// Seconds of all rounds.
pub(crate) struct Guard {
    guarded: Times,
    unguarded: Times,
}

#[derive(Default)]
struct Times {
    first: Vec<f64>,
    again: Vec<f64>,
}

/// Builds the program without checks beside the other, and lets both deploy in turn. `folder` has the application.
pub(crate) fn measure(shell: &Shell, folder: &Path, rounds: u8) -> Result<Guard> {
    let target = shell.path("target/unguarded");
    shell.cargo([
        "--config",
        "build.rustflags=['--cfg','unguarded']",
        "build",
        "--locked",
        "--release",
        "--package",
        "spin-deployer",
        "--target-dir",
        &target.display().to_string(),
    ])?;
    let hello = shell.path("examples/hello");
    let with = shell.sibling("../release/spin-deployer")?;
    let without = target.join("release/spin-deployer");
    let with = deployer("with all checks", &with, folder, &hello);
    let without = deployer("without any", &without, folder, &hello);
    let mut guard = Guard {
        guarded: Times::default(),
        unguarded: Times::default(),
    };
    // Whoever is second finds a warmer machine, so they take turns at that too.
    for round in 1..=rounds {
        let both = [
            (&with, &mut guard.guarded),
            (&without, &mut guard.unguarded),
        ];
        let mut both = Vec::from(both);
        if round % 2 == 0 {
            both.reverse();
        }
        for (peer, times) in both {
            push(peer, folder, times)?;
            let last = |times: &[f64]| times.last().copied().unwrap_or_default();
            eprintln!(
                "round {round}, {}: {:.3} s, again {:.3} s",
                peer.name,
                last(&times.first),
                last(&times.again)
            );
        }
    }
    Ok(guard)
}

fn push(peer: &Peer, folder: &Path, times: &mut Times) -> Result<()> {
    let registry = Registry::start(folder)?;
    peer.prepare(&registry)?;
    times
        .first
        .push(sample(&mut peer.push(registry.address()))?.seconds);
    times
        .again
        .push(sample(&mut peer.push(registry.address()))?.seconds);
    Ok(())
}

impl Guard {
    /// Medians, a line a program.
    pub(crate) fn table(&self) -> String {
        let Times { first, again } = &self.unguarded;
        let (first, again) = (median(first.clone()), median(again.clone()));
        let mut text = format!(
            "Medians of {} rounds, of the application and the pushes above.\n\n\
             | | first push | of unguarded | repeated | of unguarded |\n|---|---:|---:|---:|---:|\n",
            self.guarded.first.len()
        );
        for (name, times) in [
            ("with all checks", &self.guarded),
            ("without any", &self.unguarded),
        ] {
            let (own_first, own_again) = (median(times.first.clone()), median(times.again.clone()));
            text += &format!(
                "| {name} | {own_first:.3} s | {:.3} | {own_again:.3} s | {:.3} |\n",
                own_first / first,
                own_again / again
            );
        }
        text
    }
}
