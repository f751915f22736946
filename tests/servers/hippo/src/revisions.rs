//! Revisions. Each is fetched from Bindle after its row is stored, and may start channels.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::body::Body;
use crate::channels;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, empty};
use crate::page::Paging;
use crate::rule::chosen;
use crate::settings::Doubt;
use crate::state::{Component, Revision, State, Strategy};
use crate::validation::{longest, of};

/// Neither searched nor sorted.
pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, 50)?;
    let rows: Vec<_> = turn.state.revisions.iter().map(item).collect();
    let total = rows.len();
    if paging.is_first() && turn.settings.other(Doubt::RevisionsMove) {
        // As where somebody changes a row: the database gives it last from then on.
        turn.state.readings += 1;
        if turn.state.readings % 2 == 1 && total > 0 {
            turn.state.revisions.rotate_left(1);
        }
    }
    Ok(paging.answer(turn, "revisions", rows, total))
}

/// `POST`: for every app with this storage.
pub(crate) fn register(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    let storage_id = body.text_or_empty("appStorageId")?;
    let number = body.text_or_empty("revisionNumber")?;
    let mut findings = Findings::default();
    if storage_id.is_empty() {
        findings.add("AppStorageId", "Storage ID is required.");
    }
    longest(&mut findings, "App Storage Id", &storage_id, 200);
    // No dot, though an app may have one there: such an app gets its revisions when it is made, or never.
    of(&mut findings, "App Storage Id", &storage_id, "-_/");
    if number.is_empty() {
        findings.add("RevisionNumber", "'Revision Number' must not be empty.");
    }
    longest(&mut findings, "Revision Number", &number, 128);
    findings.none()?;
    let apps = turn.state.apps.iter();
    let apps = apps.filter(|app| app.storage_id == storage_id);
    let apps: Vec<_> = apps.map(|app| app.id).collect();
    if apps.is_empty() {
        return Err(Failure::Framework(StatusCode::NOT_FOUND));
    }
    // Nobody asks whether it is there already.
    let added: Vec<_> = apps
        .into_iter()
        .map(|app| add(turn.state, app, number.clone()))
        .collect();
    for revision in added {
        created(turn, revision)?;
    }
    Ok(empty(StatusCode::CREATED))
}

pub(crate) fn delete(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let id = turn.id;
    if turn.state.revision(id).is_none() {
        return Err(Failure::Missing("Revision", id));
    }
    let mut channels = turn.state.channels.iter();
    let used = channels.any(|channel| channel.active == Some(id));
    if used && !turn.settings.other(Doubt::ActiveRevisionGoes) {
        return Err(Failure::Broken(format!("a channel runs {id}")));
    }
    turn.state.revisions.retain(|revision| revision.id != id);
    for channel in &mut turn.state.channels {
        channel.active = channel.active.filter(|active| *active != id);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Stores a row, of which nothing is known yet.
pub(crate) fn add(state: &mut State, app: Uuid, number: String) -> Uuid {
    let id = Uuid::new_v4();
    state.revisions.push(Revision {
        id,
        app,
        number,
        description: None,
        kind: None,
        components: Vec::new(),
    });
    id
}

/// What follows from a row that was stored: its details are fetched, and channels with a rule take it.
///
/// # Errors
///
/// 500 where one of that fails. The row stays.
pub(crate) fn created(turn: &mut Turn<'_>, id: Uuid) -> Result<(), Failure> {
    let state = &mut *turn.state;
    let Some(revision) = state.revisions.iter().find(|it| it.id == id) else {
        return Ok(());
    };
    let (app, number) = (revision.app, revision.number.clone());
    let storage_id = state.app(app).map(|it| it.storage_id.clone());
    let bindle = format!("{}/{number}", storage_id.unwrap_or_default());
    let details = turn.bindle.details(turn.settings, &bindle)?;
    if let Some(revision) = state.revisions.iter_mut().find(|it| it.id == id)
        && let Some(manifest) = details.manifest
    {
        revision.description = details.description;
        revision.kind = manifest.trigger.and_then(|trigger| trigger.kind);
        let components = manifest.component.into_iter().map(|component| {
            let (route, channel) = match component.trigger {
                Some(trigger) => (trigger.route, trigger.channel),
                None => (None, None),
            };
            Component {
                id: Uuid::new_v4(),
                source: component.source,
                name: component.id,
                route,
                channel,
            }
        });
        revision.components = components.collect();
    }
    let ruled = state.channels.iter();
    let ruled = ruled.filter(|it| it.app == app && it.strategy == Strategy::RangeRule);
    let ruled: Vec<_> = ruled
        .map(|it| {
            (
                it.id,
                it.range_rule.clone().unwrap_or_else(|| "*".to_owned()),
            )
        })
        .collect();
    for (channel, rule) in ruled {
        let of_app = turn.state.revisions.iter().filter(|it| it.app == app);
        let of_app: Vec<_> = of_app.map(|it| (it.id, it.number.as_str())).collect();
        // With all of them a number that is there twice breaks the rule, whichever of them count.
        let mut best = chosen(&rule, &of_app)?;
        if !turn.settings.other(Doubt::RuleSeesAll) {
            best = chosen(&rule, &[(id, &number)])?;
        }
        if best != Some(id) {
            continue;
        }
        channels::found_mut(turn.state, channel)?.active = Some(id);
        if !turn.settings.other(Doubt::RevisionWaits) {
            channels::start(turn, channel, "revision registered")?;
        }
    }
    Ok(())
}

pub(crate) fn item(revision: &Revision) -> Value {
    let components = revision.components.iter().map(|component| {
        json!({
            "id": component.id,
            "source": component.source,
            "name": component.name,
            "route": component.route,
            "channel": component.channel,
            "type": revision.kind,
        })
    });
    json!({
        "id": revision.id,
        "appId": revision.app,
        "revisionNumber": revision.number,
        "components": components.collect::<Vec<_>>(),
        "type": revision.kind,
    })
}
