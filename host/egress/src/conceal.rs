//! Answers with secrets in them: what a registry's token service gives, and what rules hide of the answers to their
//! requests. The guest reads placeholders in place of those secrets. An answer in which nobody can say where they stand
//! is given to nobody.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use serde_json::{Deserializer, Map, Value};
use spin_deployer_manifest::{Origin, Pointer, Secret};

use crate::body::{Body, Read, read};
use crate::failure::SendError;
use crate::inject::essence;
use crate::scan::SMALL;
use crate::vault::{Audience, Vault};
use crate::{Error, headers, scan};

/// Of an answer with hidden places, in bytes: all of it is read before the guest gets any.
const LARGEST: usize = 1 << 20;

/// Some servers put it in front of JSON, and some readers take it off.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The fields that hold a token: Docker's, OAuth 2's, and the refresh token of either.
const TOKENS: [&str; 3] = ["token", "access_token", "refresh_token"];

/// What else of a token service's answer a client has a use for. Nothing more of it is passed on: a token could be
/// anywhere in it.
const NUMBERS: [&str; 1] = ["expires_in"];
const TEXTS: [&str; 3] = ["issued_at", "scope", "token_type"];

/// Of which answer the guest gets placeholders in place of what.
pub(crate) enum Concealed {
    /// Tokens for this registry, of its token service.
    Tokens(Origin),
    /// The texts at these places of an answer of this origin, if it is JSON.
    Places(Origin, Vec<Pointer>),
}

/// Why an answer with hidden places is given to nobody. Nothing of its body is in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Opaque {
    #[error("it has more than {LARGEST} bytes")]
    Large,
    #[error("it is encoded, and nobody asked for that")]
    Encoded,
    #[error("it is a part of an answer only")]
    Part,
    #[error("it says that it is JSON, and is not")]
    NotJson,
    #[error("there is something after its JSON")]
    NotOnlyJson,
    #[error("what stands at {0} is no text")]
    NoText(Pointer),
}

enum Stopped {
    Opaque(Opaque),
    Failed(SendError),
}

impl Concealed {
    /// Reads an answer and makes of it what the guest may read. `request`: what it answers, for the error.
    pub(crate) async fn read(
        &self,
        vault: &Vault,
        parts: &mut Parts,
        body: Body,
        request: String,
    ) -> Result<Bytes, SendError> {
        match self {
            Self::Tokens(registry) => read_tokens(vault, registry, parts, body).await,
            Self::Places(origin, places) => {
                let read = read_places(vault, origin, places, parts, body).await;
                read.map_err(|stopped| match stopped {
                    Stopped::Failed(error) => error,
                    Stopped::Opaque(why) => SendError::Opaque {
                        request,
                        why: why.to_string(),
                    },
                })
            }
        }
    }
}

async fn read_tokens(
    vault: &Vault,
    registry: &Origin,
    parts: &mut Parts,
    body: Body,
) -> Result<Bytes, SendError> {
    let Read::Whole(answer) = read(body, SMALL).await.map_err(SendError::of_body)? else {
        return Err(SendError::TooLarge {
            what: "the answer of the registry's token service",
            limit: SMALL as u64,
        });
    };
    let document = tokens(vault, registry, &answer).map_err(SendError::Setup)?;
    parts.headers = headers::of_document(&parts.headers, document.len());
    Ok(document.into())
}

/// Makes of a token service's answer what a guest may read of it: tokens become placeholders that go to `registry` and
/// its token service only.
///
/// # Errors
/// An answer that is no JSON object: where a token would stand in it nobody knows, so nobody gets it.
fn tokens(vault: &Vault, registry: &Origin, answer: &[u8]) -> Result<Vec<u8>, Error> {
    let mut document: Map<String, Value> =
        serde_json::from_slice(answer).map_err(|_| Error::TokenAnswer)?;
    let mut passed = Map::new();
    let mut known: Vec<Secret> = Vec::new();
    for field in TOKENS {
        let token = match document.get_mut(field) {
            None | Some(Value::Null) => continue,
            Some(Value::String(token)) => Secret::new(std::mem::take(token)),
            Some(_) => return Err(Error::TokenAnswer),
        };
        let audience = Audience::Registry(registry.clone());
        let placeholder = vault.mint(&format!("token of {registry}"), token.clone(), audience)?;
        passed.insert(field.to_owned(), placeholder.into());
        known.push(token);
    }
    for (field, value) in document {
        let field_is = |fields: &[&str]| fields.contains(&field.as_str());
        let is_passed = match &value {
            Value::Number(_) => field_is(&NUMBERS),
            Value::String(text) => {
                field_is(&TEXTS) && !known.iter().any(|token| text.contains(token.expose()))
            }
            _ => false,
        };
        if is_passed {
            passed.insert(field, value);
        }
    }
    let passed = serde_json::to_vec(&passed).map_err(|_| Error::TokenAnswer)?;
    // What the vault held before, too: a server may repeat the credential that it was shown.
    Ok(scan::hidden(vault, &passed).unwrap_or(passed))
}

