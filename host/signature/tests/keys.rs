//! A key is one key in one text form, and what is none is told apart without being repeated.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_signature::{KeyError, Kind, PublicKey};

/// What `minisign -G -W` of release 0.11 wrote.
const MINISIGN_FILE: &str = "untrusted comment: minisign public key 7588429F62ACAEB7
RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM
";
const MINISIGN: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";
const MINISIGN_SECRET: &str = "untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAt66sYp9CiHWmtKgCYb+kkv6FGYao2Moa0NFR4/vGdJjkeGqTirM3i5JkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
";
/// What `openssl ec -pubout` wrote, as cosign does.
const COSIGN_FILE: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQgbbLJqQZsE2DTcneS1Of4fAMLS
9Us6uMuTUmI1PusCo0CGjOML1ebYx2420RAcUO+lvfq3RLNGYw8OVzFWww==
-----END PUBLIC KEY-----
";
/// And with `-conv_form compressed`.
const COMPRESSED: &str = "-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADAQgbbLJqQZsE2DTcneS1Of4fAMLS
9Us6uMuTUmI1Pus=
-----END PUBLIC KEY-----
";
const COSIGN: &str = "cosign:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQgbbLJqQZsE2DTcneS1Of4fAMLS9Us6uMuTUmI1PusCo0CGjOML1ebYx2420RAcUO+lvfq3RLNGYw8OVzFWww==";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEDnly56DrGrH510sssrBzbfgUGPAbeC/b
YRPYUl+d5MAajX0n1F0Ad5P+FqSaxk/WSBaQlCO7yryB2arYgZwodihz5GxLf0+/
8W8gluilSGSH7goRLuBHnEeuWoTipREi
-----END PUBLIC KEY-----
";
const ED25519_PEM: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAcgH55ypBBAemOUXYcqaOoJi6aq6UQOp3XgpNgbUSKBU=
-----END PUBLIC KEY-----
";

#[rstest]
#[case(MINISIGN, MINISIGN)]
#[case(MINISIGN_FILE, MINISIGN)]
#[case(&MINISIGN_FILE.replace('\n', "\r\n"), MINISIGN)]
#[case(MINISIGN_FILE.trim_end(), MINISIGN)]
#[case(&MINISIGN["minisign:".len()..], MINISIGN)]
#[case(COSIGN, COSIGN)]
#[case(COSIGN_FILE, COSIGN)]
#[case(&COSIGN_FILE.replace('\n', "\r\n"), COSIGN)]
#[case(COMPRESSED, COSIGN)]
fn all_forms_of_a_key_are_one_key(#[case] given: &str, #[case] text: &str) {
    let key: PublicKey = given.parse().unwrap();
    assert_eq!(key.to_string(), text);
    assert_eq!(key, text.parse().unwrap());
    assert_eq!(key.kind().as_str(), text.split(':').next().unwrap());
}

#[test]
fn the_names_of_keys_are_those_of_their_tools() {
    let id = |text: &str| text.parse::<PublicKey>().unwrap().id().to_string();
    assert_eq!(id(MINISIGN), "minisign key 7588429F62ACAEB7");
    // openssl ec -pubin -in cosign.pub -outform DER | sha256sum
    let digest = "abd389b5ca5340f6fedfc47da7d4eaaa90994bb87fe28138fdc7cb22953277bc";
    assert_eq!(id(COSIGN), format!("cosign key sha256:{digest}"));
}

#[rstest]
#[case(MINISIGN_SECRET)]
#[case(MINISIGN_SECRET.lines().nth(1).unwrap())]
#[case(
    "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
)]
#[case(
    "-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\nc2VjcmV0\n-----END ENCRYPTED COSIGN PRIVATE KEY-----\n"
)]
#[case("-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n")]
fn a_private_key_is_refused_and_not_repeated(#[case] text: &str) {
    let error = text.parse::<PublicKey>().unwrap_err();
    assert_eq!(error, KeyError::Private);
    assert!(error.to_string().contains("name the public one"));
}

#[rstest]
#[case(P384, KeyError::Algorithm)]
#[case(ED25519_PEM, KeyError::Algorithm)]
#[case("", KeyError::Unknown)]
#[case("ed25519:Zm9v", KeyError::Unknown)]
#[case("Minisign:RWS3", KeyError::Unknown)]
#[case(&MINISIGN.repeat(100), KeyError::Unknown)]
#[case("\u{feff}untrusted comment: x\nRWS3", KeyError::Unknown)]
#[case("minisign:", KeyError::Minisign("it has another length"))]
#[case("minisign:RWS3", KeyError::Minisign("it has another length"))]
#[case("minisign:é", KeyError::Minisign("it is no base64"))]
#[case("cosign:é", KeyError::Cosign("it is no base64"))]
#[case("cosign:", KeyError::Cosign("it is broken"))]
// One text a key: no other base64, no space, no other algorithm.
#[case(&MINISIGN.replace("KuM", "KuN="), KeyError::Minisign("it is no base64"))]
#[case(&MINISIGN.replace("minisign:", "minisign: "), KeyError::Minisign("it is no base64"))]
#[case(&MINISIGN.replace(":RW", ":RU"), KeyError::Minisign("it is none of Ed25519"))]
#[case(&COSIGN.replace("Www==", "Wwx=="), KeyError::Cosign("it is no base64"))]
#[case(&COSIGN.replace("Www==", "Www"), KeyError::Cosign("it is no base64"))]
// Not on the curve.
#[case(&COSIGN.replace("AQgbb", "AQgbc"), KeyError::Cosign("it is broken"))]
#[case(&COSIGN.replace("Www==", "WwwAA"), KeyError::Cosign("it is broken"))]
#[case(&[MINISIGN_FILE, MINISIGN_FILE].concat(), KeyError::Minisign("its file has a comment and one line"))]
#[case(
    "untrusted comment: alone",
    KeyError::Minisign("its file has a comment and one line")
)]
#[case(&[COSIGN_FILE, COSIGN_FILE].concat(), KeyError::Cosign("it is broken"))]
#[case(&COSIGN_FILE.replace("PUBLIC KEY", "CERTIFICATE"), KeyError::Cosign("it is broken"))]
fn what_is_no_key_says_why(#[case] text: &str, #[case] expected: KeyError) {
    assert_eq!(text.parse::<PublicKey>().unwrap_err(), expected);
}

#[test]
fn a_key_in_a_document_is_its_text() {
    let json = format!("\"{COSIGN}\"");
    let key: PublicKey = serde_json::from_str(&json).unwrap();
    assert_eq!(key.kind(), Kind::Cosign);
    assert_eq!(serde_json::to_string(&key).unwrap(), json);
    let error = serde_json::from_str::<PublicKey>("\"RWS3\"").unwrap_err();
    assert!(error.to_string().contains("another length"), "{error}");
}

proptest! {
    #[test]
    fn any_text_is_a_key_in_one_form_or_none(
        text in prop_oneof![".{0,80}", "minisign:[A-Za-z0-9+/=]{50,60}", "cosign:M[A-Za-z0-9+/=]{0,130}"],
    ) {
        if let Ok(key) = text.parse::<PublicKey>() {
            prop_assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        }
    }

    #[test]
    fn a_broken_key_is_another_key_or_none(at in 0..MINISIGN.len(), to in "[ -~]") {
        let mut text = MINISIGN.to_owned();
        text.replace_range(at..=at, &to);
        if let Ok(key) = text.parse::<PublicKey>() {
            let same = key == MINISIGN.parse().unwrap();
            prop_assert_eq!(same, text == MINISIGN);
            prop_assert_eq!(key.to_string(), text);
        }
    }
}
