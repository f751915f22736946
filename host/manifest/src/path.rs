//! Which paths of a server a rule means.
//!
//! | pattern | matches | does not match |
//! |---|---|---|
//! | `/**` | every path | |
//! | `/api/**` | `/api/`, `/api/apps/1` | `/api`, `/apis` |
//! | `/apps/*/channels` | `/apps/1/channels` | `/apps/channels`, `/apps/1/2/channels` |
//!
//! `*` is one segment that is not empty and `**` one or more of any kind; both stand alone between slashes. A path is
//! compared as it is sent, percent-encoding and all. One that a server could resolve to another place (`/api/../admin`,
//! in whatever disguise) matches no pattern.

use std::{fmt, str::FromStr};

use crate::text::serde_as_text;

/// A text that is no pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It must begin with `/`.
    #[error("the path `{0}` does not begin with `/`")]
    Relative(String),
    /// `*` as part of a segment.
    #[error(
        "in the path `{0}`: `*` is one whole segment and `**` any number of them, as in `/api/*/apps/**`"
    )]
    Wildcard(String),
    /// A character that a path cannot have, or a `.` or `..` segment.
    #[error("the path `{0}` has a character or a dot segment that a request's path cannot have")]
    Character(String),
}

/// A pattern of paths; see the module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathPattern(String);

impl PathPattern {
    /// The pattern of every path.
    pub fn all() -> Self {
        Self("/**".into())
    }

    /// Whether the path of a request, without its query, is meant.
    pub fn matches(&self, path: &str) -> bool {
        // What a path has for a `*` is a segment like any other.
        is_plain_path(path) && takes(&self.0, path, |segment| !segment.is_empty())
    }

    /// Whether the path is meant, or a server that is lax may take it for one that is: whatever the case of its letters,
    /// its percent-encoding, a slash more or less, parameters after `;`, dots and spaces at the end of a segment. For what
    /// a rule forbids; to let something out this is too wide.
    pub fn may_mean(&self, path: &str) -> bool {
        self.matches(path) || takes(&folded(&self.0), &folded(path), |_| true)
    }

    /// Whether there may be a path that both mean. `true` also where there is none and that is hard to see.
    pub(crate) fn may_meet(&self, other: &Self) -> bool {
        let (mut here, mut there) = (self.0.split('/'), other.0.split('/'));
        loop {
            match (here.next(), there.next()) {
                (Some("**"), Some(_)) | (Some(_), Some("**")) | (None, None) => return true,
                (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
                _ => return false,
            }
        }
    }

    /// Whether every path that `other` means is meant here. `false` also where that is true and hard to see.
    pub fn covers(&self, other: &Self) -> bool {
        takes(&self.0, &other.0, |segment| !matches!(segment, "" | "**"))
    }
}

impl FromStr for PathPattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if !text.starts_with('/') {
            return Err(PathError::Relative(text.to_owned()));
        }
        if text
            .split('/')
            .any(|segment| segment.contains('*') && !matches!(segment, "*" | "**"))
        {
            return Err(PathError::Wildcard(text.to_owned()));
        }
        if !is_plain_path(text) {
            return Err(PathError::Character(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(PathPattern);

/// Whether a path says the same to everyone who reads it: it begins with `/`, has only characters that a path has
/// (RFC 3986, section 3.3), and no segment that, percent-decoded however often, cut at `/`, `\` or `;`, is `.` or `..`.
pub fn is_plain_path(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
    if !path.starts_with('/') || !path.bytes().all(allowed) {
        return false;
    }
    let mut bytes = path.as_bytes().to_vec();
    // Nobody encodes one thing eight times for an honest reason.
    for _ in 0..8 {
        if bytes
            .split(|b| matches!(b, b'/' | b'\\' | b';'))
            .any(|piece| matches!(piece, b"." | b".."))
        {
            return false;
        }
        let decoded = percent_decode(&bytes);
        if decoded == bytes {
            return true;
        }
        bytes = decoded;
    }
    false
}

/// One spelling for all paths that a lax server takes for one.
fn folded(path: &str) -> String {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..8 {
        bytes = percent_decode(&bytes);
    }
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    let segments = text.split(['/', '\\']).filter_map(|segment| {
        let name = segment.split(';').next()?.trim_end_matches(['.', ' ']);
        (!name.is_empty()).then(|| format!("/{name}"))
    });
    segments.collect()
}

/// One layer of percent-encoding off; what is no encoding stays.
fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let hex = |b: Option<&u8>| {
        b.and_then(|b| char::from(*b).to_digit(16))
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Whether the pattern takes these segments one by one; what `*` takes says `one`. A `**` among them, where they are a
/// pattern themselves, is taken by a `**` only. The usual glob with one point of return, so that a long path of a
/// hostile plugin costs at most its length times the pattern's.
fn takes(pattern: &str, path: &str, one: impl Fn(&str) -> bool) -> bool {
    let pattern: Vec<&str> = pattern.split('/').skip(1).collect();
    let path: Vec<&str> = path.split('/').skip(1).collect();
    let (mut p, mut s) = (0, 0);
    let mut last_deep: Option<(usize, usize)> = None;
    while s < path.len() {
        let taken = match pattern.get(p) {
            Some(&"**") => {
                last_deep = Some((p, s));
                true
            }
            Some(&"*") => one(path[s]),
            Some(literal) => *literal == path[s],
            None => false,
        };
        if taken {
            (p, s) = (p + 1, s + 1);
        } else if let Some((deep, from)) = last_deep {
            last_deep = Some((deep, from + 1));
            (p, s) = (deep + 1, from + 2);
        } else {
            return false;
        }
    }
    p == pattern.len() && s == path.len()
}
