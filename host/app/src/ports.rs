//! What loading needs from the world: memory, what lies elsewhere, and Spin for what only its triggers can do.

use std::path::Path;

use serde_json::Value;
use spin_deployer_manifest::Reference;

use crate::memory::{DigestMemory, NoMemory};

/// The world as [`crate::load`] sees it. By default there is none: nothing is remembered, nothing can be fetched.
#[derive(Clone, Copy)]
pub struct Ports<'a> {
    /// Digests of the app's own files.
    pub memory: &'a dyn DigestMemory,
    /// What the app refers to that is not in its folder.
    pub remotes: &'a dyn Remotes,
    /// Composes what only a trigger can.
    pub triggers: &'a dyn TriggerComposer,
}

impl Default for Ports<'_> {
    fn default() -> Self {
        Self {
            memory: &NoMemory,
            remotes: &NoRemotes,
            triggers: &NoTriggerComposer,
        }
    }
}

impl std::fmt::Debug for Ports<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").finish_non_exhaustive()
    }
}

/// Wasm that a manifest names by where it can be had. Checked as far as its text goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remote {
    /// `{ url = "https://…", digest = "sha256:…" }`
    Url {
        /// Absolute, `http` or `https`.
        url: url::Url,
        /// `sha256:` and 64 hexadecimal digits.
        digest: String,
    },
    /// `{ registry = "example.com", package = "acme:shop", version = "1.0.0" }`
    Package {
        /// `None` is what the user's configuration says for the package.
        registry: Option<String>,
        /// `namespace:name`.
        package: String,
        /// One version in full (`1.0.0`, `=1.0.0`), or what is required of it in the words of semver, always with an
        /// operator or an asterisk (`^1.0.0`, `>=1.2, <2`, `1.*`): then the highest that matches is meant.
        version: String,
    },
}

/// For messages: a URL without its query, which may hold a permission.
impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Url { url, .. } => {
                let origin = url.origin().ascii_serialization();
                write!(f, "{origin}{}", url.path())
            }
            Self::Package {
                package, version, ..
            } => write!(f, "{package}@{version}"),
        }
    }
}

/// Why something is not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    /// A stable word for scripts, as in [`crate::Finding::code`].
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub message: String,
    /// What to do about it; may be empty.
    pub help: String,
}

/// Gets what lies elsewhere, and keeps it: a second time nothing is sent.
pub trait Remotes: Sync {
    /// Where everything that was fetched is: each content in `blobs/sha256/<64 digits>`. The loader verifies what it
    /// takes from there.
    fn folder(&self) -> &Path;

    /// Digests of the files in that folder.
    fn memory(&self) -> &dyn DigestMemory {
        &NoMemory
    }

    /// Brings all of `wanted` into the folder, and returns the digest of each, in the same order. Blocks.
    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>>;

    /// Brings the image that `reference` names into the folder, with all its blobs, and returns the digest of its
    /// manifest. Blocks.
    ///
    /// # Errors
    /// Why it is not here.
    fn image(&self, reference: &Reference) -> Result<String, RemoteError>;

    /// Takes a content out of the folder that is not what its digest says, so that it is fetched when it is asked for
    /// again. The loader does both, once, before it gives up.
    fn discard(&self, digest: &str) {
        let _ = digest;
    }
}

/// Fetches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRemotes;

impl NoRemotes {
    fn error() -> RemoteError {
        RemoteError {
            code: "offline",
            message: "nothing can be fetched here".to_owned(),
            help: String::new(),
        }
    }
}

impl Remotes for NoRemotes {
    fn folder(&self) -> &Path {
        Path::new("")
    }

    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
        wanted.iter().map(|_| Err(Self::error())).collect()
    }

    fn image(&self, _: &Reference) -> Result<String, RemoteError> {
        Err(Self::error())
    }
}

/// Composes dependencies of triggers (middleware), which only the trigger knows how to do.
pub trait TriggerComposer: Sync {
    /// The component's Wasm with the dependencies of its trigger in it. `locked` is the app as Spin writes it, with
    /// `file://` URLs of this machine. Blocks.
    ///
    /// # Errors
    /// Why that is impossible, and a way out.
    fn compose(
        &self,
        trigger_type: &str,
        component: &str,
        locked: &Value,
    ) -> Result<Vec<u8>, RemoteError>;
}

/// Composes nothing: there is no Spin.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTriggerComposer;

impl TriggerComposer for NoTriggerComposer {
    fn compose(&self, trigger_type: &str, _: &str, _: &Value) -> Result<Vec<u8>, RemoteError> {
        Err(RemoteError {
            code: "needs-spin",
            message: format!(
                "dependencies of a `{trigger_type}` trigger are composed by Spin, and SPIN_BIN_PATH does not say where Spin is"
            ),
            help: "run it as `spin deploy`, or name Spin's binary in SPIN_BIN_PATH".to_owned(),
        })
    }
}
