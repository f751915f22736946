//! A signature of minisign is one by this key over these bytes, or it says what it is instead.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_signature::{
    KeyId, Kind, MAX_SIGNATURE_FILE, PublicKey, SignatureError, verify_minisign,
};

/// What minisign 0.11 wrote: two keys, and signatures of the first one.
const KEY: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";
const OTHER_KEY: &str = "minisign:RWQeYNpqrOJHZg0mHUqFKsHUIuCjyPEz0ovTwn11dV8kT/9rF1l80kDo";
const COSIGN_KEY: &str = "cosign:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQgbbLJqQZsE2DTcneS1Of4fAMLS9Us6uMuTUmI1PusCo0CGjOML1ebYx2420RAcUO+lvfq3RLNGYw8OVzFWww==";
const COMPONENT: &[u8] = b"a component\n";
const SIGNATURE: &str = "untrusted comment: signature from minisign secret key
RUS3rqxin0KIdXJC+XzJ7avWUk5nVgf/Lb7Htk4SDJjAX0jGpjW+LbMYBYKjd7sBkI4SN+ACqcW4y7vJn31k9XqGTEE1QqojLQc=
trusted comment: timestamp:1767225600\tfile:c.wasm\thashed
Eyf6zdWcyrC9hnrwnJe+8o7JBVfwAofvqv3GgpzwkCv7TycDR4blY58K6Xyolh7JX0QQszLN3OEkLw6c8l6kDw==
";
/// With `-l`.
const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWS3rqxin0KIdT6MXSc3wN5+tamGK+6REaR5fjGee8nNCwk7plflT0rp9g13a5Wro48dOvErWWE1EkG/6j1CZVryrFBWT2A6Kgs=
trusted comment: legacy
gUOJtFtgQdFyboGeJ+sjLsH2vBZ5EFh6Zy/GajqJE5ikP3jcP5BTpUt2nBkAq3MYs/ah8H/q77yGpBVnM8VXDw==
";
/// The beginning of the second line in base64, with algorithm and number of the key.
const NUMBERED: &str = "RUS3rqxin0KIdX";

fn key(text: &str) -> PublicKey {
    text.parse().unwrap()
}

fn verify(file: &str) -> Result<String, SignatureError> {
    let signed = verify_minisign(&key(KEY), COMPONENT, file)?;
    Ok(signed.comment.as_str().to_owned())
}

#[test]
fn a_signature_by_the_key_over_the_bytes_is_good() {
    let comment = "timestamp:1767225600 file:c.wasm hashed";
    for file in [
        SIGNATURE,
        SIGNATURE.trim_end(),
        &SIGNATURE.replace('\n', "\r\n"),
    ] {
        assert_eq!(verify(file).as_deref(), Ok(comment));
    }
    // Nobody signed this line, and nobody reads it.
    let other = SIGNATURE.replacen("signature from", "what anybody wrote", 1);
    assert_eq!(verify(&other).as_deref(), Ok(comment));
}

