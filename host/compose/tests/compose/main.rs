//! What composition promises, on components that run.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod hostile;
mod inherit;
mod listener;
mod matching;
mod modules;
mod sets;
mod stable;
mod support;
