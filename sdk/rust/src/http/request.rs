//! Sends a request, and its body while the answer may already be on its way.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use http::{Method, Request, header};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wstd::runtime::AsyncPollable;

use super::{Cause, Error, Response};
use crate::app::Content;
use crate::content::{self, CopyError};

/// The body of a request.
#[derive(Debug)]
pub enum Body<'a> {
    /// No body.
    Empty,
    /// Bytes of the plugin's own.
    Bytes(Vec<u8>),
    /// Part of a content of the app. It goes from disk to the wire inside the host.
    Content {
        /// Where the bytes are.
        content: &'a Content,
        /// The first byte that is sent.
        offset: u64,
        /// How many bytes are sent.
        length: u64,
    },
}

impl<'a> Body<'a> {
    /// All of a content.
    pub fn whole(content: &'a Content) -> Self {
        Self::Content {
            content,
            offset: 0,
            length: content.size(),
        }
    }

    /// JSON, or the reason why the value is none.
    ///
    /// # Errors
    /// What `serde_json` says.
    pub fn json(value: &impl serde::Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self::Bytes)
    }

    fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Content { length, .. } => *length,
        }
    }
}

/// Sends requests. What is `None` is the host's to choose; what is given, the host clamps to the time that a run has
/// left.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// For the connection, TLS included.
    pub connect_timeout: Option<Duration>,
    /// From the last byte of the request to the first of the answer.
    pub first_byte_timeout: Option<Duration>,
    /// Between two parts of the answer.
    pub between_bytes_timeout: Option<Duration>,
}

impl Client {
    /// Sends `request` with its length, and returns the answer as soon as there is one: an answer that comes before the
    /// body is sent (401, 413) is returned as that answer, not as a failure to write.
    ///
    /// # Errors
    /// Where no answer came. Every status is an answer.
    pub async fn send(&self, request: Request<Body<'_>>) -> Result<Response, Error> {
        let (parts, body) = request.into_parts();
        // No query: it may carry what does not belong into a message.
        let name = format!(
            "{} {}://{}{}",
            parts.method,
            parts.uri.scheme_str().unwrap_or("https"),
            parts.uri.authority().map_or("", |a| a.as_str()),
            parts.uri.path()
        );
        let fail = |cause| Error {
            request: name.clone(),
            cause,
        };
        let outgoing = outgoing(&parts, body.length()).map_err(fail)?;
        let options = self.options().map_err(fail)?;
        let sink = outgoing.body().map_err(|()| fail(invalid("body")))?;
        let pending = handle(outgoing, options).map_err(|code| fail(code.into()))?;
        let answered = AsyncPollable::new(pending.subscribe());

        let written = {
            let writing = pin!(write(&sink, body));
            match select(writing, pin!(answered.wait_for())).await {
                Either::Left((written, _)) => Some(written),
                Either::Right(((), _)) => None,
            }
        };
        let (unsent, problem) = match written {
            // Answered before the body was out. The body stays open until the answer is read: giving it up closes the
            // connection on which the rest of the answer comes.
            None => (Some(sink), None),
            Some(Ok(())) => match OutgoingBody::finish(sink, None) {
                Ok(()) => (None, None),
                Err(code) => (None, Some(Cause::from(code))),
            },
            // The request cannot be completed, and the host says so to the other side when the body is dropped.
            Some(Err(CopyError::Source(reason))) => return Err(fail(Cause::Content(reason))),
            // Why it cannot be written shows in the answer.
            Some(Err(CopyError::Sink(reason))) => (Some(sink), Some(Cause::Broken(reason))),
        };
        answered.wait_for().await;
        drop(answered);
        match (received(&pending), problem) {
            (Ok(incoming), _) => Response::new(name, incoming, unsent),
            // "Internal error" says less than what the stream said.
            (Err(Cause::Broken(_)), Some(problem)) => Err(fail(problem)),
            (Err(cause), _) => Err(fail(cause)),
        }
    }

    /// `None` where nothing is asked for: wasmtime keeps the options of each request until the run ends, and a run may
    /// have only so many things (1 024).
    fn options(&self) -> Result<Option<RequestOptions>, Cause> {
        let given = [
            self.connect_timeout,
            self.first_byte_timeout,
            self.between_bytes_timeout,
        ];
        if given.iter().all(Option::is_none) {
            return Ok(None);
        }
        let options = RequestOptions::new();
        let [connect, first, between] =
            given.map(|timeout| timeout.map(|t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX)));
        options
            .set_connect_timeout(connect)
            .and_then(|()| options.set_first_byte_timeout(first))
            .and_then(|()| options.set_between_bytes_timeout(between))
            .map_err(|()| invalid("timeouts"))?;
        Ok(Some(options))
    }
}

async fn write(sink: &OutgoingBody, body: Body<'_>) -> Result<(), CopyError> {
    let stream = match body {
        Body::Empty => return Ok(()),
        _ => sink
            .write()
            .map_err(|()| CopyError::Sink("the body was taken".to_owned()))?,
    };
    match body {
        Body::Empty => Ok(()),
        Body::Bytes(bytes) => content::write(&stream, &bytes).await,
        Body::Content {
            content,
            offset,
            length,
        } => {
            let source = content
                .read(offset, Some(length))
                .map_err(|error| CopyError::Source(error.failure().message.clone()))?;
            content::splice(&source, &stream, length).await
        }
    }
}

fn received(pending: &FutureIncomingResponse) -> Result<IncomingResponse, Cause> {
    match pending.get() {
        Some(Ok(answer)) => answer.map_err(Cause::from),
        Some(Err(())) | None => Err(Cause::Broken(
            "no answer where one was announced".to_owned(),
        )),
    }
}

fn outgoing(parts: &http::request::Parts, length: u64) -> Result<OutgoingRequest, Cause> {
    let headers = Fields::new();
    for (name, value) in &parts.headers {
        headers
            .append(name.as_str(), value.as_bytes())
            .map_err(|_| invalid(name.as_str()))?;
    }
    if length > 0 || matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        headers
            .set(
                header::CONTENT_LENGTH.as_str(),
                &[length.to_string().into_bytes()],
            )
            .map_err(|_| invalid("content-length"))?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = match parts.uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(invalid("scheme")),
    };
    request
        .set_method(&method(&parts.method))
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(parts.uri.authority().map(|a| a.as_str())))
        .and_then(|()| request.set_path_with_query(parts.uri.path_and_query().map(|p| p.as_str())))
        .map_err(|()| invalid("URL or method"))?;
    Ok(request)
}

fn method(method: &Method) -> wasip2::http::types::Method {
    use wasip2::http::types::Method as Wasi;
    match *method {
        Method::GET => Wasi::Get,
        Method::HEAD => Wasi::Head,
        Method::POST => Wasi::Post,
        Method::PUT => Wasi::Put,
        Method::PATCH => Wasi::Patch,
        Method::DELETE => Wasi::Delete,
        Method::OPTIONS => Wasi::Options,
        _ => Wasi::Other(method.as_str().to_owned()),
    }
}

fn invalid(what: &str) -> Cause {
    Cause::Invalid(format!("its {what} cannot be sent"))
}

impl From<ErrorCode> for Cause {
    fn from(code: ErrorCode) -> Self {
        Self::of(code)
    }
}
