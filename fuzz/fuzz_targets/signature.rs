//! Any text as a key, as a signature file, and as what cosign signed and its signature: a key is one text, and no
//! signature is good but the one in the seeds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_signature::{PublicKey, verify_cosign, verify_minisign};

const MINISIGN: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";
const COSIGN: &str = "cosign:MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAQgbbLJqQZsE2DTcneS1Of4fAMLS9Us6uMuTUmI1PusCo0CGjOML1ebYx2420RAcUO+lvfq3RLNGYw8OVzFWww==";
const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000007";

fuzz_target!(|text: &str| {
    match text.parse::<PublicKey>() {
        Ok(key) => assert_eq!(key.to_string().parse::<PublicKey>().as_ref(), Ok(&key)),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
    let minisign: PublicKey = MINISIGN.parse().expect("a key");
    match verify_minisign(&minisign, b"a component\n", text) {
        Ok(signed) => assert_eq!(
            signed.comment.as_str(),
            "timestamp:1767225600 file:c.wasm hashed"
        ),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
    let cosign: PublicKey = COSIGN.parse().expect("a key");
    let digest = DIGEST.parse().expect("a digest");
    let (payload, signature) = text.split_once('\n').unwrap_or((text, text));
    match verify_cosign(&cosign, payload.as_bytes(), signature.trim_end(), &digest) {
        Ok(signed) => assert_eq!(signed.comment.as_str(), "ghcr.io/acme/shelf"),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
