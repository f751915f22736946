//! Who signed a plugin: publishers' keys and their signatures, without I/O.
//!
//! Two tools that publishers have already:
//! - [minisign] signs a file, an Ed25519 signature in a text file beside it: [`verify_minisign`]. Only the prehashed kind
//!   counts, which minisign makes since 0.8 and by default since 0.10.
//! - [cosign] signs what lies in a registry, by its digest, with a key of ECDSA P-256: [`verify_cosign`]. What is read is
//!   the kind that lies under a tag of its own, [`cosign_tag`], as layers of a manifest, [`candidates`]; neither
//!   certificates nor a transparency log count.
//!
//! A signature says that who has a key vouches for these bytes. Whose key it is, and whether that is reason enough to run
//! them, is the caller's matter: here is no list of trusted keys, and the keys of a signature file or of a manifest in a
//! registry are never looked at.
//!
//! ```
//! use spin_deployer_signature::{PublicKey, SignatureError, verify_minisign};
//!
//! let key: PublicKey = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM".parse()?;
//! assert_eq!(key.id().to_string(), "minisign key 7588429F62ACAEB7");
//!
//! let signature = "untrusted comment: signature from minisign secret key
//! RUS3rqxin0KIdXJC+XzJ7avWUk5nVgf/Lb7Htk4SDJjAX0jGpjW+LbMYBYKjd7sBkI4SN+ACqcW4y7vJn31k9XqGTEE1QqojLQc=
//! trusted comment: timestamp:1767225600\tfile:c.wasm\thashed
//! Eyf6zdWcyrC9hnrwnJe+8o7JBVfwAofvqv3GgpzwkCv7TycDR4blY58K6Xyolh7JX0QQszLN3OEkLw6c8l6kDw==
//! ";
//! let signed = verify_minisign(&key, b"a component\n", signature)?;
//! assert_eq!(signed.comment.as_str(), "timestamp:1767225600 file:c.wasm hashed");
//! let refused = verify_minisign(&key, b"another component\n", signature);
//! assert!(matches!(refused, Err(SignatureError::OtherBytes { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [minisign]: https://jedisct1.github.io/minisign/
//! [cosign]: https://docs.sigstore.dev/cosign/

mod cosign;
mod error;
mod key;
mod minisign;
mod proof;

pub use cosign::{
    Candidate, MAX_CANDIDATES, MAX_PAYLOAD, candidates, cosign_tag, verify_any_cosign,
    verify_cosign,
};
pub use error::SignatureError;
pub use key::{KeyError, KeyId, Kind, PublicKey};
pub use minisign::{MAX_SIGNATURE_FILE, minisign_file, verify_minisign};
pub use proof::{CosignSignature, MAX_PROOF, Proof};

use spin_deployer_manifest::Line;

/// What a good signature says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What the signer says that it is: minisign's trusted comment, with a space for each tab, or the reference that
    /// cosign signed. Covered by the signature, shown, and compared with nothing; may be empty.
    pub comment: Line,
}
