//! Where a request goes: scheme, host and port in one canonical spelling, so that two spellings of one place are equal
//! and what is not clearly one place is refused.
//!
//! | text | origin |
//! |---|---|
//! | `https://GHCR.io.` | `https://ghcr.io` |
//! | `https://ghcr.io:443` | `https://ghcr.io` |
//! | `http://0x7f.1:5000` | `http://127.0.0.1:5000`, as the URL standard parses numbers |
//! | `https://user@ghcr.io`, `https://ghcr.io:`, `https://ghcr.io/v2`, `https://ghçr.io` | refused |
//!
//! The parsers of URLs in common use read such things differently, and a check that reads them otherwise than the
//! client that connects is no check. So everything that is connected to is built out of these parts.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::text::serde_as_text;

/// A text that is no origin. No variant repeats user information: there could be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Neither `https://` nor `http://` stands in front.
    #[error("`{0}` does not begin with `https://` or `http://`")]
    Scheme(String),
    /// Something stands before an `@`.
    #[error("an address has no user name or password in it (what stands before the `@`)")]
    UserInfo,
    /// More than scheme, host and port.
    #[error("`{0}` is more than scheme, host and port, and only the server is meant: write `{server}`", server = server(.0))]
    Path(String),
    /// An empty or impossible port.
    #[error("`{0}` is no port: a number from 1 to 65535, or leave the `:` out")]
    Port(String),
    /// Not a host.
    #[error(
        "`{0}` is no host: write a name such as `registry.example.com` in ASCII (`xn--…` for others), an IPv4 address, or an IPv6 address in `[…]`"
    )]
    Host(String),
    /// A `*` somewhere else than in front, or before too little.
    #[error(
        "`{0}`: `*.` stands only in front of a domain of two labels or more, as in `https://*.example.com`"
    )]
    Wildcard(String),
}

/// What stands before the path.
fn server(text: &str) -> &str {
    let host = text.find("://").map_or(0, |at| at + 3);
    let end = text[host..].find(['/', '?', '#', '\\']);
    match end {
        Some(end) if end > 0 => &text[..host + end],
        _ => "https://example.com:8443",
    }
}

/// Of the schemes there are, those that a plugin may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP in the clear: to loopback, or where the user wrote it.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Splits `https://` or `http://` off, in any case.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = text.split_once("://")?;
        [Self::Http, Self::Https]
            .into_iter()
            .find(|s| scheme.eq_ignore_ascii_case(s.as_str()))
            .map(|s| (s, rest))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host in canonical form: a lower-case ASCII domain without trailing dot, or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(url::Host<String>);

impl Host {
    /// The host as the `url` crate has it.
    pub fn as_url_host(&self) -> &url::Host<String> {
        &self.0
    }

    /// The name, if it is one.
    pub fn domain(&self) -> Option<&str> {
        match &self.0 {
            url::Host::Domain(domain) => Some(domain),
            _ => None,
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.0 {
            url::Host::Domain(_) => None,
            url::Host::Ipv4(ip) => Some(ip.into()),
            url::Host::Ipv6(ip) => Some(ip.into()),
        }
    }

    /// Whether it is this machine by name or number: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            url::Host::Domain(domain) => domain == "localhost",
            url::Host::Ipv4(ip) => Ipv4Addr::is_loopback(ip),
            url::Host::Ipv6(ip) => Ipv6Addr::is_loopback(ip),
        }
    }
}

impl FromStr for Host {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let error = || OriginError::Host(text.to_owned());
        if text.starts_with('[') {
            return url::Host::parse(text).map(Self).map_err(|_| error());
        }
        // Narrower than the URL standard, which would decode `%2e` and map what looks like a letter or a dot to one.
        let name = text.strip_suffix('.').unwrap_or(text);
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let labels = name.split('.').all(|label| (1..=63).contains(&label.len()));
        if !labels || name.len() > 253 || !name.bytes().all(known) {
            return Err(error());
        }
        url::Host::parse(name).map(Self).map_err(|_| error())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A server: scheme, host and port. Equal origins are one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Canonical.
    pub host: Host,
    /// Never 0; that of the scheme where none was named.
    pub port: u16,
}

