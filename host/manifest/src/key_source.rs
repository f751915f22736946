//! Where a signing key is: in a file, or in the value itself.
//!
//! A key in the value may come from an environment variable only: a command line and a file beside the app are read by
//! others. Who reads the value knows where it comes from and sees to that; here the two are told apart, so that a key is
//! never taken for a path, which errors repeat.

use std::path::PathBuf;

use crate::secret::Secret;

/// What is in every PEM.
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
    /// Tells a key from a path by what is in it, wherever: files of variables keep quotes, and some tools write a comment
    /// in front of a key.
    pub(crate) fn of(given: &str) -> Self {
        let text = given.trim();
        let marked = [PEM, ALGORITHM, WRAPPED].iter().any(|m| text.contains(m));
        match marked || text.contains(['\n', '\r']) || is_bare(text) {
            true => Self::Text(Secret::new(text.to_owned())),
            false => Self::File(given.into()),
        }
    }
}

/// Whether this is 32 bytes in base64, or 64, as programs keep keys that have no use for documents.
fn is_bare(text: &str) -> bool {
    let text = text.trim_matches(['"', '\'']);
    let digits = text.trim_end_matches('=');
    let digit = |b: u8| b.is_ascii_alphanumeric() || b"+/-_".contains(&b);
    matches!((digits.len(), text.len()), (43, 44) | (86, 88)) && digits.bytes().all(digit)
}
