//! The way of a release, against a Hippo in memory that does what is known of the real one: what it does not do by itself
//! (start what was changed, refuse a number that is there) above all.
#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

mod answers;
mod breaks;
mod lists;
mod logs;
mod old;
mod races;
mod release;
mod runner;
mod server;
mod session;
