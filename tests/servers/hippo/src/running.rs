//! The apps that were deployed, as far as one can ask what they are.

use axum::http::StatusCode;
use axum::http::header::HOST;
use serde_json::json;

use crate::message::{Answer, Call, empty, json as shown, text};
use crate::settings::{AppInfo, Settings};
use crate::state::State;

/// Answers for the app whose domain is the request's `Host`, as Traefik would find it.
pub(crate) fn answer(settings: &Settings, state: &State, call: &Call) -> Answer {
    let host = call.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let bare = host.rsplit_once(':').map_or(host, |(name, _)| name);
    // Nothing keeps two channels from the same domain: the one that was started last wins.
    let started = state.scheduler.channels().into_iter().rev();
    let mut channels = started.filter_map(|id| state.channel(id));
    let channel = channels.find(|channel| {
        let domain = channel.domain.as_deref().unwrap_or_default();
        [host, bare]
            .iter()
            .any(|it| it.eq_ignore_ascii_case(domain))
    });
    let seen = channel.and_then(|channel| state.scheduler.seen(channel.id));
    let Some(bindle) = seen.and_then(|seen| seen.bindle) else {
        return empty(StatusCode::NOT_FOUND);
    };
    let (name, version) = bindle.rsplit_once('/').unwrap_or((bindle, ""));
    match call.uri().path() {
        "/.well-known/spin/health" => text("text/plain", "OK"),
        "/.well-known/spin/info" => match settings.app_info {
            AppInfo::Missing => empty(StatusCode::NOT_FOUND),
            AppInfo::App => text("text/plain", bindle),
            AppInfo::Shown => {
                shown(&json!({ "name": name, "version": version, "bindle_version": version }))
            }
        },
        _ => text("text/plain", bindle),
    }
}
