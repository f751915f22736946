//! A place in a registry, as the user names it: `[http://|https://]HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`, with the
//! grammar of the OCI distribution specification 1.1.
//!
//! The registry is mandatory. Other tools read `hello:v1` as a place in Docker Hub; whoever forgets the registry here
//! is told so, and nothing goes to a place that nobody named.

use std::{fmt, str::FromStr};

use crate::{
    origin::{Origin, OriginError, Scheme},
    text::{list, serde_as_text},
};

/// A text that is no reference. No variant repeats what stands before an `@` in the registry: there could be a
/// password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The first segment is no host.
    #[error(
        "`{value}` does not say which registry: write it in front, as in `ghcr.io/{example}` or `localhost:5000/{example}`"
    )]
    MissingRegistry {
        /// What was given.
        value: String,
        /// What could follow the registry, for the advice.
        example: String,
    },
    /// Only a registry.
    #[error("`{0}` says which registry, and no repository in it: write `{0}/acme/hello:v1`")]
    MissingRepository(String),
    /// The registry cannot be an address.
    #[error("the registry: {0}")]
    Registry(#[source] OriginError),
    /// OCI distribution specification 1.1, "Pulling manifests", `<name>`.
    #[error(
        "`{0}` is no repository: lower-case letters and digits in parts with `/` between them, inside a part also `-`, `_`, `__` or `.`, 255 characters at most"
    )]
    Repository(String),
    /// A tag with characters that no tag has.
    #[error(
        "the tag `{tag}` has {}, and a tag has only letters, digits, `_`, `.` and `-`",
        list(illegal)
    )]
    TagCharacters {
        /// What was given.
        tag: String,
        /// Each illegal character once.
        illegal: Vec<char>,
    },
    /// A tag of legal characters that is none.
    #[error(
        "`{0}` is no tag: it begins with a letter, a digit or `_`, and has 128 characters at most"
    )]
    Tag(String),
    /// Not `sha256:` and 64 hexadecimal digits.
    #[error("`{0}` is no digest: `sha256:` and 64 hexadecimal digits in lower case")]
    Digest(String),
}

/// A place in a registry. `Display` gives it back, with the scheme only where it could not be guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    origin: Origin,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Where requests go: `https://ghcr.io`. The scheme is that which was typed, else http for loopback and https for
    /// everything else.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// As the user wrote it, with port: `ghcr.io`, `localhost:5000`. Credentials are kept under this name.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// `acme/shop`; on Docker Hub a name of one segment has `library/` in front, as the registry knows it.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// At most 128 characters.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// `sha256:` and 64 hexadecimal digits.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same repository with this tag and without a digest.
    ///
    /// # Errors
    /// When that is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        check_tag(tag)?;
        Ok(Self {
            tag: Some(tag.to_owned()),
            digest: None,
            ..self.clone()
        })
    }
}

