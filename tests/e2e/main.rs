//! The promises of `spin-deployer`, kept against real servers: one file a promise, on top of `harness`.
//!
//! The servers come from Debian (`docker-registry`, `skopeo`, `htpasswd`, `minisign`) and from `tests/servers`, the application from
//! `examples/hello`; `cargo xtask test` brings and builds what is missing. Without them a test fails; none is skipped.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod harness;

mod adverse;
mod again;
mod apps;
mod bad_input;
mod bindle;
mod broken;
mod ci_templates;
mod compatibility;
mod credentials;
mod dependencies;
mod destroy;
mod harness_itself;
mod hippo;
#[path = "../hostile/mod.rs"]
mod hostile;
mod interface_versions;
mod interrupted;
mod keys;
mod local;
mod locked;
mod login;
mod login_with_password;
mod middleware;
mod outputs;
mod plugins;
mod policy;
mod push;
mod readiness;
mod report;
mod servers;
mod third_party;
mod trust;
mod upgrades;
