//! The way of a deploy: load, resolve, admit, plan, deploy, wait, report. Free of terminal code.
//!
//! [`Target::resolve`] finds the plugin, [`Deployer`] runs it against an app, the [`report`] types are what comes of it
//! and an [`Observer`] sees what happens meanwhile. One command reads in [`Deployer`] from top to bottom:
//!
//! | step | decided in |
//! |---|---|
//! | load the app and the plugin | `loading`, `code` |
//! | resolve target and options | `target`, `resolution`, `configuration`, `values`, `logins` |
//! | agree to the plugin | `consent`, `lock` |
//! | admit the app | `admission` |
//! | connect it to the world | `ports`, `mounts`, `secrets`, `signing` |
//! | run it | `spin_deployer_sandbox`, every request through `spin_deployer_egress` |
//! | wait until it answers | `readiness` |
//!
//! Commands about plugins, of the crate `plugins`, stand on a [`Workbench`].

mod admission;
mod audit;
mod bounded;
mod build;
mod code;
mod compatibility;
mod configuration;
mod consent;
mod convert;
mod deployer;
mod environment;
mod error;
mod failure;
mod inspect;
mod kept;
mod loading;
mod lock;
mod logins;
mod logout;
mod mounts;
mod observer;
mod policy;
mod ports;
mod questions;
mod readiness;
mod remotes;
pub mod report;
mod resolution;
mod secret_file;
mod secrets;
mod signing;
mod spin;
mod target;
mod values;
mod workbench;

pub use consent::Agreeing;
pub use deployer::{Deployer, Landed, Removal, Request};
pub use environment::Environment;
pub use error::{Code, Error};
pub use inspect::Inspection;
pub use loading::AppRequest;
pub use lock::{FILE as LOCK_FILE, LockFile};
pub use logout::{logout, logout_all};
pub use observer::{Event, Observer};
pub use policy::{Asked, Oversight};
pub use remotes::{Fetching, unfetched};
pub use resolution::{BUILT_IN, Found, Search};
pub use signing::{create_key, show_key};
pub use spin_deployer_egress::UNGUARDED;
pub use target::Target;
pub use workbench::Workbench;
