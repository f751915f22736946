//! Runs a plugin in wasmtime with nothing but what the contract names.
//!
//! [`Engine`] compiles and loads, [`Plugin`] is loaded code, and each of its calls runs in a store of its own that is
//! dropped afterwards. What a call may reach is what its [`Ports`] hold: the app, the values of options, the user's
//! screen, who signs for it, the way out, and the files that the user named. There are no sockets, no environment, no arguments and no
//! input; what the plugin prints comes back in the [`Outcome`]. [`Limits`] bound the rest, and a broken one is reported
//! by its own name.
//!
//! A plugin may have been built against any version of the contract that this host speaks; [`Interface`] says which, from
//! the component's bytes. What a call takes and returns is the newest's.
//!
//! This is the only crate that knows wasmtime. The world outside is traits here ([`App`], [`Options`], [`Progress`],
//! [`Signer`], [`Network`]); whoever calls connects them.
//!
//! ```no_run
//! # async fn example(wasm: &[u8], ports: spin_deployer_sandbox::Ports) -> Result<(), Box<dyn std::error::Error>> {
//! use spin_deployer_sandbox::{Engine, Limits, Verified};
//!
//! let engine = Engine::new()?;
//! let code = engine.compile(wasm, &Limits::default())?;
//! let plugin = engine.load(Verified::new(&code)?)?;
//! let outcome = plugin.plan(ports, Limits::default()).await;
//! for change in outcome.result? {
//!     println!("{:?} {} {}", change.action, change.kind, change.name);
//! }
//! # Ok(())
//! # }
//! ```

mod bindings;
mod clock;
mod content;
mod contract;
mod engine;
mod error;
mod host;
mod http;
mod interface;
mod limits;
mod memory;
mod mounts;
mod output;
mod plugin;
mod ports;
mod shape;
mod state;

pub use bindings::spin_deployer::api::app::{ComponentSource, File};
pub use bindings::spin_deployer::api::options::{Credential, Reference, Value};
pub use bindings::spin_deployer::api::types::{Action, Change, Expectation, Probe, Release, Route};
pub use engine::{Engine, Verified};
pub use error::{CallError, Error, PluginError, PluginErrorKind};
pub use interface::{Exports, Interface};
pub use limits::{Limit, LimitKind, Limits};
pub use mounts::Mount;
pub use plugin::{Outcome, Plugin, Session};
pub use ports::{
    App, Body, ContentInfo, Network, NetworkError, Options, Ports, Progress, Signer, StepEvent,
    Timeouts,
};
