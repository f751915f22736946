//! One JSON document, written anew with placeholders in it. What is not hidden keeps its order and its numbers keep their
//! digits; a name that an object has twice is hidden twice, because nobody knows which of them a reader takes.

use serde::de::IgnoredAny;
use spin_deployer_manifest::{Origin, Pointer, Secret};

use super::{Opaque, Stopped};
use crate::failure::SendError;
use crate::vault::{Audience, Vault};

/// Objects and arrays inside each other.
pub(super) const DEEPEST: usize = 128;

/// Placeholders in one answer.
pub(super) const MOST_HIDDEN: usize = 1000;

/// A text that is hidden, in bytes; no header takes a longer one.
pub(super) const LONGEST: usize = 16 << 10;

/// A place, and what is left of its names below the value that is being read.
type Below<'a> = (&'a Pointer, &'a [String]);

/// `text` with placeholders at `places`, for `origin`.
pub(super) fn hidden(
    vault: &Vault,
    origin: &Origin,
    places: &[Pointer],
    text: &[u8],
) -> Result<Vec<u8>, Stopped> {
    check(text)?;
    let mut document = Document {
        vault,
        origin,
        text,
        at: 0,
        deep: 0,
        hidden: 0,
        shown: Vec::with_capacity(text.len()),
    };
    let places: Vec<Below<'_>> = places.iter().map(|place| (place, place.names())).collect();
    document.value(&places)?;
    Ok(document.shown)
}

/// Whether it is one document and nothing else.
fn check(text: &[u8]) -> Result<(), Opaque> {
    let mut documents = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let first = documents.next();
    let rest = text[documents.byte_offset()..].trim_ascii();
    match first {
        Some(Ok(_)) if rest.is_empty() => Ok(()),
        // Lines of JSON, for example.
        Some(Ok(_)) if matches!(text.trim_ascii_start(), [b'{' | b'[', ..]) => {
            Err(Opaque::NotOnlyJson)
        }
        _ => Err(Opaque::NotJson),
    }
}

/// A document that was checked, on its way through.
struct Document<'a> {
    vault: &'a Vault,
    origin: &'a Origin,
    text: &'a [u8],
    /// So much of `text` was read.
    at: usize,
    deep: usize,
    hidden: usize,
    shown: Vec<u8>,
}

impl Document<'_> {
    fn value(&mut self, places: &[Below<'_>]) -> Result<(), Stopped> {
        let here = places.iter().find(|(_, names)| names.is_empty());
        let here = here.map(|(place, _)| *place);
        match (self.next(), here) {
            (Some(b'"'), _) => {
                let text = self.string()?;
                let text = match here {
                    Some(place) if !text.is_empty() => self.placeholder(text, place)?,
                    _ => text,
                };
                self.show(&text)
            }
            (Some(b'{' | b'['), Some(place)) => Err(Opaque::NoText(place.clone()).into()),
            (Some(b'{' | b'['), None) => {
                self.deep += 1;
                if self.deep > DEEPEST {
                    return Err(Opaque::Deep.into());
                }
                self.members(places)?;
                self.deep -= 1;
                Ok(())
            }
            _ => self.word(here),
        }
    }

    /// An object or an array, from its first bracket to its last.
    fn members(&mut self, places: &[Below<'_>]) -> Result<(), Stopped> {
        let object = self.next() == Some(b'{');
        self.copy();
        let mut index = 0_usize;
        loop {
            match self.next() {
                Some(b'}' | b']') => {
                    self.copy();
                    return Ok(());
                }
                Some(b',') => self.copy(),
                Some(b'"') if object => {
                    let name = self.string()?;
                    self.show(&name)?;
                    if self.next() != Some(b':') {
                        return Err(Opaque::NotJson.into());
                    }
                    self.copy();
                    self.value(&below(places, |at| at == name))?;
                }
                Some(_) if !object => {
                    let number = index.to_string();
                    self.value(&below(places, |at| at == "*" || at == number))?;
                    index += 1;
                }
                _ => return Err(Opaque::NotJson.into()),
            }
        }
    }

    /// A number, `true`, `false` or `null`, as it is.
    fn word(&mut self, here: Option<&Pointer>) -> Result<(), Stopped> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
        let length = rest.iter().take_while(|b| is_part(b)).count();
        let word = &rest[..length];
        match here {
            _ if word.is_empty() => Err(Opaque::NotJson.into()),
            Some(place) if word != b"null" => Err(Opaque::NoText(place.clone()).into()),
            _ => {
                self.shown.extend_from_slice(word);
                self.at += length;
                Ok(())
            }
        }
    }

    /// A text without its escapes. One that is no Unicode has no such text.
    fn string(&mut self) -> Result<String, Opaque> {
        let from = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                Some(b'\\') => self.at += 2,
                Some(b'"') => break,
                Some(_) => self.at += 1,
                None => return Err(Opaque::NotJson),
            }
        }
        self.at += 1;
        serde_json::from_slice(&self.text[from..self.at]).map_err(|_| Opaque::NotJson)
    }

    fn placeholder(&mut self, text: String, place: &Pointer) -> Result<String, Stopped> {
        self.hidden += 1;
        if self.hidden > MOST_HIDDEN {
            return Err(Opaque::Many.into());
        }
        if text.len() > LONGEST {
            return Err(Opaque::Long(place.clone()).into());
        }
        let name = format!("{place} of {}", self.origin);
        let audience = Audience::Origin(self.origin.clone());
        let minted = self.vault.mint(&name, Secret::new(text), audience);
        minted.map_err(|error| Stopped::Failed(SendError::Setup(error)))
    }

    fn show(&mut self, text: &str) -> Result<(), Stopped> {
        serde_json::to_writer(&mut self.shown, text).map_err(|_| Opaque::NotJson.into())
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.text.get(self.at).copied()
    }

    fn copy(&mut self) {
        self.shown.extend(self.text.get(self.at));
        self.at += 1;
    }
}

