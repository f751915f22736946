//! What a hostile plugin, server or component tries, and that it does not happen: the real binary, real components,
//! real listeners. One file a kind of attempt; `docs/security.md` lists them beside what stops them.
//!
//! A trap is a listener that nobody may reach. A test that expects silence of it has another listener that does hear
//! the plugin, so that no test passes because nothing was tried.

mod attempt;
mod listener;
mod network;

mod addresses;
mod answers;
mod bombs;
mod components;
mod concealed;
mod files;
mod headers;
mod isolation;
mod logins;
mod names;
pub(crate) mod planted;
mod redirects;
mod requests;
mod secrets;
mod signing;
mod table;
mod waiting;
