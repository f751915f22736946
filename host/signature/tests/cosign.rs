//! A signature of cosign is one by this key over this digest, or it says what it is instead.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_oci::{Descriptor, Digest, Document};
use spin_deployer_signature::{
    Candidate, Kind, MAX_CANDIDATES, MAX_PAYLOAD, PublicKey, SignatureError, candidates,
    cosign_tag, verify_any_cosign, verify_cosign,
};

/// A key of openssl, and what it signed with `openssl dgst -sha256 -sign`.
const KEY: &str = "cosign:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQgbbLJqQZsE2DTcneS1Of4fAMLS9Us6uMuTUmI1PusCo0CGjOML1ebYx2420RAcUO+lvfq3RLNGYw8OVzFWww==";
const PAYLOAD: &str = r#"{"critical":{"identity":{"docker-reference":"ghcr.io/acme/shelf"},"image":{"docker-manifest-digest":"sha256:0000000000000000000000000000000000000000000000000000000000000007"},"type":"cosign container image signature"},"optional":null}"#;
const SIGNATURE: &str = "MEUCIEtk7Bp8aCotdZ6UlK13B6UOYfjGNVIx+xvMVal6uMDbAiEA0oZIZQXS76qiZdvXUGpkyHDmrY/C+XbOa5/qad8shpM=";

fn digest(last: char) -> Digest {
    Digest::of_hex(&format!("{}{last}", "0".repeat(63))).unwrap()
}

fn key() -> PublicKey {
    KEY.parse().unwrap()
}

/// A key of the test's own, and what signs with it.
fn own() -> (PublicKey, impl Fn(&str) -> String) {
    let signing = SigningKey::from_slice(&[7; 32]).unwrap();
    let der = signing.verifying_key().to_public_key_der().unwrap();
    let text = format!("cosign:{}", STANDARD.encode(der.as_bytes()));
    let sign = move |payload: &str| {
        let signature: DerSignature = signing.sign(payload.as_bytes());
        STANDARD.encode(signature.as_bytes())
    };
    (text.parse().unwrap(), sign)
}

#[test]
fn a_signature_by_the_key_over_the_digest_is_good() {
    let signed = verify_cosign(&key(), PAYLOAD.as_bytes(), SIGNATURE, &digest('7')).unwrap();
    assert_eq!(signed.comment.as_str(), "ghcr.io/acme/shelf");
    let (own, sign) = own();
    for payload in [
        PAYLOAD.to_owned(),
        PAYLOAD.replace(",\"optional\":null", ""),
        PAYLOAD.replace(
            "null",
            r#"{"creator":"cosign","timestamp":1767225600,"any":["thing"]}"#,
        ),
        PAYLOAD.replace("ghcr.io/acme/shelf", ""),
        PAYLOAD.replace(':', " : "),
    ] {
        let payload = payload.replace("sha256 : ", "sha256:");
        let signature = sign(&payload);
        verify_cosign(&own, payload.as_bytes(), &signature, &digest('7')).unwrap();
    }
}

#[test]
fn what_is_wrong_is_told_apart() {
    let verify = |key: &PublicKey, payload: &str, signature: &str, last| {
        verify_cosign(key, payload.as_bytes(), signature, &digest(last)).unwrap_err()
    };
    let (other, sign) = own();
    let by_other = SignatureError::OtherKey {
        wanted: key().id(),
        signed_by: None,
    };
    assert_eq!(verify(&key(), PAYLOAD, &sign(PAYLOAD), '7'), by_other);
    let changed = PAYLOAD.replace("007\"", "008\"");
    assert_eq!(verify(&key(), &changed, SIGNATURE, '8'), by_other);
    assert!(by_other.to_string().contains(&key().id().to_string()));

    let over_other = verify(&key(), PAYLOAD, SIGNATURE, '8');
    assert_eq!(
        over_other,
        SignatureError::OtherDigest {
            signed: digest('7'),
            wanted: digest('8'),
        }
    );
    for part in ["007, and this is", "0008", "another version"] {
        assert!(over_other.to_string().contains(part), "{over_other}");
    }
    assert_eq!(
        verify(&key(), PAYLOAD, "", '7'),
        SignatureError::Missing(Kind::Cosign)
    );
    let minisign = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";
    let wrong_kind = verify(&minisign.parse().unwrap(), PAYLOAD, SIGNATURE, '7');
    assert!(matches!(
        wrong_kind,
        SignatureError::WrongKind {
            kind: Kind::Cosign,
            ..
        }
    ));
    assert_ne!(other, key());
}

