//! Where a file is that a catalog refers to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use spin_deployer_manifest::{UrlError, read_url};
use url::Url;

/// In bytes.
const LONGEST: usize = 2_000;

/// A text that leads nowhere, or where a catalog may not lead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// More than [`LONGEST`].
    #[error("an address has at most {LONGEST} bytes, and this one has {0}")]
    TooLong(usize),
    /// No URL.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// In the clear, where anybody could be the one who answers.
    #[error("`{0}` is not encrypted: a catalog leads to https://, or to a path in its own folder")]
    Clear(Url),
    /// A path that a person, a server or a disk could read differently.
    #[error(
        "`{0}` is no path in the folder of the catalog: names with `/` between them, each of letters, digits and `.`, `_`, \
         `-`, `@`, `~`, and with no `.` at its end; or write a whole address with https:// in front"
    )]
    Path(String),
}

/// A URL of https, or a path below the folder of the catalog. Such a path has no part that leads up or out of it, in a
/// URL or on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Location(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Elsewhere(Url),
    Below(String),
}

impl Location {
    /// The URL, where it is one.
    pub fn url(&self) -> Option<&Url> {
        match &self.0 {
            Place::Elsewhere(url) => Some(url),
            Place::Below(_) => None,
        }
    }

    /// The path below the folder of the catalog, where it is one: parts with `/` between them.
    pub fn path(&self) -> Option<&str> {
        match &self.0 {
            Place::Elsewhere(_) => None,
            Place::Below(path) => Some(path),
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        if text.len() > LONGEST {
            return Err(LocationError::TooLong(text.len()));
        }
        if text.contains("://") {
            let url = read_url(text)?;
            return match url.scheme() {
                "https" => Ok(Self(Place::Elsewhere(url))),
                _ => Err(LocationError::Clear(url)),
            };
        }
        if text.split('/').all(is_part) {
            Ok(Self(Place::Below(text.to_owned())))
        } else {
            Err(LocationError::Path(text.to_owned()))
        }
    }
}

/// Not `.` nor `..`, with or without what Windows drops at the end of a name.
fn is_part(part: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-@~".contains(&b);
    !part.is_empty() && !part.ends_with('.') && part.bytes().all(known)
}

impl TryFrom<String> for Location {
    type Error = LocationError;

    fn try_from(text: String) -> Result<Self, LocationError> {
        text.parse()
    }
}

impl From<Location> for String {
    fn from(location: Location) -> Self {
        location.to_string()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Elsewhere(url) => url.fmt(f),
            Place::Below(path) => f.write_str(path),
        }
    }
}
