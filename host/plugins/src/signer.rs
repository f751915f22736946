//! Whose signature a plugin needs, and whether it has it.
//!
//! A key is known from the user (`--key`), from what was there before (the lock and what is installed: the key that was
//! trusted the first time), from the entry of a catalog, or from a policy, in this order. With a key known, a signature
//! that is missing is a bad one. Two of them that differ are an error that names both: only the user can say that a
//! publisher has a new key.

use std::path::Path;
use std::str::FromStr as _;

use spin_deployer_deploy::{Code, Error};
use spin_deployer_grants::Policies;
use spin_deployer_signature::{Proof, PublicKey, SignatureError};

use crate::files;

/// Of a file with a key, in bytes.
const LARGEST_KEY: u64 = 4 << 10;

/// What is known of who signs a plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys {
    /// What the user typed.
    pub(crate) typed: Option<PublicKey>,
    /// Who signed those that were there before, and where that stands.
    pub(crate) earlier: Vec<(PublicKey, String)>,
    /// What the catalog says, and which catalog that is.
    pub(crate) catalog: Option<(PublicKey, String)>,
}

/// A good signature.
#[derive(Debug, Clone)]
pub(crate) struct Signer {
    pub(crate) key: PublicKey,
    /// What the signer wrote under it; may be empty.
    pub(crate) comment: String,
}

/// The key that the user named: a file, or the key itself.
///
/// # Errors
/// It is none.
pub(crate) fn key(text: &str, folder: &Path) -> Result<PublicKey, Error> {
    let unusable = |error: spin_deployer_signature::KeyError| {
        Error::new(Code::Usage, "--key names no key of a publisher").detail(error.to_string())
    };
    let path = folder.join(text);
    if !text.contains(':') && path.is_file() {
        let bytes = files::read_text(&path, LARGEST_KEY)?.unwrap_or_default();
        return PublicKey::from_str(&bytes).map_err(unusable);
    }
    PublicKey::from_str(text).map_err(unusable)
}

/// The key that an earlier version was signed with, as a lock keeps it.
///
/// # Errors
/// It is none: nobody could have signed with it.
pub(crate) fn recorded(text: &str, place: &str) -> Result<PublicKey, Error> {
    PublicKey::from_str(text).map_err(|error| {
        Error::new(Code::Usage, format!("the signer in {place} is no key"))
            .detail(error.to_string())
    })
}

impl Keys {
    /// The keys of which one has to have signed it; none where a signature is not looked for.
    ///
    /// # Errors
    /// Two that differ are known, and the user named none.
    pub(crate) fn wanted(&self, name: &str, policies: &Policies) -> Result<Vec<PublicKey>, Error> {
        if let Some(typed) = &self.typed {
            return Ok(vec![typed.clone()]);
        }
        let mut known = self.earlier.iter().chain(&self.catalog);
        let Some((key, place)) = known.next() else {
            return Ok(policies.signers().into_iter().collect());
        };
        match known.find(|(other, _)| other != key) {
            None => Ok(vec![key.clone()]),
            Some((new, other)) => Err(Error::new(
                Code::Denied,
                format!("the publisher of `{name}` has another key than before"),
            )
            .detail(format!("{place}: {key}\n{other}: {new}"))
            .help(accept(new))),
        }
    }
}

fn accept(key: &PublicKey) -> String {
    format!(
        "if you know from the publisher, in another way than the one that this came by, that it is theirs: --key {key}"
    )
}

/// Looks for a good signature of one of these keys.
///
/// # Errors
/// What is wrong with the one that is there, or that there is none.
pub(crate) fn verify(
    name: &str,
    wanted: &[PublicKey],
    proof: Option<&Proof>,
    wasm: &[u8],
) -> Result<Option<Signer>, Error> {
    let mut refused = None;
    for key in wanted {
        let checked = match proof {
            Some(proof) => proof.verify(key, wasm),
            None => Err(SignatureError::Missing(key.kind())),
        };
        match checked {
            Ok(signed) => {
                return Ok(Some(Signer {
                    key: key.clone(),
                    comment: signed.comment.as_str().to_owned(),
                }));
            }
            Err(error) => refused = refused.or(Some((key, error))),
        }
    }
    match refused {
        None => Ok(None),
        Some((key, error)) => Err(unsigned(name, key, &error)),
    }
}

