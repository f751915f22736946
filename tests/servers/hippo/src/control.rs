//! What a test sees and does: on a listener of its own, since Hippo has nothing of it.

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use crate::message::{Answer, Call, empty, json as shown, text, with};
use crate::state::State;

/// A request that came in.
pub(crate) struct Recorded {
    method: String,
    path: String,
    query: Option<String>,
    /// 0 while it is answered.
    pub(crate) status: u16,
}

impl Recorded {
    pub(crate) fn of(call: &Call) -> Self {
        Self {
            method: call.method().to_string(),
            path: call.uri().path().to_owned(),
            query: call.uri().query().map(str::to_owned),
            status: 0,
        }
    }
}

/// Requests that are to fail.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Planned {
    request: Which,
    /// How many of them.
    #[serde(default = "once")]
    times: usize,
    #[serde(default = "internal", deserialize_with = "status")]
    status: StatusCode,
    /// Do what is asked first, so that only the answer is lost.
    #[serde(default)]
    after_save: bool,
}

/// How one request fails.
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    pub(crate) after_save: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Which {
    /// From this one on, counted from 1 as they stand in `/requests`.
    Number(usize),
    /// `POST /api/apps`
    Line(String),
}

fn once() -> usize {
    1
}

fn internal() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn status<'de, D: serde::Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
    let number = u16::deserialize(from)?;
    StatusCode::from_u16(number).map_err(serde::de::Error::custom)
}

/// What is planned for this request, which is the `number`th.
pub(crate) fn planned(plans: &mut [Planned], number: usize, call: &Call) -> Option<Fault> {
    let line = format!("{} {}", call.method(), call.uri().path());
    let plan = plans.iter_mut().find(|plan| {
        let here = match &plan.request {
            Which::Number(first) => number >= *first,
            Which::Line(wanted) => *wanted == line,
        };
        here && plan.times > 0
    })?;
    plan.times -= 1;
    Some(Fault {
        status: plan.status,
        after_save: plan.after_save,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Logs {
    /// Otherwise all channels.
    channel_id: Option<Uuid>,
    lines: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reachable {
    up: bool,
}

/// A test that asks for what is not there is told so.
pub(crate) fn answer(state: &mut State, call: &Call) -> Answer {
    done(state, call)
        .unwrap_or_else(|wrong| with(StatusCode::BAD_REQUEST, text("text/plain", wrong)))
}

fn done(state: &mut State, call: &Call) -> Result<Answer, String> {
    match (call.method().as_str(), call.uri().path()) {
        ("GET", "/state") => Ok(shown(&state.shown())),
        ("GET", "/requests") => {
            let all = state.requests.iter().map(|it| {
                json!({ "method": it.method, "path": it.path, "query": it.query, "status": it.status })
            });
            Ok(shown(&all.collect()))
        }
        ("POST", "/fail") => {
            state.planned.push(read(call)?);
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("POST", "/logs") => {
            let logs: Logs = read(call)?;
            state.scheduler.write(logs.channel_id, &logs.lines);
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("POST", "/nomad") => {
            state.scheduler.up = read::<Reachable>(call)?.up;
            Ok(empty(StatusCode::NO_CONTENT))
        }
        ("POST", "/expire-tokens") => {
            for token in &mut state.tokens {
                token.revoked = true;
            }
            Ok(empty(StatusCode::NO_CONTENT))
        }
        (method, path) => Err(format!("no {method} {path}")),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(call.body()).map_err(|error| error.to_string())
}
