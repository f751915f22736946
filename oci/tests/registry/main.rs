//! The distribution protocol against registries that follow a script: every request is one that the script expects.
#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

mod access;
mod blob;
mod pull;
mod push;
mod resume;
mod script;
mod tags;
mod upload;
