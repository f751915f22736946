//! A command ends once: with a result, an error, a signal or a crash. Whoever comes first says so.

use std::sync::atomic::{AtomicBool, Ordering};

static CLAIMED: AtomicBool = AtomicBool::new(false);

/// Whether the caller is the one that ends the command and writes to standard output.
pub(crate) fn claim() -> bool {
    !CLAIMED.swap(true, Ordering::SeqCst)
}

/// For the one that came second: the first one ends the process.
pub(crate) fn leave_it_to_the_other() -> ! {
    loop {
        std::thread::park();
    }
}