#[test]
fn what_is_wrong_is_told_apart() {
    let by_other = verify_minisign(&key(OTHER_KEY), COMPONENT, SIGNATURE).unwrap_err();
    assert_eq!(
        by_other,
        SignatureError::OtherKey {
            wanted: KeyId::Minisign(0x6647_E2AC_6ADA_601E),
            signed_by: Some(KeyId::Minisign(0x7588_429F_62AC_AEB7)),
        }
    );
    let text = by_other.to_string();
    for part in ["7588429F62ACAEB7", "6647E2AC6ADA601E", "another way"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let bytes = SignatureError::OtherBytes { key: key(KEY).id() };
    let over_other = verify_minisign(&key(KEY), b"a component", SIGNATURE);
    assert_eq!(over_other.unwrap_err(), bytes);
    assert_eq!(
        verify("").unwrap_err(),
        SignatureError::Missing(Kind::Minisign)
    );
    assert_eq!(
        verify("\r\n\n").unwrap_err(),
        SignatureError::Missing(Kind::Minisign)
    );
    assert_eq!(verify(LEGACY).unwrap_err(), SignatureError::Legacy);
    let wrong_kind = verify_minisign(&key(COSIGN_KEY), COMPONENT, SIGNATURE).unwrap_err();
    assert!(matches!(
        wrong_kind,
        SignatureError::WrongKind {
            kind: Kind::Minisign,
            ..
        }
    ));
}

#[test]
fn who_signs_under_the_number_of_the_key_has_not_the_key() {
    // The other key with the number of the trusted one: nothing signs a number.
    let forged = OTHER_KEY.replace("RWQeYNpqrOJHZg", "RWS3rqxin0KIdQ");
    let error = verify_minisign(&key(&forged), COMPONENT, SIGNATURE).unwrap_err();
    assert_eq!(error, SignatureError::OtherBytes { key: key(KEY).id() });
    assert!(error.to_string().contains("under the name of that key"));
}

#[rstest]
#[case("timestamp:1767225600", "timestamp:1767225601")]
#[case("\tfile:c.wasm", " file:c.wasm")]
#[case("\thashed", "\thashed ")]
#[case("c.wasm", "с.wasm")]
fn the_trusted_comment_is_signed(#[case] from: &str, #[case] to: &str) {
    assert_eq!(SIGNATURE.matches(from).count(), 1);
    let error = verify(&SIGNATURE.replace(from, to)).unwrap_err();
    assert_eq!(error, SignatureError::OtherBytes { key: key(KEY).id() });
}

#[rstest]
#[case(&[SIGNATURE, SIGNATURE].concat(), "more than one signature")]
#[case(&[SIGNATURE, "\n"].concat(), "is 5 and not 4")]
#[case(&[SIGNATURE, "x"].concat(), "is 5 and not 4")]
#[case(&["\n", SIGNATURE].concat(), "is 5 and not 4")]
#[case(&["\u{feff}", SIGNATURE].concat(), "does not begin with")]
#[case(&SIGNATURE.replacen("untrusted", "trusted", 1), "does not begin with")]
#[case(&SIGNATURE.replace("\ntrusted", "\nTrusted"), "third line")]
#[case(&SIGNATURE.replace("RUS3", "RUS"), "no base64")]
#[case(&SIGNATURE.replace("RUS3", " RUS3"), "no base64")]
#[case(&SIGNATURE.replace("RUS3rqxi", ""), "another length")]
#[case(&SIGNATURE.replace("RUS3", "RVS3"), "an algorithm that nobody knows")]
#[case(&SIGNATURE.replace("Dw==", "Dw="), "fourth line")]
#[case(&SIGNATURE.replace("Eyf6", ""), "fourth line")]
#[case(&SIGNATURE.replace("file:", "\u{1b}[2J"), "U+001B")]
#[case(&SIGNATURE.replace("file:", "\u{202e}"), "U+202E")]
#[case(&SIGNATURE.replace("file:", "\r"), "U+000D")]
#[case(&SIGNATURE.replace("file:", &"x".repeat(MAX_SIGNATURE_FILE)), "more than")]
#[case("<html>not found</html>", "is 1 and not 4")]
#[case("\0", "is 1 and not 4")]
fn what_is_no_signature_file_says_why(#[case] file: &str, #[case] says: &str) {
    let error = verify(file).unwrap_err();
    assert!(matches!(
        error,
        SignatureError::Malformed {
            kind: Kind::Minisign,
            ..
        }
    ));
    let error = error.to_string();
    assert!(error.contains(says), "{says} is not in: {error}");
}

#[test]
fn a_part_of_a_signature_file_is_none() {
    for end in 0..SIGNATURE.len() - 1 {
        assert!(verify(&SIGNATURE[..end]).is_err(), "{end}");
    }
}

proptest! {
    #[test]
    fn no_other_byte_counts(at in 0..SIGNATURE.len(), to in any::<char>()) {
        let mut file = SIGNATURE.to_owned();
        file.replace_range(at..=at, to.encode_utf8(&mut [0; 4]));
        let comment = at < SIGNATURE.find('\n').unwrap();
        prop_assert!(file == SIGNATURE || comment || verify(&file).is_err(), "{}", file);
    }

    #[test]
    fn no_other_component_counts(component in prop::collection::vec(any::<u8>(), 0..40)) {
        let result = verify_minisign(&key(KEY), &component, SIGNATURE);
        prop_assert_eq!(result.is_ok(), component == COMPONENT);
    }

    #[test]
    fn any_text_is_no_signature(
        text in ".{0,200}",
        signature in "[A-Za-z0-9+/]{84}[AEIMQUYcgkosw048]=",
        global in "[A-Za-z0-9+/]{85}[AQgw]==",
    ) {
        prop_assert!(verify(&text).is_err());
        let file = format!("untrusted comment: \n{NUMBERED}{signature}\ntrusted comment: \n{global}");
        prop_assert_eq!(verify(&file), Err(SignatureError::OtherBytes { key: key(KEY).id() }));
    }
}
