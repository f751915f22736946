//! Channels: which revision an app runs, and under which domain.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::apps;
use crate::body::Body;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, empty, json as answer};
use crate::page::Paging;
use crate::rule::chosen;
use crate::settings::{Api, Doubt, Settings};
use crate::state::{App, Channel, State, Strategy, Wanted};
use crate::validation::{agree, is_domain, is_name, longest};
use crate::{accounts, certificates, revisions};

pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, 50)?;
    let found = turn.state.channels.iter().filter(|channel| {
        let name = channel.name.as_deref().unwrap_or_default();
        paging.finds(turn, name)
    });
    let mut rows: Vec<_> = found.map(|channel| item(turn, channel)).collect();
    paging.sort(&mut rows, &["Name", "Id", "AppId", "Domain"])?;
    let total = rows.len();
    Ok(paging.answer(turn, "channels", rows, total))
}

pub(crate) fn show(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let channel = found(turn.state, turn.id)?;
    let mut item = item(turn, channel);
    let app = turn.state.app(channel.app);
    item["appSummary"] = app.map_or(Value::Null, |app| apps::summary(turn.state, app));
    Ok(answer(&item))
}

pub(crate) fn create(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let asked = Asked::of(turn)?;
    let mut findings = Findings::default();
    let app = Body::of(turn.call)?.guid_or_nil("appId")?;
    asked.rules(&mut findings, turn.state, app, Uuid::nil());
    if let Some(domain) = &asked.domain {
        if domain.is_empty() {
            findings.add("Domain", "Domain cannot be an empty string.");
        }
        is_domain(&mut findings, domain);
    }
    findings.none()?;
    let app = turn.state.app(app).ok_or(Failure::Missing("App", app))?;
    asked.refers(turn.state)?;
    let domain = match asked.domain {
        Some(domain) => domain,
        None => generated(turn.settings, turn.state, app, &asked.name),
    };
    let (app, id) = (app.id, Uuid::new_v4());
    let active = match asked.strategy {
        Strategy::RangeRule => {
            let of_app = turn.state.revisions.iter().filter(|it| it.app == app);
            let rule = asked.range_rule.as_deref().unwrap_or("*");
            let of_app: Vec<_> = of_app.map(|it| (it.id, it.number.as_str())).collect();
            chosen(rule, &of_app)?
        }
        Strategy::Specified => asked.active,
    };
    turn.state.channels.push(Channel {
        id,
        app,
        name: Some(asked.name),
        domain: Some(domain),
        strategy: asked.strategy,
        range_rule: asked.range_rule,
        active,
        certificate: asked.certificate,
        variables: Vec::new(),
        wanted: None,
        published: None,
    });
    // The channel is there from here on, whether or not it can be started.
    start(turn, id, "channel created")?;
    Ok(answer(&json!(id)))
}

