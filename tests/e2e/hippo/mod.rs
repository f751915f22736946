//! The target `hippo`, with a real Bindle server and the stand-in for Hippo behind it, which is as strict as Hippo is.
//!
//! What the order of requests does to Hippo is shown request by request in the tests of the crate `spin-deployer-hippo`; that
//! nothing of it gets lost between the binary, the sandbox and the wire is shown here.

mod apps;
mod at_once;
mod breaks;
mod channel;
mod credentials;
mod deploys;
mod down;
mod many;
mod platform;
mod ready;
mod releases;
mod secrets;
mod tokens;
