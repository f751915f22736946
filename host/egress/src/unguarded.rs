//! What the checks cost can only be measured beside a program that has none. `RUSTFLAGS="--cfg unguarded"` builds it, for
//! `cargo xtask bench` and nobody else; no feature, variable, flag or file turns it on, and each place that asks for it
//! is decided by the compiler. The program says so in its version and in every run.
//!
//! Not done are then: the checks of URL, rule, policy and addresses, the search for secrets in both directions, the
//! counting of requests, and the audit log. Secrets still take the place of their placeholders, because without them
//! nothing is deployed.

/// Whether this is that program.
pub const UNGUARDED: bool = cfg!(unguarded);
