//! What Spin itself would have pushed for [`App::shop`](super::app::App::shop), written out by hand: nothing of the
//! code under test takes part.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

use super::app::{hello_wasm, shop_files};
use super::sha256;

/// An image, byte for byte.
pub(crate) struct Image {
    pub(crate) manifest: String,
    pub(crate) config: String,
    /// Of the layers in their order: media type and bytes.
    pub(crate) layers: Vec<(&'static str, Vec<u8>)>,
}

pub(crate) const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
pub(crate) const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
pub(crate) const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";
pub(crate) const LOCKED: &str = "application/vnd.fermyon.spin.application.v1+config";

/// The shop, with these annotations beside those that its manifest implies.
pub(crate) fn shop(annotations: &[(&str, &str)]) -> Image {
    let wasm = hello_wasm();
    let source = format!(
        r#"{{"content_type":"application/wasm","digest":"{}"}}"#,
        sha256(&wasm)
    );
    let files = shop_files().map(|(path, bytes)| {
        let digest = sha256(&bytes);
        match bytes.len() <= 128 {
            true => format!(
                r#"{{"inline":"{}","digest":"{digest}","path":"{path}"}}"#,
                BASE64_STANDARD_NO_PAD.encode(&bytes)
            ),
            false => format!(r#"{{"digest":"{digest}","path":"{path}"}}"#),
        }
    });
    let locked = [
        r#"{"spin_lock_version":0,"#,
        r#""metadata":{"authors":["A <a@example.com>"],"description":"Sells things","name":"shop","#,
        r#""trigger":{"type":"http"},"triggers":{},"version":"1.2.3"},"#,
        r#""variables":{"greeting":{"default":"hi"},"token":{"secret":true}},"#,
        r#""triggers":[{"id":"front-http-trigger","trigger_type":"http","#,
        r#""trigger_config":{"component":"front","route":"/..."}},"#,
        r#"{"id":"back-http-trigger","trigger_type":"http","#,
        r#""trigger_config":{"component":"back","route":{"private":true}}}],"#,
        r#""components":[{"id":"front","#,
        r#""metadata":{"allowed_outbound_hosts":["https://example.com:443"],"key_value_stores":["default"]},"#,
        &format!(r#""source":{source},"env":{{"A":"1"}},"files":[{}],"#, files.join(",")),
        r#""config":{"greeting":"{{ greeting }}"}},"#,
        &format!(r#"{{"id":"back","source":{source}}}]}}"#),
    ]
    .concat();
    let mut layers = vec![(WASM, wasm)];
    let data = shop_files().into_iter().map(|(_, bytes)| bytes);
    layers.extend(
        data.filter(|bytes| bytes.len() > 128)
            .map(|bytes| (DATA, bytes)),
    );
    layers.push((LOCKED, locked.into_bytes()));
    let config = config(&layers);
    let mut all = vec![
        ("org.opencontainers.image.authors", "A <a@example.com>"),
        ("org.opencontainers.image.description", "Sells things"),
        ("org.opencontainers.image.title", "shop"),
        ("org.opencontainers.image.version", "1.2.3"),
    ];
    all.retain(|(name, _)| annotations.iter().all(|(n, _)| n != name));
    all.extend(annotations);
    all.sort();
    Image {
        manifest: manifest(&all, &config, &layers),
        config,
        layers,
    }
}

fn config(layers: &[(&str, Vec<u8>)]) -> String {
    let (_, locked) = layers.last().unwrap();
    format!(
        r#"{{"architecture":"wasm","os":"Wasip1","config":{{"Labels":{{"com.fermyon.spin.lockedAppDigest":"{}"}}}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#,
        sha256(locked)
    )
}

fn manifest(annotations: &[(&str, &str)], config: &str, layers: &[(&str, Vec<u8>)]) -> String {
    let descriptor = |media_type: &str, bytes: &[u8]| {
        format!(
            r#"{{"digest":"{}","mediaType":"{media_type}","size":{}}}"#,
            sha256(bytes),
            bytes.len()
        )
    };
    let annotations: Vec<_> = annotations
        .iter()
        .map(|(k, v)| format!(r#""{k}":"{v}""#))
        .collect();
    let layers: Vec<_> = layers
        .iter()
        .map(|(kind, bytes)| descriptor(kind, bytes))
        .collect();
    format!(
        r#"{{"annotations":{{{}}},"config":{},"layers":[{}],"schemaVersion":2}}"#,
        annotations.join(","),
        descriptor(
            "application/vnd.oci.image.config.v1+json",
            config.as_bytes()
        ),
        layers.join(",")
    )
}
