//! What it costs that everything is checked: the same deploys by a program without any check, in the same run.

use std::path::Path;

use anyhow::Result;

use super::page::median;
use super::peer::deployer;
use super::registry::Registry;
use super::sample;
use crate::shell::Shell;

/// How often each program pushes again what the registry has, in a round.
const AGAIN: usize = 20;

/// Seconds with all checks and without any, of one round.
type Pair = [f64; 2];

/// What all rounds took.
#[derive(Default)]
pub(crate) struct Guard {
    first: Vec<Pair>,
    again: Vec<Pair>,
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
    let memory = Path::new("/dev/shm");
    // A disk that writes back what the round before left is slower than any check.
    let storage = if memory.is_dir() { memory } else { folder };
    let mut guard = Guard::default();
    for round in 1..=rounds {
        // Whoever is second finds a warmer machine, so they take turns at that too.
        let mut order = [(0, &with), (1, &without)];
        if round % 2 == 0 {
            order.reverse();
        }
        let (mut first, mut again) = ([0.0; 2], [vec![], vec![]]);
        let registries = [Registry::start(storage)?, Registry::start(storage)?];
        for (index, peer) in order {
            peer.prepare(&registries[index])?;
            first[index] = sample(&mut peer.push(registries[index].address()))?.seconds;
        }
        for _ in 0..AGAIN {
            for (index, peer) in order {
                let sample = sample(&mut peer.push(registries[index].address()))?;
                again[index].push(sample.seconds);
            }
        }
        let again = again.map(median);
        eprintln!(
            "round {round}: first {first:.3?} s, again {again:.4?} s (with all checks, without any)"
        );
        guard.first.push(first);
        guard.again.push(again);
    }
    Ok(guard)
}

impl Guard {
    /// Medians, a line a program. The ratio is the median of the rounds' own ratios.
    pub(crate) fn table(&self) -> String {
        let of = |pairs: &[Pair], pick: fn(&Pair) -> f64| median(pairs.iter().map(pick).collect());
        let [first, again] = [&self.first, &self.again].map(|pairs| {
            let [with, without, ratio]: [fn(&Pair) -> f64; 3] =
                [|p| p[0], |p| p[1], |p| p[0] / p[1]];
            [of(pairs, with), of(pairs, without), of(pairs, ratio)]
        });
        format!(
            "Medians of {} rounds, of the application and the pushes above, to a registry in memory; {AGAIN} repeated \
             pushes a round.\n\n\
             | | first push | repeated |\n|---|---:|---:|\n\
             | with all checks | {:.3} s | {:.4} s |\n\
             | without any | {:.3} s | {:.4} s |\n\
             | ratio, round by round | {:.3} | {:.3} |\n",
            self.first.len(),
            first[0],
            again[0],
            first[1],
            again[1],
            first[2],
            again[2]
        )
    }
}
