//! Answers with secrets in them: what a registry's token service gives, and what rules hide of the answers to their
//! requests. The guest reads placeholders in place of those secrets. An answer in which nobody can say where they stand
//! is given to nobody.

mod document;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use memchr::memmem;
use serde_json::{Map, Value};
use spin_deployer_manifest::{Origin, Pointer, Secret};
use tokio::sync::Semaphore;

use crate::audit::Record;
use crate::body::{Body, Read, read, whole};
use crate::failure::SendError;
use crate::inject::essence;
use crate::scan::SMALL;
use crate::vault::{Audience, PLACEHOLDER_PREFIX, Vault};
use crate::{Error, headers, scan};

/// Of an answer with hidden places, in bytes: all of it is read before the guest gets any.
const LARGEST: usize = 1 << 20;

/// Answers that are read at a time. Those of more requests wait.
const AT_ONCE: usize = 16;

/// Of all answers that the guest was given and has not read, in bytes.
const MOST_HELD: usize = 16 * LARGEST;

/// Some servers put it in front of JSON, and some readers take it off.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// In place of a text in which nobody finds what is hidden: a page for people, an error of a server in between.
const LEFT_OUT: &str = "(left out, because it is no JSON)";

/// The fields that hold a token: Docker's, OAuth 2's, and the refresh token of either.
const TOKENS: [&str; 3] = ["token", "access_token", "refresh_token"];

/// What else of a token service's answer a client has a use for. Nothing more of it is passed on: a token could be
/// anywhere in it.
const NUMBERS: [&str; 1] = ["expires_in"];
const TEXTS: [&str; 3] = ["issued_at", "scope", "token_type"];

/// Of which answer the guest gets placeholders in place of what.
pub(crate) enum Concealed {
    /// Tokens for this registry, of its token service.
    Tokens { registry: Origin },
    /// Tokens of a token service that the guest bought with something else: for itself alone.
    OwnTokens { origin: Origin },
    /// The texts at these places of an answer of this origin.
    Places {
        origin: Origin,
        places: Vec<Pointer>,
    },
}

/// Why an answer with hidden places is given to nobody. Nothing of its body is in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Opaque {
    #[error("it has more than {LARGEST} bytes")]
    Large,
    #[error("it would have more than {LARGEST} bytes without what is hidden")]
    Grown,
    #[error("it is encoded, and nobody asked for that")]
    Encoded,
    #[error("it is a part of an answer only")]
    Part,
    #[error("it says that it is JSON, and is not")]
    NotJson,
    #[error("there is something after its JSON")]
    NotOnlyJson,
    #[error("its JSON is nested more than {} deep", document::DEEPEST)]
    Deep,
    #[error("what stands at {0} is no text")]
    NoText(Pointer),
    #[error("what stands at {0} has more than {longest} bytes", longest = document::LONGEST)]
    Long(Pointer),
    #[error("more than {} of its texts are to be hidden", document::MOST_HIDDEN)]
    Many,
    #[error("the plugin holds {MOST_HELD} bytes of such answers that it has not read")]
    Unread,
}

enum Stopped {
    Opaque(Opaque),
    Failed(SendError),
}

/// The answers of one session that are being read here, and those that the guest has not read yet.
pub(crate) struct Concealing {
    reading: Semaphore,
    held: Arc<Semaphore>,
}

impl Default for Concealing {
    fn default() -> Self {
        Self {
            reading: Semaphore::new(AT_ONCE),
            held: Arc::new(Semaphore::new(MOST_HELD)),
        }
    }
}

impl Concealing {
    /// Reads an answer and makes of it what the guest may read, and notes how much of it that is.
    pub(crate) async fn read(
        &self,
        concealed: Concealed,
        vault: &Arc<Vault>,
        parts: Parts,
        body: Body,
        record: &Record,
    ) -> Result<Response<Body>, SendError> {
        let shown = self.shown(concealed, vault.clone(), parts, body, record);
        shown.await.map_err(|stopped| match stopped {
            Stopped::Failed(error) => error,
            Stopped::Opaque(why) => SendError::Opaque {
                request: record.read(|entry| format!("{} {}", entry.method, entry.url)),
                why: why.to_string(),
            },
        })
    }

