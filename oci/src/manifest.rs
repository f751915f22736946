//! What a manifest of somebody else says, as far as one needs it to bring the image here.

use serde::Deserialize;
use serde_json::Value;

use crate::{Descriptor, Digest};

/// An app has some hundreds.
const MOST_LAYERS: usize = 10_000;

/// What lies under a name in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, in their order.
        layers: Vec<Descriptor>,
    },
    /// Several images.
    Index(Vec<IndexEntry>),
}

/// One of several images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IndexEntry {
    /// Of its manifest.
    pub digest: Digest,
    /// What it runs on.
    #[serde(default)]
    pub platform: Platform,
}

/// What an image runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// `wasm`, `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `wasip1`, `linux`.
    #[serde(default)]
    pub os: String,
}

/// A document that is no manifest, or one that no app has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Not what the image specification says.
    #[error("it is no image manifest: {0}")]
    Invalid(String),
    /// More layers than anybody has.
    #[error("it has {0} layers, more than {MOST_LAYERS}")]
    TooManyLayers(usize),
    /// Several images, and none of them for Wasm alone.
    #[error("it is an index of images for {0}, and not exactly one of them is for wasm")]
    Ambiguous(String),
}

impl Document {
    /// Reads a manifest or an index. Its media type counts for nothing: who could read one document in two ways could be
    /// shown two images.
    ///
    /// # Errors
    /// Where it is neither, or both.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let invalid = |error: serde_json::Error| ManifestError::Invalid(error.to_string());
        let Value::Object(mut document) = serde_json::from_slice(bytes).map_err(invalid)? else {
            return Err(ManifestError::Invalid("it is no JSON object".to_owned()));
        };
        let parts = ["config", "layers", "manifests"].map(|key| document.remove(key));
        match parts {
            [Some(config), Some(Value::Array(layers)), None] => {
                if layers.len() > MOST_LAYERS {
                    return Err(ManifestError::TooManyLayers(layers.len()));
                }
                Ok(Self::Image {
                    config: serde_json::from_value(config).map_err(invalid)?,
                    layers: serde_json::from_value(layers.into()).map_err(invalid)?,
                })
            }
            [None, None, Some(manifests)] => serde_json::from_value(manifests)
                .map(Self::Index)
                .map_err(invalid),
            _ => Err(ManifestError::Invalid(
                "it has neither `config` and `layers` nor `manifests` alone".to_owned(),
            )),
        }
    }
}

impl IndexEntry {
    /// The one that is an app: the only one for Wasm, or the only one at all. Builders add attestations to what they
    /// build, as images for an unknown platform.
    ///
    /// # Errors
    /// Where there is none or more of them.
    pub fn choose(entries: &[Self]) -> Result<&Self, ManifestError> {
        let mut wasm = entries
            .iter()
            .filter(|entry| entry.platform.architecture == "wasm");
        match (wasm.next(), wasm.next(), entries) {
            (Some(only), None, _) | (None, None, [only]) => Ok(only),
            _ => {
                let platforms = entries.iter().take(10).map(|entry| {
                    let Platform { os, architecture } = &entry.platform;
                    format!("{os}/{architecture}")
                });
                Err(ManifestError::Ambiguous(
                    platforms.collect::<Vec<_>>().join(", "),
                ))
            }
        }
    }
}
