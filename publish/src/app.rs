//! What an application consists of.

use crate::Digest;

/// A component and its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its identifier in the locked application.
    pub id: String,
    /// The digest of its Wasm.
    pub wasm: Digest,
    /// The size of its Wasm, in bytes.
    pub wasm_size: u64,
    /// Its files.
    pub files: Vec<File>,
}

/// A file of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where the component finds it: relative, with `/` between its parts.
    pub path: String,
    /// What is in it.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
}
