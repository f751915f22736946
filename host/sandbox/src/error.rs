//! What can go wrong, by who is to blame: the code, the plugin, a limit.

use thiserror::Error;
use wasmtime::Trap;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::FieldMapError;

use crate::bindings::spin_deployer::api::failures;
use crate::{Limit, LimitKind, Limits};

/// Why code could not become a [`crate::Plugin`].
#[derive(Debug, Error)]
pub enum Error {
    /// wasmtime does not run on this machine.
    #[error("WebAssembly cannot be run on this machine")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Not a component, or one with features that are not enabled.
    #[error("not a WebAssembly component that can be compiled")]
    Compile(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More of something than is compiled at all. In words, without a full stop.
    #[error("{0}")]
    Shape(String),
    /// Compiling it took too long. Displays as a predicate.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// Compiled code whose digest is not its own.
    #[error("the compiled code is damaged")]
    Damaged,
    /// Compiled code of another engine.
    #[error("the compiled code does not fit this engine")]
    Load(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A component that is no plugin for this host. In words, without a full stop.
    #[error("{0}")]
    Interface(String),
}

/// Why a call of a plugin has no result.
#[derive(Debug, Error)]
pub enum CallError {
    /// The plugin says so.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// It broke a limit. Displays as a predicate: `exceeded its memory limit of 256 MiB`.
    #[error(transparent)]
    Limit(#[from] Limit),
    /// It ended without an answer. How, in words, without a full stop.
    #[error("{0}")]
    Crash(String),
    /// It does not export what was called, or not as it is defined. In words, without a full stop.
    #[error("{0}")]
    Interface(String),
    /// It asked for what the host refuses. A predicate: `wants the user to log in at …`.
    #[error("{0}")]
    Refused(String),
    /// What the user named could not be mounted; the plugin did not run.
    #[error("cannot give {path} to the plugin")]
    Mount {
        /// As the user named it.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A failure that the plugin reports.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PluginError {
    /// Which exit status and which advice it leads to.
    pub kind: PluginErrorKind,
    /// One sentence in the user's words, no trailing full stop.
    pub message: String,
    /// What the platform said.
    pub detail: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

/// The contract's cases of `error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginErrorKind {
    /// The value of the option of this name cannot be used.
    InvalidOption(String),
    /// The platform does not know who is asking.
    Unauthenticated,
    /// The platform knows who is asking and refuses.
    Forbidden,
    /// Not there.
    NotFound,
    /// Somebody else was faster.
    Conflict,
    /// The app cannot run there.
    UnsupportedApp,
    /// Worth trying again.
    Unavailable,
    /// Any other.
    Failed,
}

impl PluginError {
    /// With what only the host knows of it, where the plugin knows no better.
    pub(crate) fn because(mut self, why: &str) -> Self {
        if self.kind == PluginErrorKind::Failed {
            self.detail = Some(match self.detail {
                Some(detail) => format!("{detail}: {why}"),
                None => why.to_owned(),
            });
        }
        self
    }
}

impl From<failures::Error> for PluginError {
    fn from(error: failures::Error) -> Self {
        use failures::Error as E;
        let (kind, failure) = match error {
            E::InvalidOption((option, failure)) => {
                (PluginErrorKind::InvalidOption(option), failure)
            }
            E::Unauthenticated(failure) => (PluginErrorKind::Unauthenticated, failure),
            E::Forbidden(failure) => (PluginErrorKind::Forbidden, failure),
            E::NotFound(failure) => (PluginErrorKind::NotFound, failure),
            E::Conflict(failure) => (PluginErrorKind::Conflict, failure),
            E::UnsupportedApp(failure) => (PluginErrorKind::UnsupportedApp, failure),
            E::Unavailable(failure) => (PluginErrorKind::Unavailable, failure),
            E::Failed(failure) => (PluginErrorKind::Failed, failure),
        };
        let failures::Failure {
            message,
            detail,
            hint,
        } = failure;
        Self {
            kind,
            message,
            detail,
            hint,
        }
    }
}

/// What ends a call from inside a host function, carried through wasmtime as the cause of the trap.
#[derive(Debug, Error)]
pub(crate) enum Stop {
    #[error("limit")]
    Limit(LimitKind),
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Interface(String),
}

impl Stop {
    /// An export of the right name and the wrong type: of a plugin that was not built from the contract.
    pub(crate) fn interface(error: &wasmtime::Error) -> Self {
        Self::Interface(format!(
            "it does not implement the interface as it is defined: {error:#}"
        ))
    }
}

/// Turns the end of a call into what the user is told. `out_of_memory`: the plugin was refused memory before, so that
/// whatever it did next (most languages abort) is that limit and nothing else.
pub(crate) fn explain(error: &wasmtime::Error, out_of_memory: bool, limits: &Limits) -> CallError {
    let limit = |kind| CallError::Limit(limits.limit(kind));
    match error.downcast_ref::<Stop>() {
        Some(Stop::Limit(kind)) => return limit(*kind),
        Some(Stop::Refused(why)) => return CallError::Refused(why.clone()),
        Some(Stop::Interface(why)) => return CallError::Interface(why.clone()),
        None => {}
    }
    if out_of_memory {
        return limit(LimitKind::Memory);
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return limit(LimitKind::Resources);
    }
    if let Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig) =
        error.downcast_ref()
    {
        return limit(LimitKind::HeaderFields);
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return CallError::Crash(format!(
            "it exited with status {status} instead of answering"
        ));
    }
    let cause = error.root_cause().to_string();
    // wasmtime has no types for these two.
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return limit(LimitKind::HostCallData);
    }
    if cause.contains("store handle limit exceeded") {
        return limit(LimitKind::Handles);
    }
    CallError::Crash(match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => "it panicked or aborted".to_owned(),
        Some(Trap::StackOverflow) => "its stack overflowed".to_owned(),
        Some(Trap::MemoryOutOfBounds) => {
            "it reached outside of its memory, as after a stack overflow".to_owned()
        }
        _ => cause,
    })
}
