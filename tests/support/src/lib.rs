//! What several suites of tests stand on: the apps of `tests/apps`, and a host that runs them.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on says where"
)]

mod apps;
mod host;

pub use apps::app;
pub use host::Host;
