//! What this user agreed to, for each digest of a plugin: `agreed.toml` in the folder of the installed plugins.
//!
//! The lock of an app says what was agreed to, and not by whom: it may come with a checkout of somebody else's. This says
//! that it was this user.
//!
//! ```toml
//! schema = 1
//!
//! [agreed."sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
//! name = "api"
//! version = "0.1.0"
//! source = "https://example.com/api.wasm#sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
//! overrides = false
//!
//! [[agreed."sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".asks.http]]
//! to = "https://api.example.com"
//! methods = ["PUT"]
//! paths = ["/v1/**"]
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};
use spin_deployer_manifest::{Ask, PluginName};
use spin_deployer_oci::Digest;

use crate::folder::{Folder, Held, Others};
use crate::plugins_error::PluginsError;

const FILE: &str = "agreed.toml";
const SCHEMA: u32 = 1;
/// In bytes.
const LARGEST: u64 = 4 << 20;

/// What the user agreed to, of one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgreedPlugin {
    /// The manifest's own, for who reads the file.
    pub name: PluginName,
    /// The same.
    pub version: Version,
    /// Where it came from, as a lock says it; a file by its whole path.
    #[serde(default)]
    pub source: String,
    /// Whether they said that it takes the place of the plugin of its name in the program.
    #[serde(default)]
    pub overrides: bool,
    /// All that the manifest asked for.
    #[serde(default)]
    pub asks: Ask,
}

/// A folder, which need not exist yet; that of [`Installed`](crate::Installed).
#[derive(Clone, Debug)]
pub struct Agreed(Folder);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: u32,
    #[serde(default)]
    agreed: BTreeMap<Digest, AgreedPlugin>,
}

impl Agreed {
    /// In this folder.
    pub fn at(folder: PathBuf) -> Self {
        Self(Folder::at(folder, Others::Read))
    }

    /// The file.
    pub fn file(&self) -> PathBuf {
        self.0.file(FILE)
    }

    /// All of it.
    ///
    /// # Errors
    /// A folder or file that others could have written, a damaged file, or one that cannot be read.
    pub fn all(&self) -> Result<BTreeMap<Digest, AgreedPlugin>, PluginsError> {
        let Some(bytes) = self.0.read(FILE, LARGEST)? else {
            return Ok(BTreeMap::new());
        };
        let damaged = |why: String| PluginsError::Damaged {
            path: self.file(),
            why,
        };
        let text = std::str::from_utf8(&bytes).map_err(|e| damaged(e.to_string()))?;
        let document: Document =
            toml::from_str(text).map_err(|e| damaged(e.to_string().trim_end().to_owned()))?;
        match document.schema {
            SCHEMA => Ok(document.agreed),
            other => Err(damaged(format!(
                "it is of version {other}, and this program knows {SCHEMA}"
            ))),
        }
    }

    /// What the user agreed to of this component. `None`: nothing.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn get(&self, digest: &Digest) -> Result<Option<AgreedPlugin>, PluginsError> {
        Ok(self.all()?.remove(digest))
    }

    /// Records it, in place of what was agreed to for this digest.
    ///
    /// # Errors
    /// As [`Self::all`], or it cannot be written. Then nothing changed.
    pub fn put(&self, digest: Digest, plugin: AgreedPlugin) -> Result<(), PluginsError> {
        let held = self.0.hold()?;
        let mut agreed = self.all()?;
        agreed.insert(digest, plugin);
        self.write(&held, agreed)
    }

    /// Takes it back: the user is asked again. Says whether there was something to take back.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove(&self, digest: &Digest) -> Result<bool, PluginsError> {
        if !self.0.exists()? {
            return Ok(false);
        }
        let held = self.0.hold()?;
        let mut agreed = self.all()?;
        if agreed.remove(digest).is_none() {
            return Ok(false);
        }
        self.write(&held, agreed).map(|()| true)
    }

    /// Takes back all that was agreed to under a name.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove_all(&self, name: &PluginName) -> Result<(), PluginsError> {
        if !self.0.exists()? {
            return Ok(());
        }
        let held = self.0.hold()?;
        let mut agreed = self.all()?;
        let before = agreed.len();
        agreed.retain(|_, plugin| plugin.name != *name);
        match agreed.len() == before {
            true => Ok(()),
            false => self.write(&held, agreed),
        }
    }

    fn write(
        &self,
        held: &Held,
        agreed: BTreeMap<Digest, AgreedPlugin>,
    ) -> Result<(), PluginsError> {
        let document = Document {
            schema: SCHEMA,
            agreed,
        };
        let text = toml::to_string(&document).map_err(|e| PluginsError::Io {
            path: self.file(),
            source: std::io::Error::other(e),
        })?;
        if text.len() as u64 > LARGEST {
            return Err(PluginsError::TooLarge { path: self.file() });
        }
        Ok(held.write(FILE, text.as_bytes())?)
    }
}