async fn read_places(
    vault: &Vault,
    origin: &Origin,
    places: &[Pointer],
    parts: &mut Parts,
    body: Body,
) -> Result<Bytes, Stopped> {
    if parts.status == StatusCode::PARTIAL_CONTENT {
        return Err(Opaque::Part.into());
    }
    let encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if parts.headers.get_all(CONTENT_ENCODING).iter().any(encoded) {
        return Err(Opaque::Encoded.into());
    }
    let Read::Whole(mut answer) = read(body, LARGEST).await.map_err(SendError::of_body)? else {
        return Err(Opaque::Large.into());
    };
    if let Some(mut document) = document(&parts.headers, &answer)? {
        let mut hiding = Hiding {
            vault,
            origin,
            minted: BTreeSet::new(),
        };
        for place in places {
            hiding.hide(&mut document, place, place.names())?;
        }
        answer = document.to_string().into();
    }
    // With what has become a secret just now: it may stand somewhere else in the answer too.
    scan::hide_in_headers(vault, &mut parts.headers);
    let answer = scan::hidden(vault, &answer).map_or(answer, Bytes::from);
    let length = HeaderValue::from(answer.len());
    parts.headers.insert(CONTENT_LENGTH, length);
    Ok(answer)
}

/// The document that an answer is, whatever it says that it is; `None` for one that is none and does not say so.
fn document(headers: &HeaderMap, answer: &[u8]) -> Result<Option<Value>, Opaque> {
    let text = answer.strip_prefix(BYTE_ORDER_MARK).unwrap_or(answer);
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let says_so = essence(headers).is_some_and(|kind| kind.contains("json"));
    let mut documents = Deserializer::from_slice(text).into_iter::<Value>();
    let first = documents.next().and_then(Result::ok);
    let ends = text[documents.byte_offset()..].trim_ascii().is_empty();
    match first {
        Some(document) if ends => Ok(Some(document)),
        // Lines of JSON, for example.
        Some(Value::Object(_) | Value::Array(_)) => Err(Opaque::NotOnlyJson),
        _ if says_so => Err(Opaque::NotJson),
        _ => Ok(None),
    }
}

/// Puts placeholders into one document.
struct Hiding<'a> {
    vault: &'a Vault,
    origin: &'a Origin,
    /// Placeholders that stand in it already: two pointers may mean one place.
    minted: BTreeSet<String>,
}

impl Hiding<'_> {
    /// Hides what stands at `names` below `value`, which are the last ones of `place`.
    fn hide(
        &mut self,
        value: &mut Value,
        place: &Pointer,
        names: &[String],
    ) -> Result<(), Stopped> {
        let Some((name, names)) = names.split_first() else {
            return self.conceal(value, place);
        };
        let below = match value {
            Value::Array(items) if name == "*" => {
                let mut items = items.iter_mut();
                return items.try_for_each(|item| self.hide(item, place, names));
            }
            Value::Array(items) => {
                let at = name.parse().ok();
                let at = at.filter(|at: &usize| at.to_string() == *name);
                at.and_then(|at| items.get_mut(at))
            }
            Value::Object(members) => members.get_mut(name),
            _ => None,
        };
        below.map_or(Ok(()), |below| self.hide(below, place, names))
    }

    fn conceal(&mut self, value: &mut Value, place: &Pointer) -> Result<(), Stopped> {
        let text = match value {
            Value::Null => return Ok(()),
            Value::String(text) if text.is_empty() || self.minted.contains(text) => return Ok(()),
            Value::String(text) => text,
            _ => return Err(Opaque::NoText(place.clone()).into()),
        };
        let secret = Secret::new(std::mem::take(text));
        let name = format!("{place} of {}", self.origin);
        let audience = Audience::Origin(self.origin.clone());
        let minted = self.vault.mint(&name, secret, audience);
        *text = minted.map_err(|error| Stopped::Failed(SendError::Setup(error)))?;
        self.minted.insert(text.clone());
        Ok(())
    }
}

impl From<Opaque> for Stopped {
    fn from(why: Opaque) -> Self {
        Self::Opaque(why)
    }
}

impl From<SendError> for Stopped {
    fn from(error: SendError) -> Self {
        Self::Failed(error)
    }
}
