//! The documents of an OCI image layout.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Descriptor;

/// The name of the file that makes a directory a layout.
pub const MARKER: &str = "oci-layout";
/// What that file says.
pub const MARKER_CONTENT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The name of the file that lists what is there.
pub const INDEX: &str = "index.json";
/// Where contents are, named by the digits of their digests.
pub const BLOBS: &str = "blobs/sha256";
/// The annotation in the index that names a manifest.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// `index.json`: which manifests the layout holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// One for each name.
    pub manifests: Vec<Descriptor>,
    /// What others wrote there, kept when it is written again.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema_version: 2,
            manifests: Vec::new(),
            other: Map::new(),
        }
    }
}
