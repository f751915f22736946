//! How documents refer to contents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Digest;

/// A reference to a content. Serialised with sorted keys, as Spin does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the one who refers says about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What it is called.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// What others wrote there, kept when it is written again.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor without annotations.
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            annotations: BTreeMap::new(),
            digest,
            media_type: media_type.to_owned(),
            size,
            other: Map::new(),
        }
    }
}
