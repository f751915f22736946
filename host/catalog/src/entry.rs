//! `NAME/NAME@VERSION.json`: one version of a plugin.

use std::fmt;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spin_deployer_manifest::{Line, Manifest, PluginName};
use spin_deployer_publish::Digest;
use spin_deployer_signature::PublicKey;

use crate::error::{CatalogError, Inconsistency, bounded, compare, json};
use crate::location::Location;

/// In bytes.
pub const MAX_ENTRY: usize = 64 << 10;
/// In bytes, of one text that is shown.
pub(crate) const MAX_TEXT: usize = 1_000;
/// In bytes. It is part of the name of a file.
const MAX_VERSION: usize = 100;
/// In bytes.
const MAX_RANGE: usize = 200;

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// Whose version it is.
    pub name: PluginName,
    /// What it does.
    pub description: Line,
    /// A URL by convention; shown and never fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<Line>,
    /// The plugin's own, without build metadata.
    pub version: Version,
    /// The versions of Spin that it is made for. `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_compatibility: Option<VersionReq>,
    /// An SPDX expression by convention.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<Line>,
    /// The plugin itself.
    pub component: Component,
}

/// Where a component is, and which one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Where it is.
    pub url: Location,
    /// What it is. In the file the digits alone, as in Spin's own index.
    #[serde(rename = "sha256", with = "hex")]
    pub digest: Digest,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where the publisher signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<OfferedSignature>,
}

/// A signature that there is. It says nothing before somebody says that he trusts the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferedSignature {
    /// The key that it was made with.
    pub key: PublicKey,
    /// Where the signature is: for a key of minisign its signature file.
    pub url: Location,
}

impl Entry {
    /// Reads the file of a version.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, CatalogError> {
        if bytes.len() > MAX_ENTRY {
            return Err(CatalogError::TooLarge {
                bytes: bytes.len(),
                most: MAX_ENTRY,
            });
        }
        let entry: Self = serde_json::from_slice(bytes).map_err(|error| {
            if is_spin_plugin(bytes) {
                CatalogError::SpinPlugin
            } else {
                json(&error)
            }
        })?;
        entry.check()?;
        Ok(entry)
    }

    /// The file of the plugin that has this manifest in its component.
    ///
    /// # Errors
    /// When the manifest says something that no catalog says.
    pub fn of(manifest: &Manifest, component: Component) -> Result<Self, CatalogError> {
        let line = |text: &str| Line::try_from(text.to_owned()).map_err(CatalogError::Json);
        let optional = |text: &Option<String>| text.as_deref().map(line).transpose();
        let entry = Self {
            name: manifest.name.clone(),
            description: line(&manifest.description)?,
            homepage: optional(&manifest.homepage)?,
            version: manifest.version.clone(),
            spin_compatibility: manifest.spin_compatibility.clone(),
            license: optional(&manifest.license)?,
            component,
        };
        entry.check()?;
        Ok(entry)
    }

    /// That the component's own manifest is of this plugin and version.
    ///
    /// # Errors
    /// What it says instead.
    pub fn confirm(&self, manifest: &Manifest) -> Result<(), Inconsistency> {
        let (name, own) = (&self.name, &manifest.name);
        let (version, own_version) = (&self.version, &manifest.version);
        compare(
            "the catalog",
            "the component itself",
            [
                ("the name", format!("`{name}`"), format!("`{own}`")),
                (
                    "the version",
                    format!("`{version}`"),
                    format!("`{own_version}`"),
                ),
            ],
        )
    }

    /// What the types do not say.
    pub(crate) fn check(&self) -> Result<(), CatalogError> {
        check_version(&self.version, self.spin_compatibility.as_ref())?;
        bounded("description", self.description.as_str(), MAX_TEXT)?;
        for (key, text) in [("homepage", &self.homepage), ("license", &self.license)] {
            bounded(key, text.as_ref().map_or("", Line::as_str), MAX_TEXT)?;
        }
        Ok(())
    }
}

/// That a version can be a file's name, and that who reads it and its range sees all of them.
pub(crate) fn check_version(
    version: &Version,
    range: Option<&VersionReq>,
) -> Result<(), CatalogError> {
    bounded("version", &version.to_string(), MAX_VERSION)?;
    if !version.build.is_empty() {
        return Err(CatalogError::BuildMetadata(version.clone()));
    }
    let range = range.map(VersionReq::to_string).unwrap_or_default();
    bounded("spinCompatibility", &range, MAX_RANGE)
}

/// Of what is not understood, whether it is that which the same keys stand for elsewhere.
fn is_spin_plugin(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok_and(|document| {
        document.get("packages").is_some_and(Value::is_array) && document.get("component").is_none()
    })
}

/// JSON, the same for all that are equal.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string_pretty(self).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}

mod hex {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use spin_deployer_publish::Digest;

    pub(super) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(digest.hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let digits = Cow::<str>::deserialize(from)?;
        Digest::of_hex(&digits).map_err(|_| {
            D::Error::custom(
                "`sha256` is 64 hexadecimal digits in lower case, with nothing in front",
            )
        })
    }
}
