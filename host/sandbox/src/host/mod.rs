//! The contract's imports, from the host's side.

mod app;
pub(crate) mod disk;
mod options;
mod progress;
pub(crate) mod random;
mod signing;

#[allow(unreachable_pub)]
pub use progress::Step;

use crate::bindings::spin_deployer::api::failures::Failure;

/// A failure that is one sentence.
fn failure(message: String) -> Failure {
    Failure {
        message,
        detail: None,
        hint: None,
    }
}