    async fn shown(
        &self,
        concealed: Concealed,
        vault: Arc<Vault>,
        mut parts: Parts,
        body: Body,
        record: &Record,
    ) -> Result<Response<Body>, Stopped> {
        // It is never closed.
        let reading = self.reading.acquire().await;
        let answer = concealed.whole(&parts, body).await?;
        // A hostile server makes it long work, and others wait for this thread.
        let work = tokio::task::spawn_blocking(move || {
            let shown = concealed.rewritten(&vault, &mut parts, answer);
            shown.map(|shown| (parts, shown))
        });
        let done = work.await;
        let (parts, shown) =
            done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        drop(reading);
        let placeholders = memmem::find_iter(&shown, PLACEHOLDER_PREFIX.as_bytes()).count();
        record.note(|entry| entry.placeholders = Some(placeholders));
        let length = u32::try_from(shown.len()).map_err(|_| Opaque::Grown)?;
        let held = self.held.clone().try_acquire_many_owned(length);
        let held = held.map_err(|_| Opaque::Unread)?;
        // Until the guest has it, or has dropped it.
        let body = whole(shown).map_frame(move |frame| {
            let _ = &held;
            frame
        });
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }
}

impl Concealed {
    /// All of an answer.
    async fn whole(&self, parts: &Parts, body: Body) -> Result<Bytes, Stopped> {
        let Self::Places { .. } = self else {
            return match read(body, SMALL).await.map_err(SendError::of_body)? {
                Read::Whole(answer) => Ok(answer),
                Read::Larger(_) => Err(Stopped::Failed(SendError::TooLarge {
                    what: "the answer of the registry's token service",
                    limit: SMALL as u64,
                })),
            };
        };
        if parts.status == StatusCode::PARTIAL_CONTENT {
            return Err(Opaque::Part.into());
        }
        let encoded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if parts.headers.get_all(CONTENT_ENCODING).iter().any(encoded) {
            return Err(Opaque::Encoded.into());
        }
        match read(body, LARGEST).await.map_err(SendError::of_body)? {
            Read::Whole(answer) => Ok(answer),
            Read::Larger(_) => Err(Opaque::Large.into()),
        }
    }

    fn rewritten(self, vault: &Vault, parts: &mut Parts, answer: Bytes) -> Result<Bytes, Stopped> {
        let (origin, audience) = match self {
            Self::Places { origin, places } => {
                let success = parts.status.is_success();
                let shown = self::places(vault, &origin, &places, &parts.headers, success, answer)?;
                // With what has become a secret just now: it may stand somewhere else in the answer too.
                scan::hide_in_headers(vault, &mut parts.headers);
                let shown = scan::hidden(vault, &shown).map_or(shown, Bytes::from);
                if shown.len() > LARGEST {
                    return Err(Opaque::Grown.into());
                }
                let length = HeaderValue::from(shown.len());
                parts.headers.insert(CONTENT_LENGTH, length);
                return Ok(shown);
            }
            Self::Tokens { registry } => (registry.clone(), Audience::Registry(registry)),
            Self::OwnTokens { origin } => (origin.clone(), Audience::Origin(origin)),
        };
        let document = tokens(vault, &origin, &audience, &answer);
        let document = document.map_err(SendError::Setup)?;
        parts.headers = headers::of_document(&parts.headers, document.len());
        Ok(document.into())
    }
}

/// Makes of a token service's answer what a guest may read of it: tokens become placeholders for `audience`, called
/// tokens of `origin`.
///
/// # Errors
/// An answer that is no JSON object: where a token would stand in it nobody knows, so nobody gets it.
fn tokens(
    vault: &Vault,
    origin: &Origin,
    audience: &Audience,
    answer: &[u8],
) -> Result<Vec<u8>, Error> {
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
        let name = format!("token of {origin}");
        let placeholder = vault.mint(&name, token.clone(), audience.clone())?;
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

/// An answer with placeholders at `places`. In one that is no JSON nobody knows where these are: it is left out, and
/// refused where it meant to be JSON and to succeed.
fn places(
    vault: &Vault,
    origin: &Origin,
    places: &[Pointer],
    headers: &HeaderMap,
    success: bool,
    answer: Bytes,
) -> Result<Bytes, Stopped> {
    let text = answer.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&answer);
    if text.trim_ascii().is_empty() {
        return Ok(answer);
    }
    let says_so = || essence(headers).is_some_and(|kind| kind.contains("json"));
    match document::hidden(vault, origin, places, text) {
        Ok(shown) => Ok(shown.into()),
        Err(Stopped::Opaque(_)) if !success => Ok(LEFT_OUT.into()),
        Err(Stopped::Opaque(Opaque::NotJson)) if !says_so() => Ok(LEFT_OUT.into()),
        Err(stopped) => Err(stopped),
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
