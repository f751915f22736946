//! Requests and answers, whole, without a connection.

use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, Response, StatusCode};
use serde_json::Value;

/// A request with its whole body.
pub type Call = Request<Vec<u8>>;

/// An answer with its whole body.
pub type Answer = Response<Vec<u8>>;

pub(crate) fn json(value: &Value) -> Answer {
    text("application/json; charset=utf-8", value.to_string())
}

pub(crate) fn text(content_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
    let mut answer = Answer::new(body.into());
    let content_type = axum::http::HeaderValue::from_static(content_type);
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = status;
    answer
}

pub(crate) fn with(status: StatusCode, mut answer: Answer) -> Answer {
    *answer.status_mut() = status;
    answer
}

/// The pairs of the query, decoded, in their order.
pub(crate) fn query(call: &Call) -> Vec<(String, String)> {
    let query = call.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}
