//! Secrets in place of their placeholders: step 8. In header values, inside `Basic` credentials, in JSON and form
//! bodies; nowhere else.

use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::target::shown_word;
use crate::vault::{Destination, Vault, Withheld};

/// Why secrets could not be put in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Withheld(Withheld),
    /// A secret with a line break or a zero in it. Names the header.
    NotAHeader(String),
}

impl From<Withheld> for Problem {
    fn from(withheld: Withheld) -> Self {
        Self::Withheld(withheld)
    }
}

/// Replaces in all header values and marks them, so that no `Debug` of the client shows them.
pub(crate) fn headers(
    vault: &Vault,
    headers: &mut HeaderMap,
    to: &Destination<'_>,
    used: &mut BTreeSet<String>,
) -> Result<(), Problem> {
    for (name, value) in headers.iter_mut() {
        let revealed = match decode_basic(value.as_bytes()) {
            Some(pair) => vault.reveal(&pair, to, plain, used)?.map(|pair| {
                Zeroizing::new([b"Basic ", STANDARD.encode(&*pair).as_bytes()].concat())
            }),
            None => vault.reveal(value.as_bytes(), to, plain, used)?,
        };
        if let Some(revealed) = revealed {
            *value = HeaderValue::from_bytes(&revealed)
                .map_err(|_| Problem::NotAHeader(shown_word(name.as_str())))?;
            value.set_sensitive(true);
        }
    }
    Ok(())
}

/// How a body carries text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Json,
    Form,
}

impl Text {
    /// By content type; `None` for what gets no secret.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        match essence(headers)?.as_str() {
            "application/x-www-form-urlencoded" => Some(Self::Form),
            json if json == "application/json" || json.ends_with("+json") => Some(Self::Json),
            _ => None,
        }
    }
}

/// The content type without parameters, in lower case.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// Replaces in a whole body; `None` where there is no placeholder in it.
pub(crate) fn body(
    vault: &Vault,
    body: &[u8],
    text: Text,
    to: &Destination<'_>,
    used: &mut BTreeSet<String>,
) -> Result<Option<Zeroizing<Vec<u8>>>, Withheld> {
    match text {
        Text::Form => vault.reveal(
            body,
            to,
            |secret| Cow::Owned(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()),
            used,
        ),
        Text::Json => vault.reveal(body, to, |secret| Cow::Owned(json_escaped(secret)), used),
    }
}

/// A text as it stands between the quotes of JSON.
pub(crate) fn json_escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// `user:password` of a `Basic` header value.
pub(crate) fn decode_basic(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (scheme, rest) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    STANDARD.decode(rest.trim_ascii()).ok().map(Zeroizing::new)
}

fn plain(secret: &str) -> Cow<'_, str> {
    Cow::Borrowed(secret)
}
