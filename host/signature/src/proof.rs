//! A signature as it is kept beside a component, so that it can be checked again wherever the component is used, offline.

use serde::{Deserialize, Serialize};
use spin_deployer_oci::Document;
use spin_deployer_publish::Digest;

use crate::key::{Kind, PublicKey};
use crate::{SignatureError, Signed, verify_any_cosign, verify_minisign};

/// In bytes, of [`Proof::to_json`]: a manifest, and every signature that is looked at.
pub const MAX_PROOF: u64 = 16 << 20;

/// What there is of signatures of one component. Nobody has looked at them yet: see [`Proof::verify`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Proof {
    /// What stands in a `.minisig`.
    Minisign(String),
    /// What cosign left in a registry.
    Cosign {
        /// The manifest that is signed, and that names the component: all of its text.
        manifest: String,
        /// Each text and its signature in base64.
        signatures: Vec<CosignSignature>,
    },
}

/// A text that says a manifest's digest, and who signed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosignSignature {
    /// What was signed.
    pub payload: String,
    /// Of the payload, in base64.
    pub signature: String,
}

impl Proof {
    /// Checks that `key` signed this component.
    ///
    /// # Errors
    /// When it did not, or when that is no signature.
    pub fn verify(&self, key: &PublicKey, component: &[u8]) -> Result<Signed, SignatureError> {
        let (manifest, signatures) = match self {
            Self::Minisign(text) => return verify_minisign(key, component, text),
            Self::Cosign {
                manifest,
                signatures,
            } => (manifest, signatures),
        };
        let digest = Digest::of(manifest.as_bytes());
        let signatures = signatures.iter().map(|one| (&one.payload, &one.signature));
        let signed = verify_any_cosign(key, signatures, &digest)?;
        // Only now: what nobody vouches for is not read.
        let wanted = Digest::of(component);
        match Document::parse(manifest.as_bytes()) {
            Ok(Document::Image { layers, .. }) => match &layers[..] {
                [only] if only.digest == wanted => Ok(signed),
                [other] => Err(SignatureError::OtherDigest {
                    signed: other.digest.clone(),
                    wanted,
                }),
                _ => Err(no_component("it has not one layer")),
            },
            Ok(Document::Index(_)) => Err(no_component("it is an index")),
            Err(error) => Err(no_component(&error.to_string())),
        }
    }

    /// As it is kept.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What [`Self::to_json`] wrote. `None`: something else.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

fn no_component(why: &str) -> SignatureError {
    SignatureError::malformed(
        Kind::Cosign,
        format!("what is signed is no manifest of a component: {why}"),
    )
}
