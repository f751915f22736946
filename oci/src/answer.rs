//! An answer of a registry, and what it means where it is not the one that was hoped for.

use std::time::Duration;

use http::header::{AsHeaderName, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use spin_deployer_publish::quote;

use crate::{Digest, Error, Failure};

/// The distribution specification's section "Error Codes", and what Distribution itself has beside them.
const CODES: [&str; 17] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DENIED",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "MANIFEST_UNVERIFIED",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "TAG_INVALID",
    "TOOMANYREQUESTS",
    "UNAUTHORIZED",
    "UNKNOWN",
    "UNSUPPORTED",
];

#[derive(Debug)]
pub(crate) struct Answer {
    /// `PUT https://ghcr.io/v2/…`, without its query.
    pub(crate) request: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether an error may repeat what the body says.
    pub(crate) quotable: bool,
    pub(crate) retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct ErrorDocument {
    errors: Vec<ErrorEntry>,
}

#[derive(Deserialize)]
struct ErrorEntry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Whether the registry gives one of these codes as its reason.
    pub(crate) fn says(&self, codes: &[&str]) -> bool {
        self.entries()
            .iter()
            .any(|entry| codes.contains(&entry.code.as_str()))
    }

    /// That the registry's digest of what it was sent is ours. Not all of them say.
    pub(crate) fn confirm(&self, ours: &Digest) -> Result<(), Error> {
        match self.header("docker-content-digest") {
            Some(theirs) if theirs != ours.as_str() => Err(Error::Digest {
                request: self.request.clone(),
                ours: ours.to_string(),
                theirs: quote(theirs),
            }),
            _ => Ok(()),
        }
    }

    pub(crate) fn nonsense(&self, expected: &'static str) -> Error {
        let kind = quote(self.header(CONTENT_TYPE).unwrap_or("no content type"));
        let body = String::from_utf8_lossy(&self.body);
        let came = if body.trim().is_empty() || !self.quotable {
            format!("{}, {kind}", self.status)
        } else {
            format!("{}, {kind}: {}", self.status, quote(body.trim()))
        };
        Error::Nonsense {
            request: self.request.clone(),
            expected,
            came,
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            status: self.status.as_u16(),
            said: self.said(),
            request: self.request.clone(),
        }
    }

    /// What this answer means where it is no success.
    pub(crate) fn into_error(self) -> Error {
        let failure = self.failure();
        match self.status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Error::Busy {
                failure,
                retry_after: self.retry_after,
            },
            StatusCode::UNAUTHORIZED => Error::Unauthorized {
                failure,
                credential: false,
            },
            StatusCode::FORBIDDEN => Error::Denied(failure),
            StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(failure),
            _ if self.says(&["DENIED"]) => Error::Denied(failure),
            _ if self.says(&["NAME_UNKNOWN", "NAME_INVALID"]) => Error::Name(failure),
            _ if self.says(&["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"]) => {
                Error::MissingBlob(failure)
            }
            _ if self.says(&["DIGEST_INVALID", "SIZE_INVALID"]) => Error::Damaged(failure),
            // An error without the errors that the protocol asks for, a redirect, a success of another kind: whatever
            // answers, it is hardly a registry.
            _ if self.entries().is_empty() => self.nonsense("an answer of the registry protocol"),
            _ => Error::Rejected(failure),
        }
    }

    fn said(&self) -> String {
        let entries = self.entries();
        if !self.quotable {
            let mut known: Vec<&str> = entries.iter().map(|entry| entry.code.as_str()).collect();
            known.retain(|code| CODES.contains(code));
            return quote(&known.join(", "));
        }
        if entries.is_empty() {
            return quote(String::from_utf8_lossy(&self.body).trim());
        }
        let said: Vec<String> = entries
            .iter()
            .map(|e| format!("{} ({})", e.message, e.code))
            .collect();
        quote(&said.join("; "))
    }

    fn entries(&self) -> Vec<ErrorEntry> {
        serde_json::from_slice::<ErrorDocument>(&self.body)
            .map(|document| document.errors)
            .unwrap_or_default()
    }
}
