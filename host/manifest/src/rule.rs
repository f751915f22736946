//! What a plugin asks to send over HTTP: the `[[http]]` tables of its manifest.

use std::{fmt, str::FromStr};

use http::Method;

use crate::{
    name::{NameError, OptionName},
    origin::{OriginError, OriginPattern},
    path::{PathError, PathPattern},
    pointer::Pointer,
    text::{list, serde_as_text},
};

/// The methods that a rule may name. `CONNECT` and `TRACE` have no use here that is not an attack.
pub const METHODS: [Method; 7] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
];

/// How many places a rule can hide.
pub const MOST_HIDDEN: usize = 16;

/// A part of a rule that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not one of [`METHODS`].
    #[error("`{0}` is no method that a rule can name: {methods}", methods = list(&METHODS))]
    Method(String),
    /// Not one of [`Follow`].
    #[error("`{0}` cannot be followed: {follows} can", follows = list(FOLLOWS))]
    Follow(String),
    /// Not a method and a path.
    #[error(
        "`{0}` is no effect: a method and a path, as in `POST /api/auth-tokens`, or a method and `www-authenticate`"
    )]
    Effect(String),
    /// Braces around something that is no option's name.
    #[error("to: {0}")]
    Option(#[from] NameError),
    /// Not an origin.
    #[error(
        "to: {0}; or write the name of an option of type url or registry in braces, as in `{{reference}}`"
    )]
    Origin(#[from] OriginError),
    /// A fixed place beyond this machine that is spoken to in the clear.
    #[error(
        "`{0}` is not encrypted: a manifest names `https://` places only, and `http://` on loopback"
    )]
    Clear(String),
    /// Not a pattern of paths.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// One request of a manifest: to this place, by these methods, on these paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRule {
    /// Where to.
    pub to: RuleTarget,
    /// At least one, of [`METHODS`].
    pub methods: Vec<Method>,
    /// A request needs one of these; [`PathPattern::all`] where the manifest has none.
    pub paths: Vec<PathPattern>,
    /// Options of type secret, or of type registry (their credential), that may be sent there. Empty: no secret.
    pub sends: Vec<OptionName>,
    /// What is let out beside GET and HEAD in a phase that only reads. Empty: nothing.
    pub plan: Vec<PlanEffect>,
    /// Answers whose addresses count as allowed. Empty: none.
    pub follows: Vec<Follow>,
    /// Places in JSON answers whose texts the plugin gets placeholders for. At most [`MOST_HIDDEN`]. Empty: none.
    pub hides: Vec<Pointer>,
    /// The author's reason, shown to the user. One line.
    pub why: String,
}

/// Where a rule points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleTarget {
    /// `{reference}`: the origin of this option's value.
    Option(OptionName),
    /// `https://api.example.com`, `https://*.example.com:8443`.
    Fixed(OriginPattern),
}

impl RuleTarget {
    /// Whether every place that `other` can mean is meant here, whatever values the options have.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Option(here), Self::Option(there)) => here == there,
            (Self::Fixed(here), Self::Fixed(there)) => here.covers(there),
            _ => false,
        }
    }
}

impl FromStr for RuleTarget {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        if let Some(name) = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            return Ok(Self::Option(name.parse::<OptionName>()?));
        }
        let pattern = text.parse::<OriginPattern>()?;
        if pattern.allows_clear_text()
            && !pattern
                .as_exact()
                .is_some_and(|origin| origin.host.is_loopback())
        {
            return Err(RuleError::Clear(text.to_owned()));
        }
        Ok(Self::Fixed(pattern))
    }
}

impl fmt::Display for RuleTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "{{{name}}}"),
            Self::Fixed(pattern) => pattern.fmt(f),
        }
    }
}

/// An answer whose address is allowed because an allowed origin named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Follow {
    /// `Location`, where an upload continues (RFC 9110, section 10.2.2).
    Location,
    /// The `realm` of `WWW-Authenticate`, where a registry gives out tokens.
    WwwAuthenticate,
    /// Hosts in JSON, where a platform says that the app is. The plugin may not go there: the host waits for them.
    Routes,
}

const FOLLOWS: [Follow; 3] = [Follow::Location, Follow::WwwAuthenticate, Follow::Routes];

impl FromStr for Follow {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        FOLLOWS
            .into_iter()
            .find(|follow| follow.to_string() == text)
            .ok_or_else(|| RuleError::Follow(text.to_owned()))
    }
}

impl fmt::Display for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Location => "location",
            Self::WwwAuthenticate => "www-authenticate",
            Self::Routes => "routes",
        })
    }
}

/// What a plugin may do even in a phase that only reads; the user is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanEffect {
    /// `POST /api/auth-tokens`
    Path(Method, PathPattern),
    /// `POST www-authenticate`: to the token service that the registry announces.
    WwwAuthenticate(Method),
}

impl PlanEffect {
    /// The method of either.
    pub fn method(&self) -> &Method {
        match self {
            Self::Path(method, _) | Self::WwwAuthenticate(method) => method,
        }
    }
}

impl FromStr for PlanEffect {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (method, place) = text
            .split_once(' ')
            .ok_or_else(|| RuleError::Effect(text.to_owned()))?;
        let method = parse_method(method)?;
        match place {
            "www-authenticate" => Ok(Self::WwwAuthenticate(method)),
            _ if place.starts_with('/') => Ok(Self::Path(method, place.parse::<PathPattern>()?)),
            _ => Err(RuleError::Effect(text.to_owned())),
        }
    }
}

impl fmt::Display for PlanEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(method, path) => write!(f, "{method} {path}"),
            Self::WwwAuthenticate(method) => write!(f, "{method} www-authenticate"),
        }
    }
}

serde_as_text!(RuleTarget, Follow, PlanEffect);

/// Reads one of [`METHODS`], in capitals as on the wire.
///
/// # Errors
/// When it is none of them.
pub fn parse_method(text: &str) -> Result<Method, RuleError> {
    METHODS
        .into_iter()
        .find(|method| method.as_str() == text)
        .ok_or_else(|| RuleError::Method(text.to_owned()))
}
