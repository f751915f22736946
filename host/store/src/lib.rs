//! First-party plugins, compiled code and saved secrets on disk.
//!
//! - [`bundled`]: the plugins inside this binary. They have no privilege; they are here so that one file works offline.
//! - [`CompiledCode`]: what the compiler made of a plugin, kept so that the next start compiles nothing.
//! - [`SavedSecrets`]: what a login left, for the next runs.
//! - [`Directories`]: where files of ours lie. All of it is optional: without a home nothing is kept, and all works.

pub mod bundled;
mod compiled;
mod directories;
mod secrets;

pub use compiled::{CompiledCode, StoreError};
pub use directories::Directories;
pub use secrets::{Binding, Removed, SavedSecret, SavedSecrets, SecretsError};
