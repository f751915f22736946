//! Signatures with the user's key, which this plugin does not see.
//!
//! An option of type `signing-key` names the key; [`options::signing_key`](crate::options::signing_key) is its public half.
//!
//! ```no_run
//! # use spin_deployer_sdk::{options, signing, Result};
//! # fn sign(statement: &str) -> Result<()> {
//! if let Some(public) = options::signing_key("shelf-key")? {
//!     let signature: [u8; 64] = signing::sign("shelf-key", statement.as_bytes())?;
//! }
//! # Ok(()) }
//! ```

use crate::bindings::signing;
use crate::{Error, Result};

/// How long a message may be, in bytes.
pub const LONGEST: usize = 1 << 20;

/// The Ed25519 signature of `message` with the key of this option. Deterministic: equal messages, equal signatures.
///
/// # Errors
/// `failed` in any other call than `deploy`, of a message longer than [`LONGEST`], after 1 000 signatures in one call, and where
/// the option has no value or is of another type.
pub fn sign(option: &str, message: &[u8]) -> Result<[u8; 64]> {
    let signature = signing::sign(option, message)?;
    signature
        .try_into()
        .map_err(|_| Error::failed("the host made a signature that is not of 64 bytes"))
}
