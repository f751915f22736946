//! The shapes in which a secret is looked for, and the readings of a text in which one is.
//!
//! Found is a value as it is, in JSON, in HTML, percent-encoded and in base64 wherever it begins; what a guest sends is
//! also read with its percent-encoding and its JSON escapes taken off. Not found is what somebody disguised otherwise:
//! reversed, compressed, encrypted, in pieces.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::inject::json_escaped;

/// A shorter value is found everywhere by chance. In bytes.
const SHORTEST: usize = 8;

/// Nobody encodes one thing eight times for an honest reason.
const MOST_LAYERS: usize = 8;

/// One secret in all shapes; the value itself first.
pub(crate) struct Forms(Vec<Zeroizing<Vec<u8>>>);

impl Forms {
    pub(crate) fn of(secret: &str) -> Self {
        let mut forms = Self(Vec::new());
        if secret.len() < SHORTEST {
            return forms;
        }
        forms.add(secret.as_bytes().to_vec());
        for text in [
            json_escaped(secret),
            ascii_json(secret),
            // As Go writes JSON that may stand in HTML, and as PHP does.
            json_escaped(secret)
                .replace('&', "\\u0026")
                .replace('<', "\\u003c")
                .replace('>', "\\u003e"),
            json_escaped(secret).replace('/', "\\/"),
            html(secret, "&quot;", "&#39;"),
            html(secret, "&#34;", "&#39;"),
            html(secret, "&quot;", "&#x27;"),
            html(secret, "\"", "'"),
            percent(secret, b"-_.*", true, "+"),
            percent(secret, b"-_.*", false, "+"),
            percent(secret, b"-_.~", true, "%20"),
            percent(secret, b"-_.~", false, "%20"),
        ] {
            forms.add(text.into_bytes());
        }
        // In base64 a value looks different at each of the three places where it can begin; the characters at its ends
        // depend on its neighbours and are left out.
        for before in 0..3 {
            let shifted = Zeroizing::new([&[0; 2][..before], secret.as_bytes()].concat());
            let from = [0, 2, 3][before];
            let to = shifted.len() * 8 / 6;
            for text in [
                Zeroizing::new(STANDARD_NO_PAD.encode(&*shifted)),
                Zeroizing::new(URL_SAFE_NO_PAD.encode(&*shifted)),
            ] {
                forms.add(text.as_bytes()[from..to].to_vec());
            }
        }
        forms
    }

    fn add(&mut self, form: Vec<u8>) {
        let form = Zeroizing::new(form);
        if !self.0.contains(&form) {
            self.0.push(form);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, position: usize) -> &[u8] {
        &self.0[position]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|form| form.as_slice())
    }
}

/// All but ASCII as `\u…`.
fn ascii_json(text: &str) -> String {
    let mut escaped = String::new();
    for c in json_escaped(text).chars() {
        if c.is_ascii() {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

fn html(text: &str, double: &str, single: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', double)
        .replace('\'', single)
}

/// Percent-encoded but for letters, digits and `plain`.
fn percent(text: &str, plain: &[u8], upper: bool, space: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            encoded.push(char::from(byte));
        } else if byte == b' ' {
            encoded.push_str(space);
        } else if upper {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    encoded
}

/// A text as it is, with one and with all layers of its percent-encoding taken off, and each of these with JSON's
/// escapes taken off.
pub(crate) fn readings(text: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut readings = vec![Cow::Borrowed(text)];
    if text.contains(&b'%') {
        let first = without_percent(text);
        let mut last = first.clone();
        for _ in 1..MOST_LAYERS {
            if !last.contains(&b'%') {
                break;
            }
            last = without_percent(&last);
        }
        if last != first {
            readings.push(Cow::Owned(last));
        }
        readings.push(Cow::Owned(first));
    }
    for position in 0..readings.len() {
        if readings[position].contains(&b'\\') {
            let plain = without_escapes(&readings[position]);
            readings.push(Cow::Owned(plain));
        }
    }
    readings
}

/// What is no encoding stays.
fn without_percent(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (byte, text.get(at + 1..at + 3).and_then(hex)) {
            (b'%', Some(value)) => {
                plain.push(u8::try_from(value).unwrap_or(b'%'));
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}

/// What is no escape stays, a half of a surrogate pair too.
fn without_escapes(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let simple = match (byte, after.first()) {
            (b'\\', Some(b'n')) => Some(b'\n'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'b')) => Some(8),
            (b'\\', Some(b'f')) => Some(12),
            (b'\\', Some(same @ (b'"' | b'\\' | b'/'))) => Some(*same),
            _ => None,
        };
        if let Some(simple) = simple {
            plain.push(simple);
            rest = &after[1..];
        } else if let Some((character, length)) = unicode_escape(rest) {
            plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = &rest[length..];
        } else {
            plain.push(byte);
            rest = after;
        }
    }
    plain
}

/// The character of the `\u…` that a text begins with, or of two that are a surrogate pair, and its length.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| hex(text.get(at..at + 6)?.strip_prefix(br"\u")?);
    let first = unit(0)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, 6));
    }
    let pair = [first, unit(6)?];
    let character = char::decode_utf16(pair).next()?.ok()?;
    Some((character, 12))
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_come_off_and_the_rest_stays() {
        for (text, expected) in [
            (r"a%20b", "a b"),
            (r"a%2520b", "a b"),
            (r"a%252520b%", "a b%"),
            (r"%zz%4", "%zz%4"),
            (r"\u0073\/\n\\", "s/\n\\"),
            (r"\ud83d\ude00\ud83d", "😀\\ud83d"),
            (r"\u00e9\q\u00", "é\\q\\u00"),
            (r"%5Cu0073", "s"),
        ] {
            let readings = readings(text.as_bytes());
            assert!(
                readings.iter().any(|r| **r == *expected.as_bytes()),
                "{text}: {readings:?}"
            );
        }
        assert_eq!(readings(b"plain").len(), 1);
    }

    #[test]
    fn each_shape_that_servers_write_is_there() {
        let forms = Forms::of("a/<b>&\"c'\\ é!");
        for form in [
            "a/<b>&\"c'\\ é!",
            r#"a/<b>&\"c'\\ é!"#,
            r#"a/<b>&\"c'\\ \u00e9!"#,
            r#"a/\u003cb\u003e\u0026\"c'\\ é!"#,
            r#"a\/<b>&\"c'\\ é!"#,
            "a/&lt;b&gt;&amp;&quot;c&#39;\\ é!",
            "a%2F%3Cb%3E%26%22c%27%5C+%C3%A9%21",
            "a%2f%3cb%3e%26%22c%27%5c%20%c3%a9%21",
        ] {
            assert!(forms.iter().any(|f| f == form.as_bytes()), "{form}");
        }
        assert!(Forms::of("7 bytes").is_empty());
    }
}
