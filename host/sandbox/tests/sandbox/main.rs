//! What the sandbox promises, each promise against a plugin that breaks it.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod answers;
mod contents;
mod files;
mod interface;
mod isolation;
mod limits;
mod network;
mod older;
mod progress;
mod signing;
mod support;
