//! `index.json`: everything that a catalog has, in short.

use std::collections::BTreeMap;
use std::fmt;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use spin_deployer_manifest::{Line, PluginName};
use spin_deployer_publish::Digest;

use crate::entry::{Entry, MAX_TEXT, check_version};
use crate::error::{CatalogError, Inconsistency, SCHEMA, bounded, compare, json};
use crate::unique;

/// In bytes.
pub const MAX_INDEX: usize = 4 << 20;
/// Of one catalog.
pub const MAX_PLUGINS: usize = 10_000;
/// Of one plugin.
pub const MAX_VERSIONS: usize = 1_000;

/// All plugins of a catalog. The default has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// By their names, which is also their order in the file.
    pub plugins: BTreeMap<PluginName, Listed>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Of its newest version.
    pub description: Line,
    /// Newest first, at least one, none twice.
    pub versions: Vec<Release>,
}

/// One version of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Release {
    /// The plugin's own, without build metadata.
    pub version: Version,
    /// The versions of Spin that it is made for. `None`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spin_compatibility: Option<VersionReq>,
    /// Of its component.
    pub digest: Digest,
}

impl Release {
    /// That the version's own file is about this version of this plugin, and about this component.
    ///
    /// # Errors
    /// What it says instead.
    pub fn confirm(&self, name: &PluginName, entry: &Entry) -> Result<(), Inconsistency> {
        let texts = |what, one: &dyn fmt::Display, two: &dyn fmt::Display| {
            (what, format!("`{one}`"), format!("`{two}`"))
        };
        let said = [
            texts("the name", name, &entry.name),
            texts("the version", &self.version, &entry.version),
            texts("the digest", &self.digest, &entry.component.digest),
            (
                "the compatibility",
                range(self.spin_compatibility.as_ref()),
                range(entry.spin_compatibility.as_ref()),
            ),
        ];
        compare("the index", "the file of the version", said)
    }
}

fn range(range: Option<&VersionReq>) -> String {
    range.map_or_else(|| "none".to_owned(), |range| format!("`{range}`"))
}

/// Of a document of another version only the version is understood.
#[derive(Deserialize)]
struct Schema {
    schema: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<P> {
    schema: i64,
    plugins: P,
}

#[derive(Deserialize)]
struct Plugins(#[serde(deserialize_with = "unique::plugins")] BTreeMap<PluginName, Listed>);

impl Index {
    /// Reads an `index.json`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, CatalogError> {
        if bytes.len() > MAX_INDEX {
            return Err(CatalogError::TooLarge {
                bytes: bytes.len(),
                most: MAX_INDEX,
            });
        }
        let read = |error| json(&error);
        match serde_json::from_slice::<Schema>(bytes)
            .map_err(read)?
            .schema
        {
            None => return Err(CatalogError::NoSchema),
            Some(SCHEMA) => {}
            Some(other) => return Err(CatalogError::Schema(other)),
        }
        let document: Document<Plugins> = serde_json::from_slice(bytes).map_err(read)?;
        let mut index = Self {
            plugins: document.plugins.0,
        };
        index.settle()?;
        Ok(index)
    }

    /// Checks what the types do not say, and brings everything into its order.
    pub(crate) fn settle(&mut self) -> Result<(), CatalogError> {
        if self.plugins.len() > MAX_PLUGINS {
            return Err(CatalogError::TooMany {
                what: "plugins",
                count: self.plugins.len(),
                most: MAX_PLUGINS,
            });
        }
        self.plugins
            .iter_mut()
            .try_for_each(|(name, listed)| listed.settle(name))
    }
}

impl Listed {
    fn settle(&mut self, name: &PluginName) -> Result<(), CatalogError> {
        bounded("description", self.description.as_str(), MAX_TEXT)?;
        if self.versions.is_empty() {
            return Err(CatalogError::NoVersions(name.clone()));
        }
        if self.versions.len() > MAX_VERSIONS {
            return Err(CatalogError::TooMany {
                what: "versions of one plugin",
                count: self.versions.len(),
                most: MAX_VERSIONS,
            });
        }
        for release in &self.versions {
            check_version(&release.version, release.spin_compatibility.as_ref())?;
        }
        self.versions
            .sort_by(|one, two| two.version.cmp(&one.version));
        let twice = |pair: &&[Release]| pair[0].version == pair[1].version;
        match self.versions.windows(2).find(twice) {
            Some(pair) => Err(CatalogError::Twice(name.clone(), pair[0].version.clone())),
            None => Ok(()),
        }
    }
}

/// JSON, the same for all that are equal.
impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let document = Document {
            schema: SCHEMA,
            plugins: &self.plugins,
        };
        let text = serde_json::to_string_pretty(&document).map_err(|_| fmt::Error)?;
        writeln!(f, "{text}")
    }
}
