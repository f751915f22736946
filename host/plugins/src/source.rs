//! Where a plugin comes from, as the user types it and as a lock keeps it: each can be installed from again.
//!
//! | text | |
//! |---|---|
//! | `./shelf.wasm` | a file |
//! | `https://example.com/shelf.wasm#sha256:…` | a URL, and the only digest that is taken from there |
//! | `ghcr.io/acme/shelf:1.0.0`, also with `@sha256:…` | an artifact in a registry |
//! | `shelf`, `shelf@1.2.0`, `shelf@^1.2` | the newest of that in a catalog |
//! | `catalog+https://plugins.example.com/#shelf@1.2.0` | the same, in this very catalog, whatever the user calls it |

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr as _;

use semver::Version;
use spin_deployer_catalog::{Address, AddressError, Request, RequestError, Wanted};
use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::{Origin, Reference, Scheme};
use spin_deployer_oci::Digest;
use url::Url;

/// In front of a catalog's location.
const CATALOG: &str = "catalog+";

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file.
    File(PathBuf),
    /// What is at a URL, if it has this digest.
    Url(Url, Digest),
    /// An artifact in a registry.
    Registry(Reference),
    /// A plugin of a catalog.
    Catalog {
        /// Where the catalog is; `None` is any that the user has.
        location: Option<Location>,
        /// Which plugin, and which versions of it.
        request: Request,
    },
}

/// Where a catalog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder of a server.
    Url(Address),
    /// A folder here.
    Folder(PathBuf),
}

impl Source {
    /// Reads what was typed. A path starts in `folder`.
    ///
    /// # Errors
    /// It is none of these, with what is missing.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix(CATALOG) {
            return Self::of_catalog(rest, folder, text);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Self::of_url(text);
        }
        if looks_like_a_path(text) {
            return Ok(Self::File(folder.join(text)));
        }
        if text.contains('/') {
            let reference = Reference::from_str(text).map_err(|error| unusable(text, &error))?;
            return Ok(Self::Registry(reference));
        }
        Ok(Self::Catalog {
            location: None,
            request: named(text)?,
        })
    }

    /// Whether what it leads to is this version today and tomorrow, because it names that or the bytes.
    pub(crate) fn is_exactly(&self, version: &Version) -> bool {
        match self {
            Self::File(_) | Self::Url(..) => true,
            Self::Registry(reference) => {
                let is_it = |tag: &str| Version::parse(tag).is_ok_and(|tag| tag == *version);
                reference.digest().is_some() || reference.tag().is_some_and(is_it)
            }
            Self::Catalog { request, .. } => matches!(request.wanted, Wanted::Exactly(_)),
        }
    }

    /// Where all versions of it come from. `None`: that cannot be said.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(std::path::absolute(path).ok()?.display().to_string()),
            Self::Url(url, _) => {
                let folder = url.join(".").ok()?;
                Some(folder.into())
            }
            Self::Registry(reference) => {
                Some(format!("{}/{}", reference.origin(), reference.repository()))
            }
            Self::Catalog { location, request } => {
                let location = location.as_ref()?;
                Some(format!("{CATALOG}{location}#{}", request.name))
            }
        }
    }

    fn of_url(text: &str) -> Result<Self, Error> {
        let (place, digest) = match text.split_once('#') {
            Some((place, digest)) => (place, Some(digest)),
            None => (text, None),
        };
        let path = place.split('?').next().unwrap_or_default();
        match digest {
            Some(digest) => {
                let digest = digest
                    .parse::<Digest>()
                    .map_err(|error| unusable(text, &error))?;
                let mut url = Url::parse(place).map_err(|error| unusable(text, &error))?;
                url.set_fragment(None);
                clear_only_here(&url)?;
                Ok(Self::Url(url, digest))
            }
            None if path.ends_with(".wasm") => {
                let message = "a plugin at a URL needs its digest".to_owned();
                Err(Error::new(Code::Usage, message)
                    .detail(place.to_owned())
                    .help("write the one that its author publishes behind it: `URL#sha256:…`"))
            }
            None => Reference::from_str(text)
                .map(Self::Registry)
                .map_err(|error| unusable(text, &error)),
        }
    }

    fn of_catalog(rest: &str, folder: &Path, text: &str) -> Result<Self, Error> {
        let Some((location, plugin)) = rest.rsplit_once('#') else {
            return Err(unusable(
                text,
                &"which plugin? Write `catalog+LOCATION#NAME`".to_owned(),
            ));
        };
        Ok(Self::Catalog {
            location: Some(Location::parse(location, folder)?),
            request: named(plugin)?,
        })
    }
}

impl Location {
    /// Reads where a catalog is. A folder's path starts in `folder`.
    ///
    /// # Errors
    /// It is neither a folder nor a URL that can be asked.
    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Self, Error> {
        if !text.contains("://") {
            return match text.is_empty() {
                true => Err(unusable(text, &"a catalog is a folder or a URL".to_owned())),
                false => Ok(Self::Folder(clean(&folder.join(text)))),
            };
        }
        let address = text.parse().map_err(|error: AddressError| {
            Error::new(Code::Usage, format!("`{text}` is no place of a catalog"))
                .detail(error.to_string())
        })?;
        Ok(Self::Url(address))
    }
}

