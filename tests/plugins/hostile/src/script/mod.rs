//! Does what the option `script` says, a line at a time, and reports what came of each.
//!
//! A line is a verb and what it is about. In a text `\r`, `\n`, `\t`, `\0`, `\s` (a space) and `\\` stand for characters,
//! and `<…>` for what the plugin has: see [`value`].

mod disk;
mod http;

use std::collections::BTreeMap;

use crate::spin_deployer::api::failures::{Error, Failure};
use crate::spin_deployer::api::options::{self, Credential, Value};

/// What the plugin knows so far.
#[derive(Default)]
struct Known {
    /// The last answer's `Location` and body.
    answer: BTreeMap<&'static str, String>,
    /// The request that the lines after `request` are about.
    request: Option<http::Request>,
    seen: Vec<String>,
}

/// Runs the script. What it saw, a line for each thing that it tried.
pub fn run() -> Result<Vec<String>, Error> {
    let mut known = Known::default();
    for line in crate::option("script").lines() {
        let line = line.trim();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = known.expand(rest);
        match verb {
            "" => {}
            "request" => {
                known.send();
                known.request = Some(http::Request::new(&rest));
            }
            "method" | "scheme" | "authority" | "path" | "header" | "body" | "noise"
            | "endless" => {
                let request = known.request.as_mut().expect("a request first");
                request.set(verb, rest);
            }
            "send" => known.send(),
            "print" => {
                println!("{rest}");
                eprintln!("{rest}");
            }
            // Without an answer of 2xx to the last request there is no going on.
            "needs" => {
                known.send();
                let last = known.seen.last().cloned().unwrap_or_default();
                if !last.starts_with('2') {
                    return Err(failed(format!("{rest}: {last}")));
                }
            }
            // `sign OPTION MESSAGE`
            "sign" => {
                let (option, message) = rest.split_once(' ').unwrap_or((&rest, ""));
                known
                    .seen
                    .push(crate::signing::with(option, message.as_bytes()));
            }
            "fail" => return Err(failed(rest)),
            _ => {
                let seen = disk::act(verb, &rest);
                known.seen.push(format!("{verb} {rest}: {seen}"));
            }
        }
    }
    known.send();
    Ok(known.seen)
}

impl Known {
    fn send(&mut self) {
        let Some(request) = self.request.take() else {
            return;
        };
        let seen = match request.send() {
            Ok(answer) => {
                let seen = answer.to_string();
                self.answer.insert("location", answer.header("location"));
                self.answer.insert("body", answer.body);
                seen
            }
            Err(why) => why,
        };
        self.seen.push(seen);
    }

    /// Puts in what `<…>` and `\…` stand for, the innermost first.
    fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        while let Some(end) = text.find('>') {
            let start = text[..end].rfind('<').expect("a `<` before the `>`");
            let value = self.value(&text[start + 1..end]);
            text.replace_range(start..=end, &value);
        }
        let escapes = [
            ("\\r", "\r"),
            ("\\n", "\n"),
            ("\\t", "\t"),
            ("\\0", "\0"),
            ("\\s", " "),
        ];
        for (escape, character) in escapes {
            text = text.replace(escape, character);
        }
        text.replace("\\\\", "\\")
    }

    /// `location` and `body` of the last answer; `base64:X`, `reversed:X`, `first:X` and `second:X` (halves); otherwise
    /// the value of an option: of a secret its placeholder, of a registry that of its password, of a key its public half.
    fn value(&self, name: &str) -> String {
        if let Some(known) = self.answer.get(name) {
            return known.clone();
        }
        match name.split_once(':') {
            Some(("base64", text)) => base64(text.as_bytes()),
            Some(("reversed", text)) => text.chars().rev().collect(),
            Some(("first", text)) => text[..text.len() / 2].to_owned(),
            Some(("second", text)) => text[text.len() / 2..].to_owned(),
            _ => match options::get(name) {
                Some(Value::Text(text) | Value::Path(text) | Value::Secret(text)) => text,
                Some(Value::Registry(reference)) => match reference.credential {
                    Some(Credential::Password((_, secret)) | Credential::IdentityToken(secret)) => {
                        secret
                    }
                    None => "no-credential".to_owned(),
                },
                Some(Value::SigningKey(public)) => base64(&public),
                other => format!("{other:?}"),
            },
        }
    }
}

fn failed(message: String) -> Error {
    Error::Failed(Failure {
        message,
        detail: None,
        hint: None,
    })
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(if digit > three.len() {
                '='
            } else {
                char::from(DIGITS[value])
            });
        }
    }
    text
}
