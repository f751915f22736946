//! What a creator's signature is over.
//!
//! As servers verify it: the signer, the name, the version, the role and the digests of the parcels, in their order, a
//! line each. The time is not part of it, whatever the specification says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::invoice::{Invoice, InvoiceError, Signature};

const ROLE: &str = "creator";
const SEPARATOR: &str = "~";

/// What makes a key known to a server: lines of TOML for the file that it was given as its keyring.
///
/// # Errors
/// None that the arguments could cause.
pub fn keyring_entry(by: &str, key: &[u8; 32]) -> Result<String, InvoiceError> {
    #[derive(Serialize)]
    struct Keyring<'a> {
        key: [Key<'a>; 1],
    }
    #[derive(Serialize)]
    struct Key<'a> {
        label: &'a str,
        roles: [&'a str; 1],
        key: String,
    }
    let key = Key {
        label: by,
        roles: [ROLE],
        key: STANDARD.encode(key),
    };
    toml::to_string(&Keyring { key: [key] }).map_err(|error| InvoiceError::new(&error))
}

/// A text to be signed with Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedText {
    by: String,
    text: String,
}

impl SignedText {
    /// Of an invoice, signed by its creator. `by` is one line: `Jane Doe <jane@example.com>`.
    pub fn of(invoice: &Invoice, by: &str) -> Self {
        let head = &invoice.bindle;
        let mut lines = vec![by, &head.name, &head.version, ROLE, SEPARATOR];
        lines.extend(invoice.parcel.iter().map(|p| p.label.sha256.as_str()));
        Self {
            by: by.to_owned(),
            text: lines.join("\n"),
        }
    }

    /// What the signature is over.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The signature as an invoice has it. `at` is in seconds since 1970.
    pub fn signed(self, key: &[u8; 32], signature: &[u8; 64], at: u64) -> Signature {
        Signature {
            by: self.by,
            signature: STANDARD.encode(signature),
            key: STANDARD.encode(key),
            role: ROLE.to_owned(),
            at,
        }
    }
}
