//! What a channel is to be, what it is, and what its app writes.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::body::Body;
use crate::channels;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, empty, json as answer, query};
use crate::page::Paging;
use crate::state::Wanted;

/// `PUT` of a desired status: the one call that starts what a channel was changed to.
pub(crate) fn want(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    if body.guid_or_nil("channelId")? != turn.id {
        return Err(Failure::Framework(StatusCode::BAD_REQUEST));
    }
    let wanted = body.wanted("desiredStatus")?;
    let wanted = wanted
        .ok_or_else(|| Findings::one("DesiredStatus", "The DesiredStatus field is required."))?;
    channels::found_mut(turn.state, turn.id)?.wanted = Some(wanted);
    match wanted {
        Wanted::Dead => turn.state.scheduler.delete(turn.id)?,
        Wanted::Running => {
            // Two handlers listen to the same event, and each posts the job.
            for _ in 0..2 {
                channels::start(turn, turn.id, "desired status")?;
            }
        }
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// `GET` of statuses: of one channel, or of all.
pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, i32::MAX.cast_unsigned() as usize)?;
    let parameters = query(turn.call);
    let mut parameters = parameters.iter();
    let one = parameters.find(|(name, _)| name.eq_ignore_ascii_case("channelId"));
    let rows: Vec<_> = match one {
        Some((name, id)) => {
            let id = id.parse();
            let id = id.map_err(|_| Findings::one(name, "The value is not valid."))?;
            vec![row(turn, id, "Dead")]
        }
        None => {
            let all = turn.state.channels.iter();
            all.map(|it| row(turn, it.id, "Unknown")).collect()
        }
    };
    let total = rows.len();
    Ok(paging.answer(turn, "channelStatuses", rows, total))
}

/// `GET` of what the app of a channel wrote.
pub(crate) fn logs(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    channels::found(turn.state, turn.id)?;
    turn.state.scheduler.reach()?;
    let seen = turn.state.scheduler.seen(turn.id);
    let lines = seen.map_or(&[][..], |seen| seen.logs);
    Ok(answer(&json!({ "logs": lines })))
}

/// Nomad that cannot be reached, and a job that it does not have, are the same to Hippo.
fn row(turn: &Turn<'_>, channel: Uuid, without: &str) -> Value {
    let scheduler = &turn.state.scheduler;
    let seen = scheduler.reach().ok().and(scheduler.seen(channel));
    let status = match seen {
        Some(seen) if seen.ready => "Running",
        Some(_) => "Pending",
        None => without,
    };
    json!({ "channelId": channel, "status": status })
}
