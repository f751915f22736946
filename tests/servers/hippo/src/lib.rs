//! A stand-in for Hippo, the .NET server: the same answers to the same requests, faults included, for tests of deployers.
//!
//! It is not Hippo. `README.md` beside this crate says what it does as Hippo does, and what nobody has seen Hippo do.
//!
//! One request is one call of [`Hippo::answer`], which knows no sockets; [`listen`] puts it on three of them.

mod accounts;
mod apps;
mod bindle;
mod body;
mod certificates;
mod channels;
mod control;
mod failure;
mod health;
mod hippo;
pub mod listen;
mod message;
mod page;
mod revisions;
mod routes;
mod rule;
mod running;
mod scheduler;
mod settings;
mod state;
mod statuses;
mod storages;
mod validation;

pub use hippo::Hippo;
pub use message::{Answer, Call};
pub use settings::{Api, AppInfo, Doubt, Nomad, Settings};
