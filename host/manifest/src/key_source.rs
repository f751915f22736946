//! Where a signing key is: in a file, or in the value itself.
//!
//! A key in the value may come from an environment variable only: a command line and a file beside the app are read by
//! others. Who reads the value knows where it comes from and sees to that; here the two are told apart, so that a key is
//! never taken for a path, which errors repeat.

use std::path::PathBuf;

use crate::secret::Secret;

/// How PEM begins.
const PEM: &str = "-----BEGIN";

/// What is in a PKCS#8 document of an Ed25519 key, in base64, behind its length and version: which algorithm it is for.
const ALGORITHM: &str = "wBQYDK2Vw";

/// How a PEM file begins that is in base64 once more.
const WRAPPED: &str = "LS0tLS1CRUdJ";

/// The value of an option of kind signing-key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The file that holds it. The path as the user wrote it, never empty.
    File(PathBuf),
    /// The key itself, as PEM where it is one that can be used.
    Text(Secret),
}

impl KeySource {
    /// Tells a key from a path by how it begins.
    pub(crate) fn of(given: &str) -> Self {
        let text = given.trim();
        // Without its first line it is no PEM any more, but certainly no path either.
        let bare = text.starts_with('M') && text.get(7..).is_some_and(|t| t.starts_with(ALGORITHM));
        match text.starts_with(PEM) || text.starts_with(WRAPPED) || bare {
            true => Self::Text(Secret::new(text.to_owned())),
            false => Self::File(given.into()),
        }
    }
}
