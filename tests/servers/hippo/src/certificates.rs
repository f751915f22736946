//! Certificates: texts with a name, which nobody reads. The private key is shown to everybody with a token.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::body::Body;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, empty, json as answer};
use crate::page::Paging;
use crate::state::{Certificate, State};
use crate::validation::{is_name, longest};

pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, 50)?;
    let found = turn.state.certificates.iter();
    let found = found.filter(|it| paging.finds(turn, &it.name));
    let mut rows: Vec<_> = found.map(item).collect();
    paging.sort(&mut rows, &["Name", "Id"])?;
    let total = rows.len();
    Ok(paging.answer(turn, "certificates", rows, total))
}

pub(crate) fn create(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let certificate = asked(turn, Uuid::nil())?;
    let id = certificate.id;
    turn.state.certificates.push(certificate);
    Ok(answer(&json!(id)))
}

pub(crate) fn replace(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    if Body::of(turn.call)?.guid_or_nil("id")? != turn.id {
        return Err(Failure::Framework(StatusCode::BAD_REQUEST));
    }
    let certificate = asked(turn, turn.id)?;
    let mut all = turn.state.certificates.iter_mut();
    let place = all.find(|it| it.id == turn.id);
    *place.ok_or(Failure::Missing("Certificate", turn.id))? = certificate;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn delete(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let id = turn.id;
    if !known(turn.state, id) {
        return Err(Failure::Missing("Certificate", id));
    }
    turn.state.certificates.retain(|it| it.id != id);
    for channel in &mut turn.state.channels {
        channel.certificate = channel.certificate.filter(|it| *it != id);
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(crate) fn known(state: &State, id: Uuid) -> bool {
    state.certificates.iter().any(|it| it.id == id)
}

pub(crate) fn item_of(state: &State, id: Uuid) -> Option<Value> {
    state.certificates.iter().find(|it| it.id == id).map(item)
}

fn item(certificate: &Certificate) -> Value {
    json!({
        "id": certificate.id,
        "name": certificate.name,
        "publicKey": certificate.public,
        "privateKey": certificate.private,
    })
}

/// What the request asks for, in place of the one with this id, or as a new one.
fn asked(turn: &Turn<'_>, id: Uuid) -> Result<Certificate, Failure> {
    let body = Body::of(turn.call)?;
    let certificate = Certificate {
        id: if id.is_nil() { Uuid::new_v4() } else { id },
        name: body.text_or_empty("name")?,
        public: body.text_or_empty("publicKey")?,
        private: body.text_or_empty("privateKey")?,
    };
    let mut findings = Findings::default();
    if certificate.name.is_empty() {
        findings.add("Name", "Name is required.");
    }
    longest(&mut findings, "Name", &certificate.name, 64);
    is_name(&mut findings, "Name", &certificate.name);
    let mut others = turn.state.certificates.iter().filter(|it| it.id != id);
    if others.any(|it| it.name == certificate.name) {
        findings.add("Name", "The specified name already exists.");
    }
    if certificate.public.is_empty() {
        findings.add("PublicKey", "Public key is required.");
    }
    if certificate.private.is_empty() {
        findings.add("PrivateKey", "Private key is required.");
    }
    findings.none()?;
    Ok(certificate)
}
