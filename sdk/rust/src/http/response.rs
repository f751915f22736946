//! What came back.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasip2::http::types::{IncomingBody, IncomingResponse, OutgoingBody, http_error_code};
use wasip2::io::streams::StreamError;
use wstd::runtime::AsyncPollable;

use super::{Cause, Error};
use crate::content::reason;

/// How much of an answer [`Response::text`] and [`Response::json`] read: 4 MiB.
const LIMIT: usize = 4 << 20;

/// An answer. Its body is read when asked for.
#[derive(Debug)]
pub struct Response {
    /// What was asked, without its query, for messages: `PUT https://api.example.com/apps/1`.
    pub request: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    body: IncomingBody,
    // Dropped last: see `Client::send`.
    _unsent: Option<OutgoingBody>,
}

impl Response {
    pub(super) fn new(
        request: String,
        incoming: IncomingResponse,
        unsent: Option<OutgoingBody>,
    ) -> Result<Self, Error> {
        let fail = |what: &str| Error {
            request: request.clone(),
            cause: Cause::Broken(format!("the answer has {what}")),
        };
        let status =
            StatusCode::from_u16(incoming.status()).map_err(|_| fail("an impossible status"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in incoming.headers().entries() {
            let name = HeaderName::try_from(name).map_err(|_| fail("an illegal header"))?;
            let value = HeaderValue::try_from(value).map_err(|_| fail("an illegal header"))?;
            headers
                .try_append(name, value)
                .map_err(|_| fail("too many headers"))?;
        }
        let body = incoming.consume().map_err(|()| fail("no body"))?;
        Ok(Self {
            request,
            status,
            headers,
            body,
            _unsent: unsent,
        })
    }

    /// The value of a header, where it is there once or more and is text.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All of the body.
    ///
    /// # Errors
    /// Where it is longer than `limit` bytes, or breaks off.
    pub async fn bytes(self, limit: usize) -> Result<Vec<u8>, Error> {
        self.read(limit, true).await
    }

    /// The first `limit` bytes of the body: enough to say what came where something else was expected.
    ///
    /// # Errors
    /// Where it breaks off.
    pub async fn head(self, limit: usize) -> Result<Vec<u8>, Error> {
        self.read(limit, false).await
    }

    /// All of the body as text, what is no UTF-8 replaced.
    ///
    /// # Errors
    /// Where it is longer than 4 MiB, or breaks off.
    pub async fn text(self) -> Result<String, Error> {
        let bytes = self.bytes(LIMIT).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The value that the body is the JSON of.
    ///
    /// # Errors
    /// Where it is longer than 4 MiB, breaks off, or is not that JSON.
    pub async fn json<T: serde::de::DeserializeOwned>(self) -> Result<T, Error> {
        let request = self.request.clone();
        let bytes = self.bytes(LIMIT).await?;
        serde_json::from_slice(&bytes).map_err(|error| Error {
            request,
            cause: Cause::Nonsense(error.to_string()),
        })
    }

    async fn read(self, limit: usize, whole: bool) -> Result<Vec<u8>, Error> {
        let fail = |cause| Error {
            request: self.request.clone(),
            cause,
        };
        let stream = self
            .body
            .stream()
            .map_err(|()| fail(Cause::Broken("the answer has no body".to_owned())))?;
        let readable = AsyncPollable::new(stream.subscribe());
        let mut bytes = Vec::new();
        loop {
            match stream.read(64 << 10) {
                Ok(read) if read.is_empty() => readable.wait_for().await,
                Ok(read) => bytes.extend(read),
                Err(StreamError::Closed) => return Ok(bytes),
                Err(error) => {
                    let code = match &error {
                        StreamError::LastOperationFailed(error) => http_error_code(error),
                        StreamError::Closed => None,
                    };
                    return Err(fail(
                        code.map_or_else(|| Cause::Broken(reason(&error)), Cause::from),
                    ));
                }
            }
            if bytes.len() > limit {
                if whole {
                    return Err(fail(Cause::TooLarge));
                }
                bytes.truncate(limit);
                return Ok(bytes);
            }
        }
    }
}
