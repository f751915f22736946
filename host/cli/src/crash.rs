//! A panic of the host itself: one line, exit status 70, no backtrace.

use std::io::Write as _;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use spin_deployer_deploy::{Code, Deployer, Error};

use crate::{ending, json};

/// What a crash must not lose.
static RUNNING: OnceLock<Arc<Deployer>> = OnceLock::new();

/// The longest that its audit lines may take: the locks in their way may be those of the thread that crashed.
const LAST_LINES: Duration = Duration::from_millis(700);

/// From now on a crash writes the audit lines of what `deployer` has under way.
pub(crate) fn keep(deployer: Arc<Deployer>) {
    let _ = RUNNING.set(deployer);
}

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
        last_lines();
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

fn last_lines() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.swap(true, Ordering::SeqCst) {
        return;
    }
    let Some(deployer) = RUNNING.get().cloned() else {
        return;
    };
    let (said, wait) = mpsc::channel();
    let writer = std::thread::Builder::new().spawn(move || {
        deployer.end();
        let _ = said.send(());
    });
    if writer.is_ok() {
        let _ = wait.recv_timeout(LAST_LINES);
    }
}
