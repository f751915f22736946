//! A plugin in a registry, signed as cosign signs.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::author::{Author, deploy, install, lock, user};
use crate::harness::registry::{Registry, agent};
use crate::harness::sha256;

/// A publisher who signs as cosign does.
pub(super) struct Publisher(EcdsaKeyPair);

impl Publisher {
    pub(super) fn new() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap())
    }

    /// The public half: what stands in front of the point of a key of P-256 in DER is always the same.
    pub(super) fn key(&self) -> String {
        const PREFIX: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let der = [&PREFIX, self.0.public_key().as_ref()].concat();
        format!("cosign:{}", BASE64_STANDARD.encode(der))
    }

    /// Puts a signature of `artifact` into the registry.
    pub(super) fn sign(&self, registry: &Registry, artifact: &str) {
        let payload = serde_json::json!({
            "critical": {
                "identity": { "docker-reference": registry.reference("acme/demo") },
                "image": { "docker-manifest-digest": artifact },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = payload.to_string().into_bytes();
        let signature = self.0.sign(&SystemRandom::new(), &payload).unwrap();
        let config = b"{}".to_vec();
        for blob in [&payload, &config] {
            put_blob(registry, blob);
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(&config), "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": sha256(&payload), "size": payload.len(),
                "annotations": {
                    "dev.cosignproject.cosign/signature": BASE64_STANDARD.encode(signature),
                },
            }],
        });
        let tag = format!("{}.sig", artifact.replace(':', "-"));
        let url = format!("http://{}/v2/acme/demo/manifests/{tag}", registry.address());
        let answer = agent()
            .put(url)
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .send(manifest.to_string().as_bytes());
        assert_eq!(answer.unwrap().status().as_u16(), 201);
    }
}

fn put_blob(registry: &Registry, bytes: &[u8]) {
    let url = format!("http://{}/v2/acme/demo/blobs/uploads/", registry.address());
    let begun = agent().post(url).send_empty().unwrap();
    let location = begun.headers().get("location").unwrap().to_str().unwrap();
    let joint = if location.contains('?') { '&' } else { '?' };
    let url = format!("{location}{joint}digest={}", sha256(bytes));
    let answer = agent()
        .put(url)
        .header("content-type", "application/octet-stream")
        .send(bytes);
    assert_eq!(answer.unwrap().status().as_u16(), 201);
}

#[test]
fn a_publisher_who_is_trusted_once_has_to_have_signed_the_next_one_too() {
    let (registry, author, publisher) = (Registry::start(), Author::new(), Publisher::new());
    let first = author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    let key = publisher.key();
    let with_key = ["--yes", "--key", &key];

    // A missing signature is a bad one, as soon as a key is known.
    install(&machine, &source, &with_key)
        .fails(5)
        .says("signature");
    Publisher::new().sign(&registry, &first);
    install(&machine, &source, &with_key)
        .fails(5)
        .says("another key");
    assert_eq!(lock(&machine), "");
    publisher.sign(&registry, &first);
    let installed = install(&machine, &source, &with_key).ok().json();
    assert_eq!(installed["signer"], key);
    assert!(lock(&machine).contains(&format!("signer = \"{key}\"")));

    // The next version, by nobody, by somebody else, and by the publisher.
    let second = author.publish(&registry, "0.2.0", "\"GET\"");
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "demo", "--yes"];
        machine.run(line.iter().chain(more))
    };
    upgrade(&[]).fails(5).says("signature");
    let other = Publisher::new();
    other.sign(&registry, &second);
    upgrade(&[]).fails(5).says("--key");
    assert!(lock(&machine).contains("version = \"0.1.0\""));
    upgrade(&["--key", &other.key()]).ok();
    assert!(lock(&machine).contains(&other.key()));

    // With the lock alone the signature is looked at again.
    let ci = user();
    ci.write("deployer.lock", lock(&machine));
    ci.run(["plugins", "fetch"]).ok();
    let forged = user();
    forged.write("deployer.lock", lock(&machine).replace(&other.key(), &key));
    forged.run(["plugins", "fetch"]).fails(5);
}

#[test]
fn a_policy_names_who_may_have_signed() {
    let (registry, author, publisher) = (Registry::start(), Author::new(), Publisher::new());
    let artifact = author.publish(&registry, "0.1.0", "\"GET\"");
    let source = registry.reference("acme/demo:0.1.0");
    let mut machine = user();
    let policy = format!("schema = 1\nrequire.signers = [\"{}\"]\n", publisher.key());
    let policy = machine.write("policy.toml", policy);
    machine.set("SPIN_DEPLOYER_POLICY", &policy);
    install(&machine, &source, &["--yes"])
        .fails(5)
        .says("signature");
    let other = Publisher::new();
    other.sign(&registry, &artifact);
    install(&machine, &source, &["--yes", "--key", &other.key()])
        .fails(5)
        .says("policy");
    publisher.sign(&registry, &artifact);
    install(&machine, &source, &["--yes"]).ok();
    deploy(&machine, &author).ok();
    // A file with nothing beside it is signed by nobody, whatever a lock says.
    let file = author.pack("0.1.0", "\"GET\"");
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "-t", file.to_str().unwrap(), "--script", &script];
    machine
        .run(line.into_iter().chain(["--yes"]))
        .fails(5)
        .says("policy");
    machine.run(["deploy"]).ok();
}
