//! The contract's imports, from the host's side.

mod app;
mod options;
mod progress;
pub(crate) mod random;

#[allow(unreachable_pub)]
pub use progress::Step;
