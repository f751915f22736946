//! Apps. Making one asks Bindle whether its storage is there, and imports every revision of it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::body::Body;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, empty, json as answer};
use crate::page::Paging;
use crate::revisions;
use crate::state::{App, State};
use crate::validation::{is_name, longest, of};

pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, 50)?;
    let found = turn.state.apps.iter();
    let found = found.filter(|app| paging.finds(turn, &app.name));
    let mut rows: Vec<_> = found.map(|app| item(turn.state, app)).collect();
    paging.sort(&mut rows, &["Name", "Id", "StorageId"])?;
    // All of them, whatever was searched for.
    Ok(paging.answer(turn, "apps", rows, turn.state.apps.len()))
}

pub(crate) fn show(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let app = turn.state.app(turn.id);
    let app = app.ok_or(Failure::Missing("App", turn.id))?;
    Ok(answer(&item(turn.state, app)))
}

pub(crate) fn create(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    let name = body.text_or_empty("name")?;
    let storage_id = body.text_or_empty("storageId")?;
    let mut findings = Findings::default();
    rules_of_name(&mut findings, turn.state, Uuid::nil(), &name);
    if storage_id.is_empty() {
        findings.add("StorageId", "Storage ID is required.");
    }
    let known = turn.bindle.first_hits(&storage_id)?;
    if !known.iter().any(|(name, _)| *name == storage_id) {
        findings.add("StorageId", "Storage ID not found in bindle server");
    }
    longest(&mut findings, "Storage Id", &storage_id, 200);
    of(&mut findings, "Storage Id", &storage_id, "-_./");
    findings.none()?;
    let id = Uuid::new_v4();
    turn.state.apps.push(App {
        id,
        name,
        storage_id: storage_id.clone(),
    });
    // The app is there from here on, whatever becomes of its revisions.
    let numbers = turn.bindle.first_hits(&storage_id)?.into_iter();
    let numbers = numbers.filter(|(name, _)| *name == storage_id);
    let added: Vec<_> = numbers
        .map(|(_, number)| revisions::add(turn.state, id, number))
        .collect();
    for revision in added {
        revisions::created(turn, revision)?;
    }
    Ok(answer(&json!(id)))
}

pub(crate) fn rename(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    if body.guid_or_nil("id")? != turn.id {
        return Err(Failure::Framework(StatusCode::BAD_REQUEST));
    }
    let name = body.text_or_empty("name")?;
    let mut findings = Findings::default();
    rules_of_name(&mut findings, turn.state, turn.id, &name);
    findings.none()?;
    let app = turn.state.apps.iter_mut().find(|app| app.id == turn.id);
    app.ok_or(Failure::Missing("App", turn.id))?.name = name;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The jobs of its channels go first: where that fails, everything else stays.
pub(crate) fn delete(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let id = turn.id;
    turn.state.app(id).ok_or(Failure::Missing("App", id))?;
    let state = &mut *turn.state;
    for channel in state.channels.iter().filter(|channel| channel.app == id) {
        state.scheduler.delete(channel.id)?;
    }
    state.channels.retain(|channel| channel.app != id);
    state.revisions.retain(|revision| revision.app != id);
    state.apps.retain(|app| app.id != id);
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What a list says of an app.
fn item(state: &State, app: &App) -> Value {
    let revisions = state.revisions.iter().filter(|it| it.app == app.id);
    // By the letters, not by what they mean: 0.9.0 is higher than 0.10.0.
    let last = revisions.max_by(|a, b| a.number.cmp(&b.number));
    let mut summary = summary(state, app);
    summary["description"] = json!(last.and_then(|revision| revision.description.as_ref()));
    summary
}

/// What a channel says of its app.
pub(crate) fn summary(state: &State, app: &App) -> Value {
    let channels = state.channels.iter().filter(|it| it.app == app.id);
    let channels = channels.map(|channel| {
        let active = channel.active.and_then(|id| state.revision(id));
        json!({
            "id": channel.id,
            "name": channel.name,
            "activeRevisionNumber": active.map(|revision| &revision.number),
        })
    });
    json!({
        "id": app.id,
        "name": app.name,
        "storageId": app.storage_id,
        "channels": channels.collect::<Vec<_>>(),
    })
}

fn rules_of_name(findings: &mut Findings, state: &State, except: Uuid, name: &str) {
    if name.is_empty() {
        findings.add("Name", "Name is required.");
    }
    longest(findings, "Name", name, 128);
    is_name(findings, "Name", name);
    if state
        .apps
        .iter()
        .any(|it| it.id != except && it.name == name)
    {
        findings.add("Name", "The specified name already exists.");
    }
}