/// Replaces everything, and what is absent with nothing.
pub(crate) fn replace(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    if body.guid_or_nil("id")? != turn.id {
        return Err(Failure::Framework(StatusCode::BAD_REQUEST));
    }
    let asked = Asked::of(turn)?;
    let mut findings = Findings::default();
    let app = found(turn.state, turn.id)?.app;
    asked.rules(&mut findings, turn.state, app, turn.id);
    let domain = asked.domain.clone().unwrap_or_default();
    if domain.is_empty() {
        findings.add("Domain", "Domain is required.");
    }
    is_domain(&mut findings, &domain);
    findings.none()?;
    foreign_keys(turn.state, asked.active, asked.certificate)?;
    let channel = found_mut(turn.state, turn.id)?;
    channel.name = Some(asked.name);
    channel.domain = Some(domain);
    channel.strategy = asked.strategy;
    channel.range_rule = asked.range_rule;
    channel.active = asked.active;
    channel.certificate = asked.certificate;
    match channel.wanted {
        Some(Wanted::Dead) => turn.state.scheduler.delete(turn.id)?,
        Some(Wanted::Running) => start(turn, turn.id, "channel replaced")?,
        None if turn.settings.other(Doubt::PutStarts) => {
            start(turn, turn.id, "channel replaced")?;
        }
        None => {}
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What a PATCH may leave out, and its C# name.
const FIELDS: [(&str, &str); 4] = [
    ("name", "Name"),
    ("domain", "Domain"),
    ("rangeRule", "RangeRule"),
    ("certificateId", "CertificateId"),
];

/// Changes what is there, without a rule: what the database takes is taken. Nothing is started.
pub(crate) fn patch(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    if turn.settings.api == Api::V0_18 && turn.settings.other(Doubt::PatchIsWrapped) {
        return Err(Findings::one(
            "rangeRule",
            "Error converting value to a field.",
        ));
    }
    match patched(turn, &body) {
        Err(Failure::Broken(_)) if turn.settings.other(Doubt::PatchFailsAs400) => {
            let mut findings = Findings::default();
            for (field, property) in FIELDS {
                if !body.has(field) {
                    findings.add(property, format!("The {property} field is required."));
                }
            }
            Err(Failure::Invalid(findings))
        }
        patched => patched,
    }
}

fn patched(turn: &mut Turn<'_>, body: &Body) -> Result<Answer, Failure> {
    found(turn.state, turn.id)?;
    let (name, domain) = (body.text("name")?, body.text("domain")?);
    let strategy = body.strategy("revisionSelectionStrategy")?;
    let rule = body.text("rangeRule")?;
    let active = body.guid("activeRevisionId")?;
    let certificate = body.guid("certificateId")?;
    let variables = body.variables("environmentVariables")?;
    if body.has("revisionSelectionStrategy") && strategy.is_none() {
        let message = "Error converting value null to a strategy.";
        return Err(Findings::one("revisionSelectionStrategy", message));
    }
    foreign_keys(turn.state, active, certificate)?;
    columns(turn.settings, variables.as_deref())?;
    let channel = found_mut(turn.state, turn.id)?;
    if body.has("name") {
        channel.name = name;
    }
    if body.has("domain") {
        channel.domain = domain;
    }
    if body.has("rangeRule") {
        let everything = rule.is_none() && strategy == Some(Strategy::RangeRule);
        channel.range_rule = if everything {
            Some("*".to_owned())
        } else {
            rule
        };
    }
    if let Some(strategy) = strategy {
        channel.strategy = strategy;
    }
    if body.has("activeRevisionId") {
        channel.active = active;
    }
    if body.has("certificateId") {
        channel.certificate = certificate;
    }
    if body.has("environmentVariables") {
        channel.variables = variables.unwrap_or_default();
    }
    if turn.settings.other(Doubt::PatchStarts) {
        start(turn, turn.id, "channel patched")?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// What there was before PATCH.
pub(crate) fn put_variables(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let variables = Body::of(turn.call)?.variables("environmentVariables")?;
    columns(turn.settings, variables.as_deref())?;
    found_mut(turn.state, turn.id)?.variables = variables.unwrap_or_default();
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn delete(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    found(turn.state, turn.id)?;
    if turn.settings.other(Doubt::DeleteStopsFirst) {
        turn.state.scheduler.reach()?;
    }
    // The job goes after the row: where that fails, it runs on, and nobody can ask for it any more.
    turn.state.channels.retain(|channel| channel.id != turn.id);
    turn.state.scheduler.delete(turn.id)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// Starts what the channel is to run. Without a revision nothing is done, and nobody is told.
pub(crate) fn start(turn: &mut Turn<'_>, id: Uuid, cause: &'static str) -> Result<(), Failure> {
    let channel = found(turn.state, id)?;
    if let Some(bindle) = turn.state.bindle_of(channel) {
        turn.state.scheduler.start(id, &bindle, cause)?;
        found_mut(turn.state, id)?.published = Some(accounts::timestamp());
    }
    Ok(())
}

pub(crate) fn found(state: &State, id: Uuid) -> Result<&Channel, Failure> {
    state.channel(id).ok_or(Failure::Missing("Channel", id))
}

pub(crate) fn found_mut(state: &mut State, id: Uuid) -> Result<&mut Channel, Failure> {
    state.channel_mut(id).ok_or(Failure::Missing("Channel", id))
}

/// What POST and PUT have in common.
struct Asked {
    name: String,
    domain: Option<String>,
    strategy: Strategy,
    range_rule: Option<String>,
    active: Option<Uuid>,
    certificate: Option<Uuid>,
}

impl Asked {
    fn of(turn: &Turn<'_>) -> Result<Self, Failure> {
        let body = Body::of(turn.call)?;
        // An enumeration that is absent is the first of its values.
        let strategy = body.strategy("revisionSelectionStrategy")?;
        let strategy = strategy.unwrap_or(Strategy::RangeRule);
        let range_rule = body.text("rangeRule")?;
        Ok(Self {
            name: body.text_or_empty("name")?,
            domain: body.text("domain")?,
            strategy,
            range_rule: match strategy {
                Strategy::RangeRule => Some(range_rule.unwrap_or_else(|| "*".to_owned())),
                Strategy::Specified => range_rule,
            },
            active: body.guid("activeRevisionId")?,
            certificate: body.guid("certificateId")?,
        })
    }

    fn rules(&self, findings: &mut Findings, state: &State, app: Uuid, except: Uuid) {
        if self.name.is_empty() {
            findings.add("Name", "Name is required.");
        }
        longest(findings, "Name", &self.name, 64);
        is_name(findings, "Name", &self.name);
        let mut others = state.channels.iter().filter(|it| it.id != except);
        if others.any(|it| it.app == app && it.name.as_deref() == Some(&self.name)) {
            let message = "A channel with the same name already exists for this app.";
            findings.add("Name", message);
        }
        let mut others = state.channels.iter().filter(|it| it.id != except);
        if self.domain.is_some() && others.any(|it| it.domain == self.domain) {
            findings.add("Domain", "The specified domain already exists.");
        }
        // What it says is not looked at before it is used.
        if self.range_rule.as_deref() == Some("") {
            findings.add("RangeRule", "Range rule cannot be an empty string.");
        }
        agree(findings, self.strategy, self.active.is_some());
    }

    /// Whether what it names is there, as POST asks.
    fn refers(&self, state: &State) -> Result<(), Failure> {
        match (self.active, self.certificate) {
            (Some(id), _) if state.revision(id).is_none() => Err(Failure::Missing("Revision", id)),
            (_, Some(id)) if !certificates::known(state, id) => {
                Err(Failure::Missing("Certificate", id))
            }
            _ => Ok(()),
        }
    }
}

/// Whether what a row names is there, as the database insists: no message, where it is not.
fn foreign_keys(
    state: &State,
    revision: Option<Uuid>,
    certificate: Option<Uuid>,
) -> Result<(), Failure> {
    match (revision, certificate) {
        (Some(id), _) if state.revision(id).is_none() => {
            Err(Failure::Broken(format!("no revision {id}")))
        }
        (_, Some(id)) if !certificates::known(state, id) => {
            Err(Failure::Broken(format!("no certificate {id}")))
        }
        _ => Ok(()),
    }
}

fn columns(settings: &Settings, variables: Option<&[(String, String)]>) -> Result<(), Failure> {
    let long = |(key, _): &&(String, String)| key.chars().count() > 32;
    match variables.unwrap_or_default().iter().find(long) {
        Some((key, _)) if !settings.other(Doubt::KeysAreLong) => {
            Err(Failure::Broken(format!("{key} does not fit its column")))
        }
        _ => Ok(()),
    }
}

fn generated(settings: &Settings, state: &State, app: &App, channel: &str) -> String {
    if let Some(only) = &settings.only_domain {
        return only.clone();
    }
    let platform = &settings.platform_domain;
    if settings.api < Api::V0_20 {
        return format!("{channel}.{}.{platform}", app.name);
    }
    let first = state.channels.iter().all(|it| it.app != app.id);
    let domain = match first {
        true => format!("{}.{platform}", app.name),
        false => format!("{channel}-{}.{platform}", app.name),
    };
    domain.replace('_', "-").to_lowercase()
}

fn item(turn: &Turn<'_>, channel: &Channel) -> Value {
    let numbered =
        turn.settings.api == Api::V0_18 && !turn.settings.other(Doubt::StrategiesAreNamed);
    let strategy = match numbered {
        true => json!(channel.strategy.number()),
        false => json!(channel.strategy.name()),
    };
    let state = &*turn.state;
    let app = state.app(channel.app);
    let active = channel.active.and_then(|id| state.revision(id));
    let certificate = channel.certificate;
    let certificate = certificate.and_then(|id| certificates::item_of(state, id));
    let variables = channel.variables.iter();
    let variables = variables
        .map(|(key, value)| json!({ "channelId": channel.id, "key": key, "value": value }));
    json!({
        "id": channel.id,
        "appId": channel.app,
        "appName": app.map(|app| &app.name),
        "name": channel.name,
        "domain": channel.domain,
        "revisionSelectionStrategy": strategy,
        "activeRevision": active.map(revisions::item),
        "lastPublishAt": channel.published,
        "rangeRule": channel.range_rule,
        "certificate": certificate,
        "environmentVariables": variables.collect::<Vec<_>>(),
    })
}
