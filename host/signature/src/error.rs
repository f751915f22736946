//! What can be wrong with a signature.

use spin_deployer_publish::Digest;

use crate::key::{KeyId, Kind};

/// Why a signature does not say what was hoped for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is none.
    #[error("there is no signature: ask the publisher to sign it, {}", .0.how())]
    Missing(Kind),
    /// The key belongs to another tool.
    #[error(
        "a signature of {kind} is checked with a key of {kind}, and this is a {key}: name the publisher's key for {kind}"
    )]
    WrongKind {
        /// The key that was given.
        key: KeyId,
        /// What the signature is.
        kind: Kind,
    },
    /// It is no signature of this tool.
    #[error("it is no signature of {kind}: {why}; get it again, or ask the publisher for it")]
    Malformed {
        /// What it was read as.
        kind: Kind,
        /// What is wrong with it.
        why: String,
    },
    /// Made in the old way, over the bytes themselves.
    #[error(
        "it is a signature of minisign's old kind, which is not accepted: ask the publisher to sign it again with `minisign -S -H`"
    )]
    Legacy,
    /// Somebody signed it, and not this key.
    #[error("{}", other_key(wanted, signed_by.as_ref()))]
    OtherKey {
        /// The key that was trusted.
        wanted: KeyId,
        /// The key that the signature names. Nothing vouches for that name; cosign writes none.
        signed_by: Option<KeyId>,
    },
    /// It names the right key, which did not sign this.
    #[error(
        "it names the {key}, which did not sign these bytes with this comment: one of them was changed afterwards, or \
         somebody signs under the name of that key; get both again, and tell the publisher if that does not help"
    )]
    OtherBytes {
        /// The key that was trusted.
        key: KeyId,
    },
    /// A good signature of something else.
    #[error(
        "the key signed {signed}, and this is {wanted}: the signature belongs to another version or another plugin; ask \
         the publisher to sign this one"
    )]
    OtherDigest {
        /// What the key vouches for.
        signed: Digest,
        /// What is there.
        wanted: Digest,
    },
}

impl SignatureError {
    pub(crate) fn malformed(kind: Kind, why: impl Into<String>) -> Self {
        Self::Malformed {
            kind,
            why: why.into(),
        }
    }
}

fn other_key(wanted: &KeyId, signed_by: Option<&KeyId>) -> String {
    let signed_by = match signed_by {
        Some(other) => {
            format!("it is signed with the {other}, and the trusted one is the {wanted}")
        }
        None => format!(
            "it is signed with another key than the {wanted}, or was changed after it was signed"
        ),
    };
    format!(
        "{signed_by}: if the publisher has a new key, make sure of it in another way than the one that this came by, and name that key"
    )
}