#[rstest]
#[case(
    "cosign container image signature",
    "atomic container signature",
    "something else"
)]
#[case("\"optional\"", "\"required\"", "unknown field")]
#[case("\"type\"", "\"expires\":1,\"type\"", "unknown field")]
#[case("\"type\"", "\"type\":\"\",\"type\"", "duplicate field")]
#[case("\"critical\"", "\"critical\":{},\"critical\"", "missing field")]
#[case(
    "\"image\":{",
    "\"image\":{\"docker-manifest-digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000008\",",
    "duplicate field"
)]
#[case("\"image\":{", "\"image\":{\"os\":\"linux\",", "unknown field")]
#[case("sha256:", "sha512:", "no digest")]
#[case("ghcr.io", "\\u001b[2J", "U+001B")]
#[case(":null}", ":null}{}", "trailing characters")]
#[case(":null}", ":null", "EOF")]
fn another_text_is_none_though_the_key_signed_it(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &str,
) {
    assert_eq!(PAYLOAD.matches(from).count(), 1, "{from}");
    let (own, sign) = own();
    let payload = PAYLOAD.replace(from, to);
    let error = verify_cosign(&own, payload.as_bytes(), &sign(&payload), &digest('7'));
    let error = error.unwrap_err();
    assert!(
        matches!(
            error,
            SignatureError::Malformed {
                kind: Kind::Cosign,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains(says),
        "{says} is not in: {error}"
    );
}

#[rstest]
#[case("not base64")]
#[case("AAAA")]
#[case(&SIGNATURE.replace('=', ""))]
#[case(&format!(" {SIGNATURE}"))]
#[case(&[SIGNATURE, SIGNATURE].concat())]
#[case(&"A".repeat(1 << 20))]
// Zero and zero.
#[case("MAYCAQACAQA=")]
fn what_is_no_signature_says_so(#[case] signature: &str) {
    let error = verify_cosign(&key(), PAYLOAD.as_bytes(), signature, &digest('7')).unwrap_err();
    assert!(
        matches!(
            error,
            SignatureError::Malformed {
                kind: Kind::Cosign,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn no_text_is_too_long_to_be_refused() {
    let (own, sign) = own();
    let long = PAYLOAD.replace("null", &format!("\"{}\"", "x".repeat(MAX_PAYLOAD as usize)));
    let error = verify_cosign(&own, long.as_bytes(), &sign(&long), &digest('7')).unwrap_err();
    assert!(error.to_string().contains("longer"), "{error}");
}

#[test]
fn of_several_signatures_one_has_to_be_good() {
    let (own, sign) = own();
    let other = PAYLOAD.replace("007\"", "008\"");
    let by_own = sign(PAYLOAD);
    let any = |signatures: &[(&str, &str)], last| {
        verify_any_cosign(&own, signatures.iter().copied(), &digest(last))
    };
    let foreign = (PAYLOAD, SIGNATURE);
    let broken = (PAYLOAD, "rsa");
    assert!(any(&[foreign, broken, (PAYLOAD, &by_own)], '7').is_ok());
    assert_eq!(
        any(&[], '7').unwrap_err(),
        SignatureError::Missing(Kind::Cosign)
    );
    // What is told is what comes nearest.
    let error = any(&[foreign, (PAYLOAD, &by_own), broken], '8').unwrap_err();
    assert!(
        matches!(error, SignatureError::OtherDigest { .. }),
        "{error}"
    );
    let error = any(&[broken, foreign, broken], '7').unwrap_err();
    assert!(matches!(error, SignatureError::OtherKey { .. }), "{error}");
    let error = any(&[broken], '7').unwrap_err();
    assert!(matches!(error, SignatureError::Malformed { .. }), "{error}");
    assert!(any(&[(&other, &by_own)], '8').is_err());
}

#[test]
fn signatures_lie_under_a_tag_of_the_digest() {
    assert_eq!(
        cosign_tag(&digest('7')),
        format!("sha256-{}7.sig", "0".repeat(63))
    );
}

fn layer(media_type: &str, annotation: Option<&str>, size: u64) -> Descriptor {
    let mut layer = Descriptor::new(media_type, Digest::of(PAYLOAD.as_bytes()), size);
    let key = "dev.cosignproject.cosign/signature".to_owned();
    layer.annotations = annotation
        .map(|a| (key, a.to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    layer
}

fn manifest(layers: Vec<Descriptor>) -> Document {
    let config = layer("application/vnd.oci.image.config.v1+json", None, 2);
    Document::Image { config, layers }
}

#[test]
fn only_layers_that_could_be_signatures_are_fetched() {
    const KIND: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
    let found = candidates(&manifest(vec![
        layer("application/json", Some(SIGNATURE), 10),
        layer(KIND, None, 10),
        layer(KIND, Some(SIGNATURE), MAX_PAYLOAD + 1),
        layer(KIND, Some(&"x".repeat(1 << 20)), 10),
        layer(KIND, Some(SIGNATURE), 10),
    ]));
    let expected = Candidate {
        payload: Digest::of(PAYLOAD.as_bytes()),
        size: 10,
        signature: SIGNATURE.to_owned(),
    };
    assert_eq!(found.unwrap(), [expected]);

    let none = candidates(&manifest(vec![layer(KIND, None, 10)])).unwrap_err();
    assert_eq!(none, SignatureError::Missing(Kind::Cosign));
    assert!(
        none.to_string().contains("--new-bundle-format=false"),
        "{none}"
    );
    let many = vec![layer(KIND, Some(SIGNATURE), 10); MAX_CANDIDATES + 1];
    assert!(
        candidates(&manifest(many))
            .unwrap_err()
            .to_string()
            .contains("65 of them")
    );
    let index = candidates(&Document::Index(Vec::new())).unwrap_err();
    assert!(index.to_string().contains("index of images"), "{index}");
}

proptest! {
    #[test]
    fn no_other_byte_counts(at in 0..PAYLOAD.len(), to in any::<u8>()) {
        let mut payload = PAYLOAD.as_bytes().to_vec();
        payload[at] = to;
        let result = verify_cosign(&key(), &payload, SIGNATURE, &digest('7'));
        prop_assert_eq!(result.is_ok(), payload == PAYLOAD.as_bytes());
    }

    #[test]
    fn no_other_signature_counts(at in 0..SIGNATURE.len(), to in "[ -~]") {
        let mut signature = SIGNATURE.to_owned();
        signature.replace_range(at..=at, &to);
        let result = verify_cosign(&key(), PAYLOAD.as_bytes(), &signature, &digest('7'));
        prop_assert_eq!(result.is_ok(), signature == SIGNATURE);
    }
}
