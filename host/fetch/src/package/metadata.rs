//! What a registry says about itself, in `/.well-known/wasm-pkg/registry.json`.
//!
//! ```json
//! { "preferredProtocol": "oci", "oci": { "registry": "oci.example.com", "namespacePrefix": "wasm/" } }
//! ```
//!
//! `ociRegistry`, `ociNamespacePrefix` and `wargUrl` at the top are how it was written before, and still count.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Below a registry's origin.
pub(super) const WELL_KNOWN: &str = "/.well-known/wasm-pkg/registry.json";

/// In bytes; a registry has a line to say.
pub(super) const LARGEST: u64 = 64 << 10;

/// All of it is optional, and so is the file.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    preferred_protocol: Option<String>,
    oci: Option<Oci>,
    warg: Option<IgnoredAny>,
    local: Option<IgnoredAny>,
    oci_registry: Option<String>,
    oci_namespace_prefix: Option<String>,
    warg_url: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Oci {
    registry: Option<String>,
    namespace_prefix: Option<String>,
}

impl Metadata {
    /// The one that it prefers, or the only one that it has.
    pub(super) fn protocol(&self) -> Option<&str> {
        let oci = self.oci.is_some();
        let only = match (oci, self.warg.is_some(), self.local.is_some()) {
            (true, false, false) => Some("oci"),
            (false, true, false) => Some("warg"),
            (false, false, true) => Some("local"),
            (false, false, false) => match (&self.oci_registry, &self.warg_url) {
                (Some(_), None) => Some("oci"),
                (None, Some(_)) => Some("warg"),
                _ => None,
            },
            _ => None,
        };
        self.preferred_protocol.as_deref().or(only)
    }

    /// Where the packages are, if it is not the registry itself: `oci.example.com`.
    pub(super) fn registry(&self) -> Option<&str> {
        let table = self.oci.as_ref().and_then(|oci| oci.registry.as_deref());
        self.oci_registry.as_deref().or(table)
    }

    /// What stands in front of the names of repositories: `wasm/`.
    pub(super) fn prefix(&self) -> &str {
        let table = self.oci.as_ref();
        let table = table.and_then(|oci| oci.namespace_prefix.as_deref());
        self.oci_namespace_prefix
            .as_deref()
            .or(table)
            .unwrap_or_default()
    }
}
