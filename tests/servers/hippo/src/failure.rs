//! The ways in which Hippo says no.

use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::message::{Answer, empty, text, with};

/// What a request failed on.
#[derive(Debug)]
pub(crate) enum Failure {
    /// 400: values that validation refuses.
    Invalid(Findings),
    /// 400, not 401: a name and password that do not let in.
    Login(&'static str),
    /// 401: no token, or one that is not good.
    Unauthorized(&'static str),
    /// 404: no row with this id.
    Missing(&'static str, Uuid),
    /// A bare status, as the framework gives it.
    Framework(StatusCode),
    /// 500 without a word. The reason goes to standard error, as Hippo's goes to its log.
    Broken(String),
}

/// Messages by the name of a property as C# has it, in their order.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(String, Vec<String>)>);

impl Findings {
    pub(crate) fn add(&mut self, property: &str, message: impl Into<String>) {
        let found = self.0.iter_mut().find(|(name, _)| name == property);
        match found {
            Some((_, messages)) => messages.push(message.into()),
            None => self.0.push((property.to_owned(), vec![message.into()])),
        }
    }

    pub(crate) fn one(property: &str, message: impl Into<String>) -> Failure {
        let mut findings = Self::default();
        findings.add(property, message);
        Failure::Invalid(findings)
    }

    /// # Errors
    ///
    /// Where there are any.
    pub(crate) fn none(self) -> Result<(), Failure> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Failure::Invalid(self)),
        }
    }
}

impl Failure {
    pub(crate) fn answer(self) -> Answer {
        match self {
            Self::Invalid(Findings(findings)) => {
                let errors: Map<String, Value> = findings
                    .into_iter()
                    .map(|(property, messages)| (property, messages.into()))
                    .collect();
                problem(
                    400,
                    json!({
                        "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
                        "title": "One or more validation errors occurred.",
                        "status": 400,
                        "errors": errors,
                    }),
                )
            }
            Self::Login(detail) => {
                problem(400, json!({ "title": "Login failed.", "detail": detail }))
            }
            Self::Unauthorized(challenge) => {
                let mut answer = empty(StatusCode::UNAUTHORIZED);
                let challenge = axum::http::HeaderValue::from_static(challenge);
                answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
                answer
            }
            Self::Missing(entity, id) => problem(
                404,
                json!({
                    "type": "https://tools.ietf.org/html/rfc7231#section-6.5.4",
                    "title": "The specified resource was not found.",
                    "detail": format!("Entity \"{entity}\" ({id}) was not found."),
                }),
            ),
            Self::Framework(status) => {
                let code = status.as_u16();
                problem(
                    code,
                    json!({
                        "type": "https://tools.ietf.org/html/rfc7231#section-6.5",
                        "title": status.canonical_reason(),
                        "status": code,
                        "traceId": "00-00000000000000000000000000000000-0000000000000000-00",
                    }),
                )
            }
            Self::Broken(reason) => {
                eprintln!("500: {reason}");
                opaque(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// What Hippo answers where something went wrong: the same for everything.
pub(crate) fn opaque(status: StatusCode) -> Answer {
    problem(
        status.as_u16(),
        json!({
            "type": "https://tools.ietf.org/html/rfc7231#section-6.6.1",
            "title": "An error occurred while processing your request.",
            "status": status.as_u16(),
        }),
    )
}

fn problem(status: u16, problem: Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with(
        status,
        text(
            "application/problem+json; charset=utf-8",
            problem.to_string(),
        ),
    )
}