impl Origin {
    /// Reads `host` or `host:port`, the authority of a request.
    ///
    /// # Errors
    /// User information, an empty or impossible port, a host that is none.
    pub fn from_authority(scheme: Scheme, authority: &str) -> Result<Self, OriginError> {
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        let host_end = if authority.starts_with('[') {
            authority.find(']').map(|end| end + 1)
        } else {
            authority.find(':')
        };
        let (host, port) = authority.split_at(host_end.unwrap_or(authority.len()));
        let port = match port {
            "" => scheme.default_port(),
            _ => port
                .strip_prefix(':')
                .and_then(parse_port)
                .ok_or_else(|| OriginError::Port(port.to_owned()))?,
        };
        Ok(Self {
            scheme,
            host: host.parse()?,
            port,
        })
    }

    /// The origin of a URL.
    ///
    /// # Errors
    /// Another scheme than http and https, user information, or a host that the URL standard takes and this does not.
    pub fn of(url: &url::Url) -> Result<Self, OriginError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        url[..url::Position::BeforePath].parse()
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let plain = digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        if text.contains('@') {
            return Err(OriginError::UserInfo);
        }
        let (scheme, authority) =
            Scheme::split(text).ok_or_else(|| OriginError::Scheme(text.to_owned()))?;
        if authority.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path(text.to_owned()));
        }
        Self::from_authority(scheme, authority)
    }
}

/// `https://ghcr.io`, with the port where it is not that of the scheme, without a trailing slash.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// One origin, or with `*.` in front all whose host lies below that domain, however deep, but not the domain itself.
/// The port is that of the scheme unless the pattern names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginPattern {
    base: Origin,
    below: bool,
}

impl OriginPattern {
    /// The pattern that matches this origin and nothing else.
    pub fn exact(origin: Origin) -> Self {
        Self {
            base: origin,
            below: false,
        }
    }

    /// The origin, where the pattern matches one only.
    pub fn as_exact(&self) -> Option<&Origin> {
        (!self.below).then_some(&self.base)
    }

    pub(crate) fn allows_clear_text(&self) -> bool {
        self.base.scheme == Scheme::Http
    }

    /// Whether requests to this origin are meant.
    pub fn matches(&self, origin: &Origin) -> bool {
        if self.below {
            self.is_above(origin)
        } else {
            self.base == *origin
        }
    }

    /// Whether every origin that `other` means is meant here.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.below, other.below) {
            (_, false) => self.matches(&other.base),
            (true, true) => self.base == other.base || self.is_above(&other.base),
            (false, true) => false,
        }
    }

    fn is_above(&self, origin: &Origin) -> bool {
        let (Some(base), Some(host)) = (self.base.host.domain(), origin.host.domain()) else {
            return false;
        };
        self.base.scheme == origin.scheme
            && self.base.port == origin.port
            && host
                .strip_suffix(base)
                .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
    }
}

impl FromStr for OriginPattern {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let Some((scheme, authority)) = Scheme::split(text).filter(|(_, rest)| rest.contains('*'))
        else {
            return text.parse().map(Self::exact);
        };
        let wildcard = || OriginError::Wildcard(text.to_owned());
        let domain = authority.strip_prefix("*.").ok_or_else(wildcard)?;
        if domain.contains('*') {
            return Err(wildcard());
        }
        let base = format!("{scheme}://{domain}").parse::<Origin>();
        let base = base.map_err(|error| match error {
            OriginError::Path(_) => OriginError::Path(text.to_owned()),
            error => error,
        })?;
        // Below one label alone lies what belongs to nobody in particular, and below an address lies nothing.
        match base.host.domain() {
            Some(domain) if domain.contains('.') => Ok(Self { base, below: true }),
            _ => Err(wildcard()),
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.base.to_string();
        match text.split_once("://") {
            Some((scheme, rest)) if self.below => write!(f, "{scheme}://*.{rest}"),
            _ => f.write_str(&text),
        }
    }
}

serde_as_text!(Scheme, Host, Origin, OriginPattern);

impl FromStr for Scheme {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(OriginError::Scheme(text.to_owned())),
        }
    }
}
