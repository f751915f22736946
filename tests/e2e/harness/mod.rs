//! What the tests stand on: real servers on loopback, applications on disk, and the binary in a clean environment.

pub(crate) mod app;
pub(crate) mod arrived;
pub(crate) mod certificate;
pub(crate) mod expected;
pub(crate) mod http1;
pub(crate) mod minisign;
pub(crate) mod namespace;
pub(crate) mod plugin;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod servers;
pub(crate) mod skopeo;
pub(crate) mod spin;
pub(crate) mod terminal;
pub(crate) mod token;
pub(crate) mod web;

use std::time::Duration;

/// How long anything here may take before it counts as hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(bytes);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
