//! The command line of Spin Deployer: `spin-deployer`, or `spin deploy` and `spin deployer` where Spin starts it.
//!
//! [`parse`] makes the arguments into a command and a target, [`dispatch`] runs it through `spin_deployer_deploy`,
//! and [`terminal`] and [`json`] show what happens and what comes of it. Results go to standard output, everything
//! else to standard error.

mod arguments;
mod core_dump;
mod crash;
mod destroy;
mod dispatch;
mod ending;
mod interrupted;
mod json;
mod options;
mod outputs;
mod parse;
mod plugins;
mod scan;
mod signals;
mod terminal;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    core_dump::forbid();
    ExitCode::from(dispatch::run(std::env::args_os().collect()))
}
