//! Plugins, compiled code and saved secrets on disk.
//!
//! - [`bundled`]: the plugins inside this binary. They have no privilege; they are here so that one file works offline.
//! - [`Installed`]: the plugins that the user installed, and components that locks refer to.
//! - [`Agreed`]: what the user agreed to, for each digest of a plugin.
//! - [`CompiledCode`]: what the compiler made of a plugin, kept so that the next start compiles nothing.
//! - [`SavedSecrets`]: what a login left, for the next runs.
//! - [`Directories`]: where files of ours lie. All of it is optional: without a home nothing is kept, and all works.

mod agreed;
pub mod bundled;
mod compiled;
mod directories;
mod folder;
mod installed;
mod plugins_error;
mod secrets;

pub use agreed::{Agreed, AgreedPlugin};
pub use compiled::{CompiledCode, StoreError, VerifiedCode};
pub use directories::Directories;
pub use installed::{Installed, LARGEST_COMPONENT, component_name, proof_name};
pub use plugins_error::PluginsError;
pub use secrets::{Binding, Removed, SavedSecret, SavedSecrets, SecretsError};