fn unsigned(name: &str, key: &PublicKey, error: &SignatureError) -> Error {
    let told = Error::new(
        Code::Denied,
        format!("`{name}` is not signed by its publisher, {}", key.id()),
    )
    .detail(error.to_string());
    match error {
        SignatureError::OtherKey { .. } => told.help(
            "if the publisher has a new key, and you know so in another way than the one that this came by, name it: --key KEY",
        ),
        _ => told.help("do not install it before its publisher has signed it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";
    const OTHER: &str = "minisign:RWQeYNpqrOJHZg0mHUqFKsHUIuCjyPEz0ovTwn11dV8kT/9rF1l80kDo";
    const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUS3rqxin0KIdXJC+XzJ7avWUk5nVgf/Lb7Htk4SDJjAX0jGpjW+LbMYBYKjd7sBkI4SN+ACqcW4y7vJn31k9XqGTEE1QqojLQc=
trusted comment: timestamp:1767225600\tfile:c.wasm\thashed
Eyf6zdWcyrC9hnrwnJe+8o7JBVfwAofvqv3GgpzwkCv7TycDR4blY58K6Xyolh7JX0QQszLN3OEkLw6c8l6kDw==
";

    fn known(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    fn place(text: &str, place: &str) -> Option<(PublicKey, String)> {
        Some((known(text), place.to_owned()))
    }

    #[test]
    fn the_user_decides_before_what_was_there_and_that_before_the_catalog() {
        let policies = Policies::default();
        let wanted = |keys: &Keys| keys.wanted("shelf", &policies).unwrap();
        let mut keys = Keys::default();
        assert!(wanted(&keys).is_empty());
        keys.catalog = place(OTHER, "the catalog `acme`");
        assert_eq!(wanted(&keys), [known(OTHER)]);
        keys.earlier.extend(place(KEY, "deployer.lock"));
        let error = keys.wanted("shelf", &policies).unwrap_err();
        assert_eq!(error.code, Code::Denied);
        let detail = error.detail.unwrap();
        assert!(detail.contains(KEY) && detail.contains(OTHER), "{detail}");
        assert!(error.help.unwrap().contains(&format!("--key {OTHER}")));
        keys.catalog = None;
        keys.earlier.extend(place(OTHER, "plugins.toml"));
        keys.wanted("shelf", &policies).unwrap_err();
        keys.typed = Some(known(OTHER));
        assert_eq!(wanted(&keys), [known(OTHER)]);
    }

    #[test]
    fn a_signature_counts_for_these_bytes_and_one_of_these_keys() {
        let proof = Some(&Proof::Minisign(SIGNATURE.to_owned()));
        let check = |keys: &[PublicKey], proof: Option<&Proof>, wasm: &[u8]| {
            verify("shelf", keys, proof, wasm)
        };
        let (key, other) = (known(KEY), known(OTHER));
        let both = [other.clone(), key.clone()];
        let signer = check(&both, proof, b"a component\n").unwrap().unwrap();
        assert_eq!(signer.key, key);
        assert!(signer.comment.contains("file:c.wasm"));
        assert!(check(&[], None, b"").unwrap().is_none());
        for (keys, proof, wasm) in [
            (vec![key.clone()], proof, &b"another"[..]),
            (vec![key.clone()], None, b"a component\n"),
            (vec![other.clone()], proof, b"a component\n"),
        ] {
            let error = check(&keys, proof, wasm).unwrap_err();
            assert_eq!(error.code, Code::Denied);
        }
        let changed = check(&[other], proof, b"a component\n").unwrap_err();
        assert!(changed.help.unwrap().contains("--key"));
    }

    #[test]
    fn a_key_is_a_file_or_the_key_itself() {
        let folder = tempfile::tempdir().unwrap();
        let base64 = KEY.trim_start_matches("minisign:");
        let text = format!("untrusted comment: minisign public key\n{base64}\n");
        std::fs::write(folder.path().join("minisign.pub"), text).unwrap();
        for named in ["minisign.pub", KEY, base64] {
            assert_eq!(key(named, folder.path()).unwrap(), known(KEY));
        }
        assert_eq!(
            key("other.pub", folder.path()).unwrap_err().code,
            Code::Usage
        );
    }
}