/// A folder by one path, however it was written: without `.`, and without `..` where that is the same place.
fn clean(folder: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in folder.components() {
        match part {
            Component::CurDir => {}
            // Above a link is another folder than the one that holds the link.
            Component::ParentDir if clean.file_name().is_some() && !clean.is_symlink() => {
                clean.pop();
            }
            part => clean.push(part),
        }
    }
    clean
}

/// Everything that says what is run comes over TLS, or from this machine.
fn clear_only_here(url: &Url) -> Result<(), Error> {
    let origin = Origin::of(url).map_err(|error| unusable(url.as_str(), &error))?;
    match origin.scheme == Scheme::Http && !origin.host.is_loopback() {
        true => Err(unusable(
            url.as_str(),
            &"it is not encrypted: https:// is taken, and http:// on this machine".to_owned(),
        )),
        false => Ok(()),
    }
}

/// `NAME`, `NAME@1.2.0`, `NAME@^1.2`.
fn named(text: &str) -> Result<Request, Error> {
    text.parse()
        .map_err(|error: RequestError| unusable(text, &error))
}

fn looks_like_a_path(text: &str) -> bool {
    let first = text.split(['/', '\\']).next().unwrap_or_default();
    let is_wasm = Path::new(text).extension().is_some_and(|e| e == "wasm");
    is_wasm || matches!(first, "" | "." | ".." | "~") || Path::new(text).is_absolute()
}

fn unusable(text: &str, why: &impl fmt::Display) -> Error {
    Error::new(Code::Usage, format!("`{text}` says nowhere to get a plugin from"))
        .detail(why.to_string())
        .help(
            "a file as in ./shelf.wasm, `https://…#sha256:…`, a place in a registry as in ghcr.io/acme/shelf:1.0.0, or NAME[@VERSION] of a catalog",
        )
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(address) => address.fmt(f),
            Self::Folder(folder) => folder.display().fmt(f),
        }
    }
}

/// As [`Source::parse`] reads it.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url, digest) => write!(f, "{url}#{digest}"),
            Self::Registry(reference) => reference.fmt(f),
            Self::Catalog { location, request } => {
                if let Some(location) = location {
                    write!(f, "{CATALOG}{location}#")?;
                }
                request.fmt(f)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[rstest]
    #[case("ghcr.io/acme/shelf:1.0.0")]
    #[case("127.0.0.1:5000/acme/shelf")]
    #[case("http://registry.corp:5000/acme/shelf:1")]
    #[case("shelf")]
    #[case("shelf@1.2.0")]
    #[case("shelf@^1.2")]
    #[case("catalog+https://plugins.example.com/v1/#shelf@1.2.0")]
    #[case("catalog+/srv/plugins#shelf")]
    #[case("/tmp/shelf.wasm")]
    fn what_is_written_is_read_again(#[case] text: &str) {
        let source = Source::parse(text, Path::new("/here")).unwrap();
        assert_eq!(source.to_string(), text);
    }

    #[test]
    fn a_url_carries_its_digest() {
        let text = format!("https://example.com/shelf.wasm#{DIGEST}");
        let source = Source::parse(&text, Path::new("/here")).unwrap();
        assert!(matches!(&source, Source::Url(url, _) if url.fragment().is_none()));
        assert_eq!(source.to_string(), text);
    }

    #[rstest]
    #[case("https://example.com/shelf.wasm", "needs its digest")]
    #[case("https://example.com/shelf.wasm#sha256:12", "is no digest")]
    #[case("catalog+http://plugins.example.com/#shelf", "not encrypted")]
    #[case("catalog+https://plugins.example.com/", "which plugin")]
    #[case("Shelf", "lower-case")]
    #[case("shelf@one", "no version")]
    #[case("acme/shelf:1", "does not say which registry")]
    fn what_is_missing_is_said(#[case] text: &str, #[case] why: &str) {
        let error = Source::parse(text, Path::new("/here")).unwrap_err();
        let all = format!("{} {}", error.message, error.detail.unwrap_or_default());
        assert!(all.contains(why), "{all}");
    }

    #[rstest]
    #[case("./cat", "/here/cat")]
    #[case("app/../cat", "/here/cat")]
    #[case("/../cat", "/../cat")]
    fn a_catalogs_folder_has_one_path(#[case] text: &str, #[case] expected: &str) {
        let location = Location::parse(text, Path::new("/here")).unwrap();
        assert_eq!(location.to_string(), expected);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_above_a_link_is_left_to_the_system() {
        let home = tempfile::tempdir().unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        let folder = link.join("../cat");
        assert_eq!(clean(&folder), folder);
    }

    #[test]
    fn a_path_starts_in_the_folder() {
        for text in ["./shelf.wasm", "shelf.wasm", "../x/shelf.wasm"] {
            let source = Source::parse(text, Path::new("/here")).unwrap();
            assert_eq!(source, Source::File(Path::new("/here").join(text)));
        }
    }
}
