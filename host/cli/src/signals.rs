//! SIGINT and SIGTERM: say what is already on the platform, and end within a second.
//!
//! A thread of its own waits for them, because everything else may be busy: threads that hash cannot be interrupted,
//! and a plugin may compute. The process then ends without waiting for any of them.

use std::io;
use std::sync::mpsc;
use std::time::Duration;
#[cfg(unix)]
use std::{future::poll_fn, task::Poll};

/// A signal that ends the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// What Spin sends to its plugin on Ctrl-C, and what a CI runner sends.
    #[cfg_attr(not(unix), expect(dead_code, reason = "Windows has none"))]
    Terminate,
}

impl Signal {
    /// 128 and the signal's number, as a shell has it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// The longest that the last words may take, whatever locks or pipes are in their way.
const LAST_WORDS: Duration = Duration::from_millis(700);

/// Ends the process with `last_words` at the first signal.
///
/// # Errors
/// The signals cannot be listened to.
pub(crate) fn listen(last_words: impl FnOnce(Signal) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            let signal = runtime.block_on(signals.next());
            let (said, wait) = mpsc::channel();
            let speaker = std::thread::Builder::new().spawn(move || {
                last_words(signal);
                let _ = said.send(());
            });
            if speaker.is_ok() {
                let _ = wait.recv_timeout(LAST_WORDS);
            }
            std::process::exit(signal.exit_code().into());
        })?;
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            // Who waits for a key takes any signal for Ctrl-C, and raises another: the first one counts.
            if self.terminate.poll_recv(context).is_ready() {
                Poll::Ready(Signal::Terminate)
            } else if self.interrupt.poll_recv(context).is_ready() {
                Poll::Ready(Signal::Interrupt)
            } else {
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) -> Signal {
        self.0.recv().await;
        Signal::Interrupt
    }
}