/// What of the places is below a value at which `is_meant` says yes to the next name.
fn below<'a>(places: &[Below<'a>], is_meant: impl Fn(&str) -> bool) -> Vec<Below<'a>> {
    let next = places.iter().filter_map(|(place, names)| {
        let (first, rest) = names.split_first()?;
        is_meant(first).then_some((*place, rest))
    });
    next.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let places = ["/token", "/items/*/key"].map(|place| place.parse().unwrap());
        let origin = "https://a.example".parse().unwrap();
        let shown = hidden(&Vault::default(), &origin, &places, text.as_bytes()).ok()?;
        Some(String::from_utf8(shown).unwrap())
    }

    #[test]
    fn what_is_not_hidden_stays_as_it_is() {
        let numbers = r#"{"z":18446744073709551616,"a":[1.10,-0,1e400,{"b":12345678901234567890.12345}],"token":null}"#;
        assert_eq!(shown(numbers).as_deref(), Some(numbers));
        let spaced = " { \"a\" : [ ] ,\n\"b\":{ } , \"c\":\"\\u0041\\/\\n\" } ";
        assert_eq!(
            shown(spaced).as_deref(),
            Some(r#"{"a":[],"b":{},"c":"A/\n"}"#)
        );
        for word in ["502", "true", "null", r#""text""#, "[]"] {
            assert_eq!(shown(word).as_deref(), Some(word));
        }
    }

    #[test]
    fn a_name_that_comes_twice_is_hidden_twice() {
        let text = r#"{"token":"first","\u0074oken":"second","token":null,"items":[{"key":"third","key":"fourth"}]}"#;
        let shown = shown(text).unwrap();
        assert!(
            !shown.contains("first") && !shown.contains("fourth"),
            "{shown}"
        );
        assert_eq!(shown.matches(crate::PLACEHOLDER_PREFIX).count(), 4);
    }

    #[test]
    fn what_two_readers_could_read_differently_has_no_hidden_places() {
        let deep = format!("{}{}", "[".repeat(DEEPEST + 1), "]".repeat(DEEPEST + 1));
        for text in [
            "",
            "{\"token\":\"a",
            "{\"token\":\"a\"} x",
            "{'token':'a'}",
            "callback({\"token\":\"a\"})",
            ")]}',{\"token\":\"a\"}",
            "{\"token\":\"a\",}",
            r#"{"token":"\ud800"}"#,
            r#"{"x":"\udc00","token":"a"}"#,
            r#"{"token":7}"#,
            r#"{"token":["a"]}"#,
            &deep,
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
        assert!(shown(&deep[1..deep.len() - 1]).is_some());
    }
}
