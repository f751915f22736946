//! An answer of Hippo's, and what it means where it is not the one that was hoped for.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_deployer_publish::{Failure, quote};

use crate::Error;

/// How many complaints a user gets to read.
const MOST_PROBLEMS: usize = 8;

/// What Hippo does not take, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Hippo's name of it: `Name`, `StorageId`, `Domain`. Empty where it does not say.
    pub property: String,
    /// One line.
    pub message: String,
}

/// Problem details (RFC 7807), and what ASP.NET adds for validation.
#[derive(Default, Deserialize)]
struct ProblemDocument {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    errors: BTreeMap<String, Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// `POST https://hippo.example.com/api/apps`, without its query.
    pub(crate) request: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<Duration>,
}

impl Answer {
    /// What the body is the JSON of.
    pub(crate) fn json<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| self.nonsense(expected))
    }

    /// Whether this may be a page for browsers, which some servers show under every path that they do not know.
    pub(crate) fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }

    pub(crate) fn nonsense(&self, expected: &'static str) -> Error {
        let kind = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = quote(kind.unwrap_or("no content type"));
        let body = String::from_utf8_lossy(&self.body);
        let came = match quote(body.trim()) {
            empty if empty.is_empty() => format!("{}, {kind}", self.status),
            said => format!("{}, {kind}: {said}", self.status),
        };
        Error::Nonsense {
            request: self.request.clone(),
            expected,
            came,
        }
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            request: self.request.clone(),
            status: self.status.as_u16(),
            said: self.said(),
        }
    }

    /// What this answer means where it is no success.
    pub(crate) fn to_error(&self) -> Error {
        let failure = self.failure();
        match self.status {
            StatusCode::UNAUTHORIZED => Error::Unauthorized(failure),
            StatusCode::FORBIDDEN => Error::Denied(failure),
            StatusCode::NOT_FOUND => Error::Missing(failure),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY => {
                Error::Invalid {
                    problems: self.problems(),
                    failure,
                }
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Error::Busy {
                failure,
                retry_after: self.retry_after,
            },
            StatusCode::INTERNAL_SERVER_ERROR => Error::Broken {
                failure,
                health: None,
            },
            _ => self.nonsense("an answer of Hippo's API"),
        }
    }

    fn document(&self) -> ProblemDocument {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn problems(&self) -> Vec<Problem> {
        let entries = self.document().errors;
        let each = entries.into_iter().flat_map(|(property, messages)| {
            let property = quote(&property);
            messages.into_iter().map(move |message| Problem {
                property: property.clone(),
                message: quote(&message),
            })
        });
        each.take(MOST_PROBLEMS).collect()
    }

    fn said(&self) -> String {
        let problems = self.problems();
        if !problems.is_empty() {
            let said: Vec<String> = problems
                .iter()
                .map(|p| format!("{}: {}", p.property, p.message))
                .collect();
            return quote(&said.join("; "));
        }
        let document = self.document();
        let said: Vec<String> = [document.title, document.detail]
            .into_iter()
            .flatten()
            .collect();
        match &said[..] {
            [] => quote(String::from_utf8_lossy(&self.body).trim()),
            said => quote(&said.join(" ")),
        }
    }
}
