//! One Ed25519 key, as `openssl genpkey -algorithm ed25519` writes it: PKCS#8 (RFC 5958, RFC 8410) in PEM.
//!
//! Its memory is cleared when it is dropped, and nothing here can be shown: no `Debug`, and no error that repeats what it
//! is about.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519::pkcs8::spki::der::pem::LineEnding;
use ed25519::pkcs8::{
    ALGORITHM_OID, EncodePrivateKey as _, KeypairBytes, ObjectIdentifier, PrivateKeyInfoRef,
    SecretDocument,
};
use ed25519_dalek::{Signer as _, SigningKey};
use spin_deployer_manifest::Secret;
use zeroize::Zeroizing;

/// Of a PKCS#8 document of such a key, in bytes: behind these there is at most what is no secret.
const SECRET_PART: usize = 48;

/// A private key.
pub(crate) struct Key {
    key: SigningKey,
    /// The first line of what is between the first and the last line of its PEM.
    line: Secret,
}

/// Why a text is no key that can be used. What it says begins with `it`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("it is no PEM: nothing in it begins with `-----BEGIN`")]
    NoPem,
    #[error("it is a pair of keys as Bindle's own client keeps it, and PKCS#8 in PEM is wanted")]
    Pair,
    #[error("it is encrypted, and nobody is asked for its passphrase")]
    Encrypted,
    #[error("it is in OpenSSH's own format, and PKCS#8 is wanted")]
    OpenSsh,
    #[error("it is a public key, and signing takes the private one")]
    Public,
    #[error("it is a key for {0}, and signing takes one for Ed25519")]
    Algorithm(String),
    #[error("it is no private key, but a `{0}`")]
    Other(String),
    #[error("it is damaged, or its lines have been joined")]
    Damaged,
    #[error("it is damaged: its private and its public half do not belong together")]
    Halves,
}

impl KeyError {
    /// What to do next.
    pub(crate) fn help(&self) -> String {
        let new = how_to_make("FILE");
        match self {
            Self::Encrypted => format!(
                "decrypt it into a file that only you can read, with `openssl pkey -in OLD -out FILE`; or {new}"
            ),
            Self::Pair => format!("turn it into one as docs/cli.md says under \"Keys\"; or {new}"),
            _ => new,
        }
    }
}

/// How a new key is made in `file`.
pub(crate) fn how_to_make(file: &str) -> String {
    format!(
        "make one with `spin-deployer key create {file}` or `openssl genpkey -algorithm ed25519`"
    )
}

impl Key {
    /// The first key in this text. PKCS#8 of version 1, and of version 2 with its public key.
    ///
    /// # Errors
    /// It is something else; what, says the error.
    pub(crate) fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, block) = first(text)?;
        match label {
            "PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "OPENSSH PRIVATE KEY" => return Err(KeyError::OpenSsh),
            "PUBLIC KEY" => return Err(KeyError::Public),
            "RSA PRIVATE KEY" => return Err(KeyError::Algorithm("RSA".to_owned())),
            "EC PRIVATE KEY" | "EC PARAMETERS" => {
                return Err(KeyError::Algorithm("ECDSA".to_owned()));
            }
            other => return Err(KeyError::Other(other.to_owned())),
        }
        let (_, document) = SecretDocument::from_pem(block).map_err(|_| KeyError::Damaged)?;
        let document = document.as_bytes();
        let info = PrivateKeyInfoRef::try_from(document).map_err(|_| KeyError::Damaged)?;
        if info.algorithm.oid != ALGORITHM_OID {
            return Err(KeyError::Algorithm(algorithm(&info.algorithm.oid)));
        }
        let pair = KeypairBytes::try_from(info).map_err(|_| KeyError::Damaged)?;
        let key = SigningKey::try_from(&pair).map_err(|_| KeyError::Halves)?;
        let part = &document[..document.len().min(SECRET_PART)];
        Ok(Self {
            key,
            line: Secret::new(BASE64_STANDARD.encode(part)),
        })
    }

    /// A new key, as the PEM that [`Self::from_pem`] and OpenSSL read: version 1, as OpenSSL writes it itself.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn generate() -> std::io::Result<Zeroizing<String>> {
        let mut pair = KeypairBytes {
            secret_key: [0; 32],
            public_key: None,
        };
        getrandom::fill(&mut pair.secret_key).map_err(std::io::Error::other)?;
        pair.to_pkcs8_pem(LineEnding::LF)
            .map_err(std::io::Error::other)
    }

    /// The public key.
    pub(crate) fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The signature of `message` (RFC 8032, Ed25519).
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// How the key is written where somebody writes it down: its bytes in base64, and the line of its PEM file.
    pub(crate) fn spellings(&self) -> [Secret; 2] {
        let bytes = Zeroizing::new(self.key.to_bytes());
        [
            Secret::new(BASE64_STANDARD.encode(*bytes)),
            self.line.clone(),
        ]
    }
}

