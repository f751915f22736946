//! `/healthz`: a word before 0.18, a tree since.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::hippo::Turn;
use crate::message::{Answer, json as answer, text, with};
use crate::settings::Api;

pub(crate) fn show(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let bindle = turn.bindle.reach().is_ok();
    let nomad = turn.state.scheduler.up;
    let healthy = bindle && nomad;
    let status = match healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    if turn.settings.api < Api::V0_18 {
        return Ok(with(status, text("text/plain", word(healthy))));
    }
    let part = |name: &str, healthy: bool, parts: Value| {
        json!({
            "ServiceName": name,
            "Description": "",
            "Status": word(healthy),
            "Subservices": parts,
        })
    };
    let parts = [
        part("ApplicationDbContext", true, json!([])),
        part("Bindle", bindle, json!([])),
        part("Nomad", nomad, json!([])),
    ];
    let whole = part("Hippo", healthy, parts.into_iter().collect());
    Ok(with(status, answer(&whole)))
}

fn word(healthy: bool) -> &'static str {
    match healthy {
        true => "Healthy",
        false => "Unhealthy",
    }
}
