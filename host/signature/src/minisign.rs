//! Signatures of minisign: four lines of text beside a file.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{Error, Signature};
use spin_deployer_manifest::Line;

use crate::key::{Key, KeyId, Kind, PublicKey, UNTRUSTED, number};
use crate::{SignatureError, Signed};

/// In bytes: more than minisign's own longest comments.
pub const MAX_SIGNATURE_FILE: usize = 16 << 10;

const TRUSTED: &str = "trusted comment: ";
/// Over BLAKE2b-512 of the file, and over the file itself.
const PREHASHED: [u8; 2] = *b"ED";
const LEGACY: [u8; 2] = *b"Ed";
/// Algorithm, number of the key, and signature.
const SIGNATURE: usize = 2 + 8 + 64;

/// Where the signature of a file lies: `FILE.minisig`.
pub fn minisign_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// Checks that `key` signed `component`, and the comment in the signature file beside it.
///
/// # Errors
/// When it did not, or when that is no signature file.
pub fn verify_minisign(
    key: &PublicKey,
    component: &[u8],
    signature_file: &str,
) -> Result<Signed, SignatureError> {
    let Key::Minisign { key: ours, number } = &key.key else {
        return Err(SignatureError::WrongKind {
            key: key.id(),
            kind: Kind::Minisign,
        });
    };
    let file = File::parse(signature_file)?;
    if file.number != *number {
        return Err(SignatureError::OtherKey {
            wanted: key.id(),
            signed_by: Some(KeyId::Minisign(file.number)),
        });
    }
    if file.legacy {
        return Err(SignatureError::Legacy);
    }
    match ours.verify(component, &file.signature, false) {
        Ok(()) => Ok(Signed {
            comment: file.comment,
        }),
        Err(Error::UnexpectedAlgorithm) => Err(SignatureError::Legacy),
        Err(_) => Err(SignatureError::OtherBytes { key: key.id() }),
    }
}

struct File {
    signature: Signature,
    number: u64,
    legacy: bool,
    comment: Line,
}

impl File {
    /// Exactly one signature. The library's own reader looks past everything that follows the first.
    fn parse(text: &str) -> Result<Self, SignatureError> {
        let wrong = |why: &str| SignatureError::malformed(Kind::Minisign, why);
        if text.trim_ascii().is_empty() {
            return Err(SignatureError::Missing(Kind::Minisign));
        }
        if text.len() > MAX_SIGNATURE_FILE {
            return Err(wrong(&format!(
                "it has more than {MAX_SIGNATURE_FILE} bytes"
            )));
        }
        let lines: Vec<&str> = text.lines().collect();
        let is_first = |line: &&&str| line.starts_with(UNTRUSTED);
        if lines.iter().filter(is_first).count() > 1 {
            return Err(wrong("there is more than one signature in it"));
        }
        let [untrusted, signature, trusted, global] = lines[..] else {
            return Err(wrong(&format!(
                "the number of its lines is {} and not 4",
                lines.len()
            )));
        };
        if !untrusted.starts_with(UNTRUSTED) {
            return Err(wrong("it does not begin with `untrusted comment: `"));
        }
        let bytes = STANDARD
            .decode(signature)
            .map_err(|_| wrong("its second line is no base64"))?;
        let (Some(number), SIGNATURE) = (number(&bytes), bytes.len()) else {
            return Err(wrong("its second line has another length"));
        };
        let legacy = bytes.starts_with(&LEGACY);
        if !legacy && !bytes.starts_with(&PREHASHED) {
            return Err(wrong("it is of an algorithm that nobody knows"));
        }
        let comment = trusted
            .strip_prefix(TRUSTED)
            .ok_or_else(|| wrong("its third line does not begin with `trusted comment: `"))?;
        // minisign itself puts tabs between the parts of its own comment.
        let comment = Line::try_from(comment.replace('\t', " ")).map_err(|why| wrong(&why))?;
        let signature = Signature::decode(&[untrusted, signature, trusted, global].join("\n"))
            .map_err(|_| wrong("its fourth line is no signature"))?;
        Ok(Self {
            signature,
            number,
            legacy,
            comment,
        })
    }
}