/// The label of the first block of a PEM, and the block itself from its first to its last line.
fn first(text: &str) -> Result<(&str, &str), KeyError> {
    let Some(begin) = text.find("-----BEGIN ") else {
        return Err(match is_pair(text) {
            true => KeyError::Pair,
            false => KeyError::NoPem,
        });
    };
    let block = &text[begin..];
    let label = block["-----BEGIN ".len()..]
        .split_once("-----")
        .ok_or(KeyError::Damaged)?
        .0;
    // Without the end of its first line, what follows would be taken for what it is called, and shown.
    let plain = |b: u8| matches!(b, b'A'..=b'Z' | b'0'..=b'9' | b' ');
    if !label.bytes().all(plain) {
        return Err(KeyError::Damaged);
    }
    let last = format!("-----END {label}-----");
    // Without its end it may still be told what it is.
    let end = block.find(&last).map_or(block.len(), |at| at + last.len());
    Ok((label, &block[..end]))
}

/// Both halves in base64, alone or as `keypair` in a `secret_keys.toml`.
fn is_pair(text: &str) -> bool {
    let mut words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    words.any(|word| {
        let bytes = BASE64_STANDARD.decode(word).map(Zeroizing::new);
        bytes.is_ok_and(|bytes| bytes.len() == 64)
    })
}

