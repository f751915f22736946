//! Where a catalog is, as the user names it.

use std::{fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Serialize};
use spin_deployer_manifest::{Origin, PluginName, UrlError, read_url};
use url::Url;

use crate::location::Location;

/// A text that is not where a catalog could be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No URL.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// In the clear, and not on this machine.
    #[error(
        "`{0}` is not encrypted, so that anybody on the way could say which plugins there are: write https:// in front"
    )]
    Clear(Url),
    /// A folder has no query.
    #[error(
        "`{0}` has a query, what follows the `?`, and a catalog is a folder of files: leave it out"
    )]
    Query(Url),
}

/// The folder of a catalog: a URL of https, or of http on this machine. Its path ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Url);

impl Address {
    /// The folder.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Where a file is that the catalog refers to.
    pub fn resolve(&self, location: &Location) -> Url {
        match (location.url(), location.path()) {
            (Some(url), _) => url.clone(),
            (None, path) => self.below(path.unwrap_or_default()),
        }
    }

    /// Where a file of the catalog is: [`INDEX`], [`entry_path`], or another path in which no part leads out.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }
}

/// What a catalog is asked first: the path of the index below its folder.
pub const INDEX: &str = "index.json";

/// The path of a version's file below the catalog's folder.
pub fn entry_path(name: &PluginName, version: &Version) -> String {
    format!("{name}/{name}@{version}.json")
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads the URL of the folder, with or without `/` at its end, or that of its `index.json`.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut url = read_url(text)?;
        if url.query().is_some() {
            return Err(AddressError::Query(url));
        }
        let here = Origin::of(&url).is_ok_and(|origin| origin.host.is_loopback());
        if url.scheme() != "https" && !here {
            return Err(AddressError::Clear(url));
        }
        let path = url.path();
        let folder = path
            .strip_suffix(INDEX)
            .filter(|folder| folder.ends_with('/'));
        let folder = folder.unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&format!("{folder}/"));
        Ok(Self(url))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.into()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
