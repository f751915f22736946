//! An answer of a Bindle server, and what it means where it is not the one that was hoped for.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_deployer_publish::{Failure, is_busy, quote};

use crate::Error;

#[derive(Debug)]
pub(crate) struct Answer {
    /// `POST https://bindle.example.com/v1/_i`, without its query.
    pub(crate) request: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the request carried a credential.
    pub(crate) credential: bool,
    /// How the same request failed in passing just before.
    pub(crate) before: Option<Error>,
}

#[derive(Deserialize)]
struct ErrorDocument {
    error: String,
}

impl Answer {
    /// The document that the body is.
    pub(crate) fn document<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, Error> {
        toml::from_slice(&self.body).map_err(|_| self.nonsense(expected))
    }

    /// What the server says is wrong, where it says so as the protocol has it.
    pub(crate) fn error(&self) -> Option<String> {
        let document: ErrorDocument = toml::from_slice(&self.body).ok()?;
        Some(document.error)
    }

    pub(crate) fn failure(&self) -> Failure {
        let said = self
            .error()
            .unwrap_or_else(|| String::from_utf8_lossy(&self.body).trim().to_owned());
        Failure {
            request: self.request.clone(),
            status: self.status.as_u16(),
            said: quote(&said),
        }
    }

    pub(crate) fn nonsense(&self, expected: &'static str) -> Error {
        let kind = self.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok());
        let mut came = format!(
            "{}, {}",
            self.status,
            quote(kind.unwrap_or("no content type"))
        );
        let body = String::from_utf8_lossy(&self.body);
        if !body.trim().is_empty() {
            came = format!("{came}: {}", quote(body.trim()));
        }
        Error::Nonsense {
            request: self.request.clone(),
            expected,
            came,
        }
    }

    /// What this answer means where it is no success.
    pub(crate) fn into_error(self) -> Error {
        let failure = self.failure();
        match self.status {
            status if is_busy(status) => Error::Busy {
                failure,
                retry_after: self.retry_after,
            },
            StatusCode::UNAUTHORIZED => Error::Unauthorized(failure),
            StatusCode::FORBIDDEN => Error::Denied {
                failure,
                anonymous: !self.credential,
            },
            StatusCode::PAYLOAD_TOO_LARGE => Error::Rejected(failure),
            // A redirect, a success of another kind, an error that no Bindle server words: whatever answers is another
            // server, or the path is wrong.
            _ if self.error().is_none() => self.nonsense("an answer of a Bindle server"),
            _ => Error::Rejected(failure),
        }
    }
}
