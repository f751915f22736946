//! A component alone as an artifact, in the [layout] of the CNCF's Wasm working group: one layer, the component, and a
//! configuration that names its interfaces. `wkg` and `oras` push and pull the same.
//!
//! [layout]: https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/

use serde::Serialize;

use crate::image::{Annotations, Image, Layer};
use crate::{Descriptor, Digest, media};

/// What a component imports and exports, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Interfaces {
    /// `spin-deployer:api/deployer@0.1.0`
    pub exports: Vec<String>,
    /// `wasi:http/types@0.2.4`
    pub imports: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration<'a> {
    /// Readers want a time. The same for all, so that equal components are equal artifacts.
    created: &'static str,
    architecture: &'static str,
    os: &'static str,
    layer_digests: [&'a Digest; 1],
    component: &'a Interfaces,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'static str,
    config: &'a Descriptor,
    layers: [&'a Descriptor; 1],
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    annotations: &'a Annotations,
}

/// Makes a component an artifact, the same for equal components and annotations.
///
/// # Errors
/// What the writer of JSON has against it.
pub fn component(
    wasm: Vec<u8>,
    interfaces: &Interfaces,
    annotations: Annotations,
) -> Result<Image, serde_json::Error> {
    let layer = Layer::of(media::COMPONENT, "component", wasm);
    let config = serde_json::to_vec(&Configuration {
        created: "1970-01-01T00:00:00Z",
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [&layer.descriptor.digest],
        component: interfaces,
    })?;
    let config = Layer::of(media::COMPONENT_CONFIG, "configuration", config);
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: 2,
        media_type: media::MANIFEST,
        config: &config.descriptor,
        layers: [&layer.descriptor],
        annotations: &annotations,
    })?;
    Ok(Image {
        digest: Digest::of(&manifest),
        layers: vec![layer],
        config,
        manifest,
        annotations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    #[test]
    fn a_component_is_the_only_layer_of_its_artifact() {
        let interfaces = Interfaces {
            exports: vec!["spin-deployer:api/deployer@0.1.0".to_owned()],
            imports: Vec::new(),
        };
        let annotations = Annotations::from([("a".to_owned(), "b".to_owned())]);
        let make = || component(b"wasm".to_vec(), &interfaces, annotations.clone()).unwrap();
        let image = make();
        assert_eq!(image, make());
        let Document::Image { config, layers } = Document::parse(&image.manifest).unwrap() else {
            panic!("no image");
        };
        assert_eq!(config.media_type, media::COMPONENT_CONFIG);
        let layer = Descriptor::new(media::COMPONENT, Digest::of(b"wasm"), 4);
        assert_eq!(layers, [layer]);
        let config = String::from_utf8(image.config.bytes.unwrap()).unwrap();
        assert!(config.contains(Digest::of(b"wasm").as_str()), "{config}");
    }
}
