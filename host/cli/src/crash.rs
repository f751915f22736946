//! A panic of the host itself: one line, exit status 70, no backtrace.

use std::io::Write as _;
use std::panic;

use spin_deployer_deploy::{Code, Error};

use crate::{ending, json};

/// Replaces what Rust does on a panic, in all threads. Only the place is told: what a panic says may hold values,
/// and a value may be a secret.
pub(crate) fn install(as_json: bool) {
    panic::set_hook(Box::new(move |panicked| {
        let place = panicked
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let error = Error::new(
            Code::Crashed,
            format!("spin-deployer itself crashed at {place}"),
        )
        .help("this is a mistake in it: please report it with this line");
        let exit = Code::Crashed.exit_code();
        // Not through the screen: its locks may be what this thread holds.
        let help = error.help.as_deref().unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "\nerror: {}\n  help: {help}",
            error.message
        );
        if as_json && ending::claim() {
            let _ = std::io::stdout().write_all(json::error(&error, None, exit, None).as_bytes());
        }
        std::process::exit(exit.into());
    }));
}
