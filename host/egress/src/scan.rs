//! Values of secrets where they do not belong: in what a guest sends (step 6) and in what it is about to read
//! (step 10). A guest never has a secret unless a server told it, and this is the second lock on that door: it finds
//! a value as it is, in JSON, percent-encoded and in base64, and does not claim to find one that somebody disguised.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use memchr::memmem;
use zeroize::Zeroizing;

use crate::inject::{decode_basic, essence, json_escaped};
use crate::vault::{Destination, Vault};

/// Bodies up to this size are looked at, in bytes.
pub(crate) const SMALL: usize = 64 * 1024;

/// A shorter value is found everywhere by chance.
const SHORTEST: usize = 8;

/// The name of a secret that a guest's text carries and that may not go where the text goes.
pub(crate) fn carried(vault: &Vault, text: &[u8], to: &Destination<'_>) -> Option<String> {
    let mut found = None;
    vault.each(Some(to), |name, _, secret| {
        if found.is_none()
            && forms(secret)
                .iter()
                .any(|form| memmem::find(text, form).is_some())
        {
            found = Some(name.to_owned());
        }
    });
    found
}

/// As [`carried`], for all header values.
pub(crate) fn carried_by_headers(
    vault: &Vault,
    headers: &HeaderMap,
    to: &Destination<'_>,
) -> Option<String> {
    headers.values().find_map(|value| {
        let decoded = decode_basic(value.as_bytes());
        let inside = decoded.and_then(|pair| carried(vault, &pair, to));
        inside.or_else(|| carried(vault, value.as_bytes(), to))
    })
}

/// Puts placeholders in place of values, stars in place of encoded ones. `None` where there is nothing to hide.
pub(crate) fn hidden(vault: &Vault, text: &[u8]) -> Option<Vec<u8>> {
    let mut hidden: Option<Vec<u8>> = None;
    vault.each(None, |_, placeholder, secret| {
        for (position, form) in forms(secret).iter().enumerate() {
            let current = hidden.as_deref().unwrap_or(text);
            let stars = "*".repeat(form.len());
            let instead = if position == 0 { placeholder } else { &stars };
            if let Some(replaced) = replace(current, form, instead.as_bytes()) {
                hidden = Some(replaced);
            }
        }
    });
    hidden
}

/// As [`hidden`], for all header values.
pub(crate) fn hide_in_headers(vault: &Vault, headers: &mut HeaderMap) {
    for value in headers.values_mut() {
        if let Some(hidden) = hidden(vault, value.as_bytes()) {
            // The parts are printable, so this always is a header value; if not, nothing is better than the secret.
            *value = HeaderValue::from_bytes(&hidden).unwrap_or(HeaderValue::from_static(""));
        }
    }
}

/// Whether an answer is text that a person could read a secret in. A stream of events has no end to wait for.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    essence(headers).is_none_or(|kind| {
        kind != "text/event-stream"
            && (kind.starts_with("text/")
                || ["json", "xml", "yaml", "x-www-form-urlencoded"]
                    .iter()
                    .any(|end| kind.ends_with(end)))
    })
}

/// The shapes in which a value is looked for; the value itself first.
fn forms(secret: &str) -> Vec<Zeroizing<Vec<u8>>> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![Zeroizing::new(secret.as_bytes().to_vec())];
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    for form in [json_escaped(secret), escaped] {
        if form != secret {
            forms.push(Zeroizing::new(form.into_bytes()));
        }
    }
    // In base64 a value looks different at each of the three places where it can begin; the characters at its ends
    // depend on its neighbours and are left out.
    for before in 0..3 {
        let shifted = Zeroizing::new([&[0; 2][..before], secret.as_bytes()].concat());
        let from = [0, 2, 3][before];
        let to = shifted.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&*shifted),
            URL_SAFE_NO_PAD.encode(&*shifted),
        ] {
            let form = Zeroizing::new(text.as_bytes()[from..to].to_vec());
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

fn replace(text: &[u8], what: &[u8], instead: &[u8]) -> Option<Vec<u8>> {
    memmem::find(text, what)?;
    let mut replaced = Vec::with_capacity(text.len());
    let mut copied = 0;
    for at in memmem::find_iter(text, what) {
        replaced.extend_from_slice(&text[copied..at]);
        replaced.extend_from_slice(instead);
        copied = at + what.len();
    }
    replaced.extend_from_slice(&text[copied..]);
    Some(replaced)
}
