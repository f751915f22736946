//! `cargo xtask`: everything that has to be done to this repository, on a machine that has nothing but rustup.

mod bench;
mod build;
mod dist;
mod fuzz;
mod shell;
mod test;

use anyhow::Result;
use clap::Parser;

use shell::Shell;

/// Work on Spin Deployer.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Task {
    /// Builds everything and deploys examples/hello with the target `local`.
    Demo,
    /// Runs all tests, after building what they deploy and bringing the servers that they talk to.
    Test {
        /// For the test runner: names of tests, flags.
        #[arg(last = true)]
        runner: Vec<String>,
    },
    /// Checks formatting and lints, for this machine and for the sandbox.
    Lint,
    /// Throws hostile input at the parsers; finds nothing if all is well.
    Fuzz(fuzz::Options),
    /// Packs the plugin `deployer` for this platform, as `spin plugins install` takes it.
    Dist(dist::Options),
    /// Measures loading and pushing beside what else is installed, and writes docs/performance.md.
    Bench(bench::Options),
}

fn main() -> Result<()> {
    let shell = Shell::at_root()?;
    match Task::parse() {
        Task::Demo => demo(&shell),
        Task::Test { runner } => test::run(&shell, &runner),
        Task::Lint => lint(&shell),
        Task::Fuzz(options) => fuzz::run(&shell, &options),
        Task::Dist(options) => dist::run(&shell, &options),
        Task::Bench(options) => bench::run(&shell, &options),
    }
}

fn demo(shell: &Shell) -> Result<()> {
    build::wasm_target(shell)?;
    build::example(shell)?;
    shell.cargo(["build", "--locked", "--package", "spin-deployer"])?;
    // Beside this very program, whatever the target folder is called.
    let deployer = shell.sibling("spin-deployer")?;
    for command in ["deploy", "status", "history"] {
        shell.run(&deployer, [command, "-f", "examples/hello"])?;
    }
    Ok(())
}

fn lint(shell: &Shell) -> Result<()> {
    build::wasm_target(shell)?;
    let alone = build::own_workspaces(shell)?;
    shell.cargo(["fmt", "--all", "--check"])?;
    for manifest in &alone {
        shell.cargo(["fmt", "--all", "--manifest-path", manifest, "--check"])?;
    }
    let deny = ["--", "-D", "warnings"];
    shell.cargo(
        ["clippy", "--locked", "--all-targets"]
            .into_iter()
            .chain(deny),
    )?;
    let wasm = ["--target", build::WASM];
    let mut sandboxed = vec!["clippy".to_owned(), "--locked".to_owned()];
    sandboxed.extend(
        build::sandboxed_packages(shell)?
            .into_iter()
            .flat_map(|p| ["--package".to_owned(), p]),
    );
    sandboxed.extend(wasm.into_iter().chain(deny).map(str::to_owned));
    shell.cargo(&sandboxed)?;
    for manifest in &alone {
        let line = ["clippy", "--locked", "--manifest-path", manifest];
        shell.cargo(line.into_iter().chain(wasm).chain(deny))?;
    }
    build::lint_servers(shell)
}
