//! The protocol against a server that keeps what it is given, as real ones do, and breaks where it is told to.
#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

mod access;
mod app;
mod broken;
mod model;
#[path = "../parts/mod.rs"]
mod parts;
mod push;
mod taken;