/// What people call it.
fn algorithm(oid: &ObjectIdentifier) -> String {
    let oid = oid.to_string();
    let name = match oid.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => "RSA",
        "1.2.840.10045.2.1" => "ECDSA",
        "1.2.840.10040.4.1" => "DSA",
        "1.3.101.110" => "X25519",
        "1.3.101.111" => "X448",
        "1.3.101.113" => "Ed448",
        _ => return format!("algorithm {oid}"),
    };
    name.to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;

    /// RFC 8410, section 10.3.
    pub(crate) const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    /// The same key with its public half, and with an attribute.
    const PEM_2: &str = "-----BEGIN PRIVATE KEY-----\n\
        MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n\
        Z9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PRIVATE KEY-----\n";
    /// Of the same section.
    pub(crate) const PUBLIC: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

    fn error(text: &str) -> KeyError {
        Key::from_pem(text).err().unwrap()
    }

    #[rstest]
    #[case::version_1(PEM.to_owned())]
    #[case::version_2(PEM_2.to_owned())]
    #[case::windows(PEM.replace('\n', "\r\n"))]
    #[case::no_line_at_the_end(PEM.trim_end().to_owned())]
    #[case::words_before_it(format!("Bag Attributes\n    friendlyName: ci\n{PEM}"))]
    #[case::another_behind_it(format!("{PEM}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))]
    fn a_key_of_the_standard_is_read(#[case] text: String) {
        let key = Key::from_pem(&text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(BASE64_STANDARD.encode(key.public()), PUBLIC);
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let seed = "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=";
        let mut document = BASE64_STANDARD.decode("MC4CAQAwBQYDK2VwBCIEIA==").unwrap();
        document.extend(BASE64_STANDARD.decode(seed).unwrap());
        let body = BASE64_STANDARD.encode(document);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let key = Key::from_pem(&pem).unwrap_or_else(|e| panic!("{e}"));
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(
            hex(&key.public()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            hex(&key.sign(&[0x72])),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        let spelled = key.spellings();
        assert_eq!(spelled.each_ref().map(Secret::expose), [seed, &body]);
    }

    #[test]
    fn a_new_key_is_another_each_time_and_is_read_again() {
        let [one, other] = [(); 2].map(|()| Key::generate().unwrap());
        assert!(*one != *other);
        let public = |pem: &str| {
            Key::from_pem(pem)
                .unwrap_or_else(|e| panic!("{e}"))
                .public()
        };
        assert_ne!(public(&one), public(&other));
        assert_eq!(one.len(), PEM.len());
    }

    #[rstest]
    #[case("", KeyError::NoPem)]
    #[case("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB me@here", KeyError::NoPem)]
    #[case("TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=", KeyError::NoPem)]
    #[case(
        "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==",
        KeyError::Pair
    )]
    #[case(
        "version = \"1.0\"\n[[key]]\nlabel = \"ci\"\nkeypair = \"TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA==\"\nroles = [\"creator\"]",
        KeyError::Pair
    )]
    #[case(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBK\n-----END ENCRYPTED PRIVATE KEY-----",
        KeyError::Encrypted
    )]
    #[case(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n-----END OPENSSH PRIVATE KEY-----",
        KeyError::OpenSsh
    )]
    #[case(
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----",
        KeyError::Public
    )]
    #[case("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----", KeyError::Algorithm("RSA".into()))]
    #[case("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----", KeyError::Algorithm("ECDSA".into()))]
    #[case("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", KeyError::Other("CERTIFICATE".into()))]
    // Keys of openssl's for other algorithms, in PKCS#8.
    #[case("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----", KeyError::Algorithm("X25519".into()))]
    #[case("-----BEGIN PRIVATE KEY-----\nMEcCAQAwBQYDK2VxBDsEOUuH1zlnsQp3JU3k3hzwFhKpxVuAGoNpjEnLAoEvhFvX\nEMmkYSn2ztJPMg0s1gQE7AjQwV1Yx0HLPA==\n-----END PRIVATE KEY-----", KeyError::Algorithm("Ed448".into()))]
    #[case("-----BEGIN PRIVATE KEY-----", KeyError::Damaged)]
    // Its first line has no end.
    #[case(
        "-----BEGIN PRIVATE KEY\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp\n-----END PRIVATE KEY-----",
        KeyError::Damaged
    )]
    #[case(
        "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----",
        KeyError::Damaged
    )]
    // As a shell without quotes leaves it, and as a file of variables has it.
    #[case(
        "-----BEGIN PRIVATE KEY----- MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC -----END PRIVATE KEY-----",
        KeyError::Damaged
    )]
    #[case(
        "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\\n-----END PRIVATE KEY-----\\n",
        KeyError::Damaged
    )]
    // The public half of another key.
    #[case(
        "-----BEGIN PRIVATE KEY-----\nMFECAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\ngSEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PRIVATE KEY-----",
        KeyError::Halves
    )]
    fn what_is_no_such_key_is_told_what_it_is_and_how_to_get_one(
        #[case] text: &str,
        #[case] expected: KeyError,
    ) {
        assert_eq!(error(text), expected);
        let help = expected.help();
        assert!(help.contains("spin-deployer key create FILE"), "{help}");
        assert!(
            help.contains("openssl genpkey -algorithm ed25519"),
            "{help}"
        );
        assert!(!expected.to_string().contains("MC4C"));
    }
}
