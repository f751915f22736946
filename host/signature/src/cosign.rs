//! Signatures of cosign, by key: a manifest under a tag that the digest of what is signed gives its name, and in it a
//! layer a signature. The layer is the text that was signed, which says the digest; the signature is an annotation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Verifier as _;
use serde::Deserialize;
use serde::de::IgnoredAny;
use spin_deployer_manifest::Line;
use spin_deployer_oci::{Descriptor, Document};
use spin_deployer_publish::{Digest, quote};

use crate::key::{Key, Kind, PublicKey};
use crate::{SignatureError, Signed};

/// In bytes, of the text that is signed.
pub const MAX_PAYLOAD: u64 = 64 << 10;
/// Of one manifest: everybody who signs it adds one.
pub const MAX_CANDIDATES: usize = 64;

const MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const ANNOTATION: &str = "dev.cosignproject.cosign/signature";
const TYPE: &str = "cosign container image signature";
/// In bytes of base64: one of RSA, beside ours, is longer than one of P-256.
const MAX_SIGNATURE: usize = 4 << 10;

/// The tag that the signatures of `manifest` lie under, in its own repository.
pub fn cosign_tag(manifest: &Digest) -> String {
    format!("sha256-{}.sig", manifest.hex())
}

/// What could be a signature: fetch the layer, and see with [`verify_cosign`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Of the text that is signed, a blob of the same repository.
    pub payload: Digest,
    /// Of the text in bytes, at most [`MAX_PAYLOAD`].
    pub size: u64,
    /// In base64, as [`verify_cosign`] takes it.
    pub signature: String,
}

impl Candidate {
    fn of(layer: &Descriptor) -> Option<Self> {
        let signature = layer.annotations.get(ANNOTATION)?;
        let fits = layer.media_type == MEDIA_TYPE
            && layer.size <= MAX_PAYLOAD
            && signature.len() <= MAX_SIGNATURE;
        fits.then(|| Self {
            payload: layer.digest.clone(),
            size: layer.size,
            signature: signature.clone(),
        })
    }
}

/// What could be a signature in the manifest under [`cosign_tag`], at least one and at most [`MAX_CANDIDATES`]. Layers
/// of another kind do not count.
///
/// # Errors
/// When there is none, or when there are too many.
pub fn candidates(manifest: &Document) -> Result<Vec<Candidate>, SignatureError> {
    let Document::Image { layers, .. } = manifest else {
        return Err(SignatureError::malformed(
            Kind::Cosign,
            "there is an index of images in its place",
        ));
    };
    let found: Vec<Candidate> = layers.iter().filter_map(Candidate::of).collect();
    match found.len() {
        0 => Err(SignatureError::Missing(Kind::Cosign)),
        1..=MAX_CANDIDATES => Ok(found),
        more => Err(SignatureError::malformed(
            Kind::Cosign,
            format!(
                "there are {more} of them, and {MAX_CANDIDATES} are the most that are looked at"
            ),
        )),
    }
}

/// Checks that `key` signed `payload`, and that it says `manifest`, the digest of what the signature is wanted for.
///
/// # Errors
/// When it did not or does not, or when that is no signature.
pub fn verify_cosign(
    key: &PublicKey,
    payload: &[u8],
    signature_base64: &str,
    manifest: &Digest,
) -> Result<Signed, SignatureError> {
    let Key::Cosign { key: ours, .. } = &key.key else {
        return Err(SignatureError::WrongKind {
            key: key.id(),
            kind: Kind::Cosign,
        });
    };
    let wrong = |why: &str| SignatureError::malformed(Kind::Cosign, why);
    if signature_base64.is_empty() {
        return Err(SignatureError::Missing(Kind::Cosign));
    }
    if signature_base64.len() > MAX_SIGNATURE || payload.len() as u64 > MAX_PAYLOAD {
        return Err(wrong("it is longer than any"));
    }
    let bytes = STANDARD
        .decode(signature_base64)
        .map_err(|_| wrong("it is no base64"))?;
    let signature = Signature::from_der(&bytes).map_err(|_| wrong("it is none of ECDSA P-256"))?;
    ours.verify(payload, &signature)
        .map_err(|_| SignatureError::OtherKey {
            wanted: key.id(),
            signed_by: None,
        })?;
    // Only now: what nobody vouches for is not read.
    let Payload { critical, .. } = serde_json::from_slice(payload).map_err(|error| {
        wrong(&format!(
            "its text is another one: {}",
            quote(&error.to_string())
        ))
    })?;
    if critical.kind != TYPE {
        return Err(wrong("its text is for something else"));
    }
    if critical.image.digest != *manifest {
        return Err(SignatureError::OtherDigest {
            signed: critical.image.digest,
            wanted: manifest.clone(),
        });
    }
    Ok(Signed {
        comment: critical.identity.reference,
    })
}

/// The first of the signatures, each a text and its signature in base64, that [`verify_cosign`] accepts: there may be
/// those of others beside ours.
///
/// # Errors
/// What is wrong with the one that is nearest to a good one, if it is none.
pub fn verify_any_cosign<P: AsRef<[u8]>, S: AsRef<str>>(
    key: &PublicKey,
    signatures: impl IntoIterator<Item = (P, S)>,
    manifest: &Digest,
) -> Result<Signed, SignatureError> {
    let nearness = |error: &SignatureError| match error {
        SignatureError::OtherDigest { .. } => 3,
        SignatureError::OtherKey { .. } => 2,
        SignatureError::Missing(_) => 0,
        _ => 1,
    };
    let mut nearest = SignatureError::Missing(Kind::Cosign);
    for (payload, signature) in signatures {
        match verify_cosign(key, payload.as_ref(), signature.as_ref(), manifest) {
            Ok(signed) => return Ok(signed),
            Err(error) if nearness(&error) > nearness(&nearest) => nearest = error,
            Err(_) => {}
        }
    }
    Err(nearest)
}

/// A text in the format "simple signing" of containers. Whatever it has more than this could narrow what it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    critical: Critical,
    /// For people and other tools.
    #[serde(rename = "optional", default)]
    _optional: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: Line,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: Digest,
}
