//! Places in a JSON document: a JSON pointer (RFC 6901) in which `*` stands for every item of an array.

use std::{fmt, str::FromStr};

use crate::text::{Line, serde_as_text};

/// In bytes: it is shown in errors and in the audit log.
const LONGEST: usize = 256;

/// A text that is no pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place in a JSON document: at most {LONGEST} bytes, as in `/token` or `/items/*/privateKey`, where `~0` is `~` and `~1` is `/`"
)]
pub struct PointerError(String);

/// Names members and items from the root of a document to a place in it, or to several where one of them is `*`. Never
/// the whole document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// One name a level, with `~0` and `~1` taken off; at least one.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let wrong = || PointerError(text.to_owned());
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        if text.len() > LONGEST || Line::try_from(text.to_owned()).is_err() {
            return Err(wrong());
        }
        let names = rest.split('/').map(unescaped);
        names.collect::<Option<_>>().map(Self).ok_or_else(wrong)
    }
}

fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (character, rest) = match part.split_at_checked(1)? {
            ("0", rest) => ('~', rest),
            ("1", rest) => ('/', rest),
            _ => return None,
        };
        plain.push(character);
        plain.push_str(rest);
    }
    Some(plain)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.0 {
            write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}

serde_as_text!(Pointer);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/token", &["token"])]
    #[case("/items/*/privateKey", &["items", "*", "privateKey"])]
    #[case("/", &[""])]
    #[case("/a~1b/~0~1/m~01", &["a/b", "~/", "m~1"])]
    fn a_pointer_survives_a_round_trip(#[case] text: &str, #[case] names: &[&str]) {
        let pointer: Pointer = text.parse().unwrap();
        assert_eq!(pointer.names(), names);
        assert_eq!(pointer.to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("token")]
    #[case("$.token")]
    #[case("/a~2")]
    #[case("/a~")]
    #[case("/a\n")]
    #[case("/a\u{202e}")]
    #[case(&format!("/{}", "a".repeat(256)))]
    fn what_is_no_place_in_a_document_is_refused(#[case] text: &str) {
        let error = text.parse::<Pointer>().unwrap_err().to_string();
        assert!(error.contains("/items/*/privateKey"), "{error}");
    }
}
