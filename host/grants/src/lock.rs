//! `deployer.lock`: which plugins an app is deployed with, and what was agreed to for each.
//!
//! It lies beside `spin.toml` and in its version control, so that a colleague and a CI runner use the same component
//! under the same rules. One table a plugin, in the order of their names, and one key a line: two branches that change
//! different plugins merge.
//!
//! ```toml
//! schema = 1
//!
//! [plugins.api]
//! source = "ghcr.io/acme/api:0.1.0"
//! version = "0.1.0"
//! digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
//!
//! [[plugins.api.asks.http]]
//! to = "https://api.example.com"
//! methods = ["PUT"]
//! paths = ["/v1/**"]
//! ```
//!
//! It says what was agreed to, and not that anybody did: who reads one has to know whose it is.

use std::{collections::BTreeMap, fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use spin_deployer_manifest::{
    Ask, Change, DocumentError, Line, Located, Manifest, PluginName, read_toml,
};
use spin_deployer_oci::Digest;

use crate::schema;

const SCHEMA: i64 = 1;

/// The plugins of an app. The default has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By the name of the manifest, which is also their order in the file.
    pub plugins: BTreeMap<PluginName, LockedPlugin>,
}

/// One plugin, and what it was allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPlugin {
    /// Where it came from: a reference in a registry, a path. Shown, and looked at when an update is wanted.
    pub source: Line,
    /// The manifest's own.
    pub version: Version,
    /// Of the component. No other one is this plugin, whatever its source has now.
    pub digest: Digest,
    /// Who signed it, where somebody did: an update that nobody or somebody else signed is another plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<Line>,
    /// Whether it takes the place of the plugin of this name that is in the program, because its user said so. Without
    /// this a name of a plugin in the program means that one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overrides: bool,
    /// What was agreed to.
    #[serde(default, skip_serializing_if = "asks_nothing")]
    pub asks: Ask,
}

impl LockedPlugin {
    /// Whether who agreed to this has agreed to all that the manifest asks for. `false` also where that cannot be proven.
    pub fn covers(&self, manifest: &Manifest) -> bool {
        self.asks.covers(&Ask::of(manifest))
    }

    /// What the manifest asks for and this has not, then what it does not ask for any more: what to show before somebody
    /// agrees again.
    pub fn difference(&self, manifest: &Manifest) -> Vec<Change> {
        self.asks.difference(&Ask::of(manifest))
    }

    /// How the plugin here is another one: version, digest and signer, a line each. The same bytes are the same plugin,
    /// whoever else signed them.
    pub fn other(&self, here: &Self) -> Vec<String> {
        fn signer(of: &LockedPlugin) -> &str {
            of.signer.as_ref().map_or("nobody", Line::as_str)
        }
        let (there_version, here_version) = (self.version.to_string(), here.version.to_string());
        let compared = [
            ("version", &*there_version, &*here_version),
            ("digest", self.digest.as_str(), here.digest.as_str()),
            ("signer", signer(self), signer(here)),
        ];
        compared
            .into_iter()
            .filter(|(what, is, now)| {
                is != now && (*what != "signer" || self.digest != here.digest)
            })
            .map(|(what, there, here)| format!("{what}: {there} in the lock, {here} here"))
            .collect()
    }
}

fn asks_nothing(ask: &Ask) -> bool {
    *ask == Ask::default()
}

/// The first thing that is wrong with a lock file, and where.
pub type LockError = DocumentError<LockProblem>;

/// What is wrong with a lock file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockProblem {
    /// No TOML, an unknown key, or a text that does not become the type of its key.
    #[error("{0}")]
    Document(String),
    /// Nothing says which version of this format it is.
    #[error("a lock file begins with the version of its format: write `schema = {SCHEMA}`")]
    NoSchema,
    /// A format of another version.
    #[error(
        "this is a lock file of schema {0}, and schema {SCHEMA} is the one that is understood: use a release of spin-deployer that knows it"
    )]
    Schema(i64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    #[serde(default)]
    plugins: BTreeMap<PluginName, LockedPlugin>,
}

impl FromStr for Lock {
    type Err = LockError;

    /// Reads what `Display` wrote, in any order and layout.
    fn from_str(text: &str) -> Result<Self, LockError> {
        read(text).map_err(|(at, problem)| LockError::at(text, &at, problem))
    }
}

fn read(text: &str) -> Located<Lock, LockProblem> {
    schema::check(
        text,
        SCHEMA,
        LockProblem::Document,
        LockProblem::NoSchema,
        LockProblem::Schema,
    )?;
    let document: Document = read_toml(text, LockProblem::Document)?;
    Ok(Lock {
        plugins: document.plugins,
    })
}

/// TOML, the same for all that are equal.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[derive(Serialize)]
        struct Written<'a> {
            schema: i64,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            plugins: &'a BTreeMap<PluginName, LockedPlugin>,
        }
        let written = Written {
            schema: SCHEMA,
            plugins: &self.plugins,
        };
        f.write_str(&toml::to_string(&written).map_err(|_| fmt::Error)?)
    }
}
