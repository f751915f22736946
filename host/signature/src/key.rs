//! Publishers' keys, and what they are called.

use std::{cmp::Ordering, fmt, hash, str::FromStr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::VerifyingKey;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, spki};
use serde::{Deserialize, Serialize};
use spin_deployer_publish::Digest;

/// In bytes. A file with a key and its comment.
const MAX_KEY: usize = 4 << 10;
/// What stands in front of the key in a `minisign.pub`.
pub(crate) const UNTRUSTED: &str = "untrusted comment: ";
/// minisign's name for Ed25519.
const ED25519: [u8; 2] = *b"Ed";
/// Algorithm, number and key.
const MINISIGN_KEY: usize = 2 + 8 + 32;
/// What minisign keeps to sign with.
const MINISIGN_SECRET: usize = 158;

/// The tools that sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Ed25519 over a file.
    Minisign,
    /// ECDSA P-256 over the digest of what lies in a registry.
    Cosign,
}

impl Kind {
    /// `minisign` or `cosign`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minisign => "minisign",
            Self::Cosign => "cosign",
        }
    }

    /// How a publisher makes a signature that is read here.
    pub(crate) fn how(self) -> &'static str {
        match self {
            Self::Minisign => "with `minisign -S -m FILE`",
            Self::Cosign => {
                "with `cosign sign --key cosign.key REFERENCE`, and since cosign 3 also with `--new-bundle-format=false \
                 --use-signing-config=false`"
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a key is called where people compare it. Of minisign it is the number that the key has in its own file, which
/// anybody could give to another key; so keys are compared, and their names shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyId {
    /// As minisign shows it: 16 hexadecimal digits.
    Minisign(u64),
    /// The digest of the key in DER, as a `SubjectPublicKeyInfo` of RFC 5280.
    Cosign(Digest),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minisign(number) => write!(f, "minisign key {number:016X}"),
            Self::Cosign(digest) => write!(f, "cosign key {digest}"),
        }
    }
}

/// A text that is no key. No variant repeats it: it could be the private one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The other half.
    #[error(
        "this is a private key, which nobody but the publisher may have: name the public one, `minisign.pub` or `cosign.pub`"
    )]
    Private,
    /// None of the forms there are.
    #[error(
        "this is no public key: write `minisign:RWQ…` or `cosign:MFkw…`, or give the contents of a `minisign.pub` or `cosign.pub`"
    )]
    Unknown,
    /// A key of minisign, but for what is wrong with it.
    #[error("this is no public key of minisign: {0}; copy it again from the publisher")]
    Minisign(&'static str),
    /// A key of cosign, but for what is wrong with it.
    #[error("this is no public key of cosign: {0}; copy it again from the publisher")]
    Cosign(&'static str),
    /// A key for something else.
    #[error(
        "this is a public key, and none of ECDSA P-256: use one that `cosign generate-key-pair` makes"
    )]
    Algorithm,
}

/// The public half of a publisher's key. `Display` is its one text form, `minisign:RWQ…` or `cosign:MFkw…`; equal keys
/// have equal texts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey {
    text: String,
    pub(crate) key: Key,
}

#[derive(Clone)]
pub(crate) enum Key {
    Minisign {
        key: minisign_verify::PublicKey,
        number: u64,
    },
    Cosign {
        key: Box<VerifyingKey>,
        digest: Digest,
    },
}

impl PublicKey {
    /// Whose signatures it checks.
    pub fn kind(&self) -> Kind {
        match self.key {
            Key::Minisign { .. } => Kind::Minisign,
            Key::Cosign { .. } => Kind::Cosign,
        }
    }

    /// What it is called.
    pub fn id(&self) -> KeyId {
        match &self.key {
            Key::Minisign { number, .. } => KeyId::Minisign(*number),
            Key::Cosign { digest, .. } => KeyId::Cosign(digest.clone()),
        }
    }

    /// The standard base64 of a `minisign.pub`.
    fn minisign(base64: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD
            .decode(base64)
            .map_err(|_| KeyError::Minisign("it is no base64"))?;
        if bytes.len() == MINISIGN_SECRET {
            return Err(KeyError::Private);
        }
        let (Some(number), true) = (number(&bytes), bytes.len() == MINISIGN_KEY) else {
            return Err(KeyError::Minisign("it has another length"));
        };
        if !bytes.starts_with(&ED25519) {
            return Err(KeyError::Minisign("it is none of Ed25519"));
        }
        let key = minisign_verify::PublicKey::from_base64(base64)
            .map_err(|_| KeyError::Minisign("it cannot be read"))?;
        Ok(Self {
            text: format!("{}:{base64}", Kind::Minisign),
            key: Key::Minisign { key, number },
        })
    }

    fn cosign(read: Result<VerifyingKey, spki::Error>) -> Result<Self, KeyError> {
        let malformed = |_| KeyError::Cosign("it is broken");
        let key = read.map_err(|error| match error {
            spki::Error::OidUnknown { .. } => KeyError::Algorithm,
            other => malformed(other),
        })?;
        // One text a key, however its point was written.
        let der = key.to_public_key_der().map_err(malformed)?;
        Ok(Self {
            text: format!("{}:{}", Kind::Cosign, STANDARD.encode(der.as_bytes())),
            key: Key::Cosign {
                digest: Digest::of(der.as_bytes()),
                key: Box::new(key),
            },
        })
    }
}

/// The number after the algorithm, in keys and signatures of minisign.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    let number = bytes.get(ED25519.len()..)?.first_chunk()?;
    Some(u64::from_le_bytes(*number))
}

impl FromStr for PublicKey {
    type Err = KeyError;

    /// Reads the text form, what stands in a `minisign.pub` with or without its comment, or the PEM of a `cosign.pub`.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        if text.len() > MAX_KEY {
            return Err(KeyError::Unknown);
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::Private);
        }
        if let Some(base64) = text.strip_prefix("minisign:") {
            return Self::minisign(base64);
        }
        if let Some(base64) = text.strip_prefix("cosign:") {
            let der = STANDARD
                .decode(base64)
                .map_err(|_| KeyError::Cosign("it is no base64"))?;
            return Self::cosign(VerifyingKey::from_public_key_der(&der));
        }
        if text.starts_with(UNTRUSTED) {
            let lines: Vec<&str> = text.lines().collect();
            return match lines[..] {
                [_, base64] => Self::minisign(base64),
                _ => Err(KeyError::Minisign("its file has a comment and one line")),
            };
        }
        if text.starts_with("-----BEGIN ") {
            return Self::cosign(VerifyingKey::from_public_key_pem(text));
        }
        if text.starts_with("RW") {
            return Self::minisign(text);
        }
        Err(KeyError::Unknown)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.text
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl hash::Hash for PublicKey {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