impl Reference {
    /// The same place, and of all that its tag may ever mean only this.
    ///
    /// # Errors
    /// When that is no digest.
    pub fn with_digest(&self, digest: &str) -> Result<Self, ReferenceError> {
        check_digest(digest)?;
        Ok(Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        })
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (scheme, rest) = match (Scheme::split(text), text.split_once("://")) {
            (Some((scheme, rest)), _) => (Some(scheme), rest),
            (None, Some((other, _))) => {
                return Err(ReferenceError::Registry(OriginError::Scheme(format!(
                    "{other}://"
                ))));
            }
            (None, None) => (None, text),
        };
        // A digest has no slash; an `@` before one is user information, which `Origin` refuses without repeating it.
        let (place, digest) = match rest.rsplit_once('@') {
            Some((place, digest)) if !digest.contains('/') => (place, Some(digest)),
            _ => (rest, None),
        };
        if let Some(digest) = digest {
            check_digest(digest)?;
        }
        let (registry, path) = match place.split_once('/') {
            Some((registry, path)) => (registry, Some(path)),
            None => (place, None),
        };
        let user = registry.contains('@');
        let path = match path {
            Some(path) if user || scheme.is_some() || names_registry(registry) => path,
            None if names_registry(place) && !is_name_and_tag(place) => {
                return Err(ReferenceError::MissingRepository(place.to_owned()));
            }
            _ => return Err(missing_registry(place)),
        };
        let origin = origin_of(scheme, registry)?;
        let (name, tag) = parse_place(path)?;
        let official = is_docker_hub(registry) && !name.contains('/');
        Ok(Self {
            registry: registry.to_owned(),
            origin,
            repository: if official {
                format!("library/{name}")
            } else {
                name.to_owned()
            },
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let guessed = origin_of(None, &self.registry).is_ok_and(|origin| origin == self.origin);
        if !guessed || !names_registry(&self.registry) {
            write!(f, "{}://", self.origin.scheme)?;
        }
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

serde_as_text!(Reference);

/// What Docker made the rule: a first segment with a dot or a colon, or `localhost`, is a host.
fn names_registry(segment: &str) -> bool {
    segment.contains(['.', ':']) || segment.eq_ignore_ascii_case("localhost")
}

/// `hello:v1` and not `localhost:5000`: of a text without a slash, whether it reads as repository and tag.
fn is_name_and_tag(text: &str) -> bool {
    !text.starts_with('[')
        && text
            .split_once(':')
            .is_some_and(|(_, tag)| tag.parse::<u16>().is_err())
}

fn missing_registry(place: &str) -> ReferenceError {
    let example = match parse_place(place) {
        Ok((name, _)) if name.contains('/') => place.to_owned(),
        Ok(_) => format!("acme/{place}"),
        Err(_) => "acme/hello:v1".to_owned(),
    };
    ReferenceError::MissingRegistry {
        value: place.to_owned(),
        example,
    }
}

fn is_docker_hub(registry: &str) -> bool {
    ["docker.io", "index.docker.io"]
        .iter()
        .any(|hub| registry.eq_ignore_ascii_case(hub))
}

fn origin_of(scheme: Option<Scheme>, registry: &str) -> Result<Origin, ReferenceError> {
    // The name that people write answers no registry requests; this one does.
    let server = if is_docker_hub(registry) {
        "registry-1.docker.io"
    } else {
        registry
    };
    let secure = Origin::from_authority(Scheme::Https, server).map_err(ReferenceError::Registry)?;
    let guessed = || {
        if secure.host.is_loopback() {
            Scheme::Http
        } else {
            Scheme::Https
        }
    };
    Origin::from_authority(scheme.unwrap_or_else(guessed), server).map_err(ReferenceError::Registry)
}

/// `REPOSITORY[:TAG]`.
fn parse_place(text: &str) -> Result<(&str, Option<&str>), ReferenceError> {
    let (name, tag) = match text.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (text, None),
    };
    if name.len() > 255 || !name.split('/').all(is_repository_part) {
        return Err(ReferenceError::Repository(name.to_owned()));
    }
    if let Some(tag) = tag {
        check_tag(tag)?;
    }
    Ok((name, tag))
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_repository_part(part: &str) -> bool {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    part.starts_with(word) && part.ends_with(word) && part.split(word).all(separator)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let mut illegal: Vec<char> = tag
        .chars()
        .filter(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.' | '-'))
        .collect();
    illegal.sort_unstable();
    illegal.dedup();
    if !illegal.is_empty() {
        return Err(ReferenceError::TagCharacters {
            tag: tag.to_owned(),
            illegal,
        });
    }
    if tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) {
        return Err(ReferenceError::Tag(tag.to_owned()));
    }
    Ok(())
}

fn check_digest(digest: &str) -> Result<(), ReferenceError> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    match digest.strip_prefix("sha256:") {
        Some(digits) if digits.len() == 64 && digits.bytes().all(hex) => Ok(()),
        _ => Err(ReferenceError::Digest(digest.to_owned())),
    }
}
