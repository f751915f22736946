//! The versions of the contract that this host speaks, all at once: a module each, and a folder of `wit/`.
//!
//! The newest is the host's own language. An older one is said in it: what its plugins import is answered by the newest's
//! implementation, and what they export returns what the newest's exports do. So nobody else asks how old a plugin is.

mod guest;
mod newest;
mod v0_1;

use std::sync::Arc;

use wasmtime::component::{InstancePre, Linker};

pub(crate) use guest::{Answer, Guest, Running};

use crate::state::State;

/// One version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contract {
    V0_1,
    V0_2,
}

impl Contract {
    /// Oldest first.
    pub(crate) const ALL: [Self; 2] = [Self::V0_1, Self::V0_2];

    pub(crate) const NEWEST: Self = Self::V0_2;

    /// The package's, in this version's folder.
    pub(crate) const fn number(self) -> semver::Version {
        match self {
            Self::V0_1 => semver::Version::new(0, 1, 0),
            Self::V0_2 => semver::Version::new(0, 2, 0),
        }
    }

    /// Whether `releases` has `removal`.
    pub(crate) const fn tells_removal(self) -> bool {
        !matches!(self, Self::V0_1)
    }

    /// Whether there is an interface `logs`.
    pub(crate) const fn has_logs(self) -> bool {
        !matches!(self, Self::V0_1)
    }

    /// Links what plugins of this version import, and nothing of another.
    pub(crate) fn link(self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        match self {
            Self::V0_1 => v0_1::link(linker),
            Self::V0_2 => newest::link(linker),
        }
    }

    /// What a plugin of this version exports.
    pub(crate) fn guest(self, pre: &InstancePre<State>) -> wasmtime::Result<Arc<dyn Guest>> {
        Ok(match self {
            Self::V0_1 => Arc::new(v0_1::Exports::find(pre, self)?),
            Self::V0_2 => Arc::new(newest::Exports::find(pre, self)?),
        })
    }
}
