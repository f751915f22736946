//! The request on the wire and the answer back: steps 9 and 10.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{Method, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use spin_deployer_manifest::Origin;
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::audit::Record;
use crate::body::{Body, Incoming, Outgoing, Progress, Read, read, whole};
use crate::client::Clients;
use crate::conceal::{Concealed, Concealing};
use crate::failure::{Cause, SendError, cause};
use crate::headers;
use crate::limits::{Account, LimitKind, Timeouts};
use crate::scan::{self, Hiding, SMALL};
use crate::target::Target;
use crate::vault::Vault;

/// A request's body, read as far as the checks need it.
pub(crate) struct Outbound {
    body: Read,
    length: Option<u64>,
}

impl Outbound {
    /// Reads a body that is, or may be, small; a large one is not touched.
    pub(crate) async fn read(
        body: Body,
        length: Option<u64>,
        account: &Account,
    ) -> Result<Self, SendError> {
        if length.is_some_and(|length| length > SMALL as u64) {
            return Ok(Self {
                body: Read::Larger(body),
                length,
            });
        }
        let body = match timeout(account.left(), read(body, SMALL)).await {
            Ok(body) => body.map_err(SendError::of_body)?,
            Err(_) => {
                let limit = account.limit(LimitKind::Time);
                return Err(SendError::Limit { limit, sent: false });
            }
        };
        let length = match (&body, length) {
            (Read::Whole(bytes), None) => Some(bytes.len() as u64),
            (_, announced) => announced,
        };
        Ok(Self { body, length })
    }

    /// All of it, if it is small.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match &self.body {
            Read::Whole(bytes) => Some(bytes),
            Read::Larger(_) => None,
        }
    }

    /// A small body with secrets in it.
    pub(crate) fn replace(&mut self, revealed: Zeroizing<Vec<u8>>) {
        // What the guest announced fits what the guest wrote; a body that does not keep its word is not mended here.
        if self.whole().map(|bytes| bytes.len() as u64) == self.length {
            self.length = Some(revealed.len() as u64);
        }
        self.body = Read::Whole(Bytes::from_owner(revealed));
    }

    /// The request as the client sends it.
    pub(crate) fn request(
        self,
        parts: Parts,
        target: &Target,
        record: &Record,
        account: &Arc<Account>,
    ) -> (reqwest::Request, Progress) {
        let progress = Progress::new();
        let bodiless = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut request = reqwest::Request::new(parts.method, target.url.clone());
        *request.headers_mut() = parts.headers;
        let body = match self.body {
            Read::Whole(bytes) if bytes.is_empty() && self.length == Some(0) => None,
            Read::Whole(bytes) => Some(whole(bytes)),
            Read::Larger(body) => Some(body),
        };
        // With a length the body goes out in one piece; several object stores refuse a chunked one.
        if let Some(length) = self.length
            && !(body.is_none() && bodiless)
        {
            request
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(body) = body {
            *request.body_mut() = Some(reqwest::Body::wrap_stream(Outgoing {
                body,
                announced: self.length,
                sent: record.sent(),
                progress: progress.clone(),
                account: account.clone(),
            }));
        }
        (request, progress)
    }
}

/// Sends once and waits for the head of the answer: as long as the body moves, and not beyond the session's time.
pub(crate) async fn send(
    client: &reqwest::Client,
    (request, progress): (reqwest::Request, Progress),
    account: &Account,
    timeouts: Timeouts,
    origin: &Origin,
    clients: &Clients,
) -> Result<Response<reqwest::Body>, Cause> {
    let wait = timeouts.to_first_byte();
    let end = Instant::now() + account.left();
    let mut answer = pin!(client.execute(request));
    loop {
        let until = end.min(progress.last() + wait);
        match timeout_at(until, &mut answer).await {
            Ok(Ok(response)) => break Ok(response.into()),
            Ok(Err(error)) => break Err(cause(&error, origin, clients.roots.as_deref())),
            // The body moved in the meantime.
            Err(_) if end.min(progress.last() + wait) > until => {}
            Err(_) if until == end => {
                let limit = account.limit(LimitKind::Time);
                break Err(Cause::Failed(SendError::Limit { limit, sent: true }));
            }
            Err(_) => {
                break Err(Cause::Failed(SendError::Timeout {
                    origin: origin.to_string(),
                    after: wait,
                }));
            }
        }
    }
}

/// What has to be known of a request to make of its answer what the guest may read.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// What of the answer is a secret.
    pub(crate) concealed: Option<Concealed>,
    pub(crate) concealing: &'a Concealing,
    /// The reader is the host itself, from whom nothing is hidden that is no text.
    pub(crate) by_host: bool,
    pub(crate) timeouts: Timeouts,
}

/// Makes of an answer what the guest may read.
pub(crate) async fn deliver(
    response: Response<reqwest::Body>,
    asked: Asked<'_>,
    vault: &Arc<Vault>,
    account: &Arc<Account>,
    record: Record,
) -> Result<Response<Body>, SendError> {
    let (mut parts, body) = response.into_parts();
    headers::clean_response(&mut parts.headers);
    if let Err(limit) = account.headers(headers::size(&parts.headers)) {
        record.limit(limit);
        return Err(SendError::Limit { limit, sent: true });
    }
    scan::hide_in_headers(vault, &mut parts.headers);

    let length = body.size_hint().exact();
    let small = length.is_none_or(|length| length <= SMALL as u64);
    let text = scan::is_text(&parts.headers);
    let ended = body.is_end_stream() || *asked.method == Method::HEAD;
    let wait = asked.timeouts.to_next_bytes();
    if let Some(concealed) = asked.concealed
        && *asked.method != Method::HEAD
    {
        let kept = record.clone();
        let body = Incoming::new(body, account.clone(), record, wait).boxed_unsync();
        let read = asked.concealing.read(concealed, vault, parts, body, &kept);
        return match read.await {
            Ok(shown) => Ok(shown),
            Err(error) => {
                kept.failed(&error);
                Err(error)
            }
        };
    }
    if ended {
        return Ok(Response::from_parts(parts, whole(Bytes::new())));
    }
    let body = Incoming::new(body, account.clone(), record, wait).boxed_unsync();
    if !vault.hides_something() || (asked.by_host && !text) {
        return Ok(Response::from_parts(parts, body));
    }
    if !(small && text) {
        return Ok(Response::from_parts(parts, Hiding::of(vault, body)));
    }
    let bytes = match read(body, SMALL).await.map_err(SendError::of_body)? {
        Read::Whole(bytes) => bytes,
        Read::Larger(body) => {
            return Ok(Response::from_parts(parts, Hiding::of(vault, body)));
        }
    };
    let Some(changed) = scan::hidden(vault, &bytes) else {
        return Ok(Response::from_parts(parts, whole(bytes)));
    };
    parts
        .headers
        .insert(CONTENT_LENGTH, HeaderValue::from(changed.len()));
    Ok(Response::from_parts(parts, whole(changed)))
}
