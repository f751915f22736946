//! Who may come in, and for how long.

use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::body::Body;
use crate::failure::{Failure, Findings};
use crate::hippo::Turn;
use crate::message::{Answer, json as answer, text};
use crate::settings::{Doubt, Settings};
use crate::state::{Account, State, Token};
use crate::validation::{is_name, longest};

/// `POST` of a token.
pub(crate) fn create_token(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    let name = body.text_or_empty("userName")?;
    let password = body.text_or_empty("password")?;
    let mut findings = Findings::default();
    if name.is_empty() {
        findings.add("UserName", "The UserName field is required.");
    }
    if password.is_empty() {
        findings.add("Password", "The Password field is required.");
    }
    findings.none()?;
    let account = turn.state.accounts.iter().find(|it| it.name == name);
    let account = account.ok_or(Failure::Login("Account does not exist."))?;
    if account.password != password {
        return Err(Failure::Login("Credentials are not valid."));
    }
    let expires = now() + turn.settings.token_lifetime;
    let token = jwt(account, expires);
    turn.state.tokens.push(Token {
        text: token.clone(),
        expires,
        revoked: false,
    });
    Ok(answer(
        &json!({ "token": token, "expiration": rfc3339(expires) }),
    ))
}

/// `POST` of an account.
pub(crate) fn create(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let body = Body::of(turn.call)?;
    let name = body.text_or_empty("userName")?;
    let password = body.text_or_empty("password")?;
    let mut findings = Findings::default();
    if name.is_empty() {
        findings.add("UserName", "User name is required.");
    }
    longest(&mut findings, "User Name", &name, 64);
    is_name(&mut findings, "User Name", &name);
    if turn.state.accounts.iter().any(|it| it.name == name) {
        findings.add("UserName", "The specified username already exists.");
    }
    if password.chars().count() < 6 {
        findings.add("Password", "Password must be at least 6 characters.");
    }
    findings.none()?;
    let id = Uuid::new_v4();
    turn.state.accounts.push(Account { id, name, password });
    let accept = turn.call.headers().get(ACCEPT);
    let json = accept.is_some_and(|accept| accept.as_bytes().starts_with(b"application/json"));
    Ok(match json || turn.settings.other(Doubt::AccountIsJson) {
        true => answer(&id.to_string().into()),
        false => text("text/plain; charset=utf-8", id.to_string()),
    })
}

/// # Errors
///
/// 401 where there is no token that is good by now.
pub(crate) fn let_in(
    state: &State,
    settings: &Settings,
    authorization: Option<&HeaderValue>,
) -> Result<(), Failure> {
    let authorization = authorization.ok_or(Failure::Unauthorized("Bearer"))?;
    let text = authorization.to_str().ok();
    let text = text.and_then(|text| text.strip_prefix("Bearer "));
    let text = text.ok_or(Failure::Unauthorized("Bearer"))?;
    let token = state.tokens.iter().find(|token| token.text == text);
    let token = token.ok_or(Failure::Unauthorized("Bearer error=\"invalid_token\""))?;
    if token.revoked || now() > token.expires + settings.clock_skew {
        return Err(Failure::Unauthorized(
            "Bearer error=\"invalid_token\", error_description=\"The token is expired\"",
        ));
    }
    Ok(())
}

/// Shaped like what Hippo signs. Nobody can check the signature: the stand-in knows what it gave out.
fn jwt(account: &Account, expires: i64) -> String {
    let encode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    let json = |part: Value| encode(part.to_string().as_bytes());
    let header = json(json!({ "alg": "HS256", "typ": "JWT" }));
    let claims = json(json!({
        "sub": account.name,
        "unique_name": account.name,
        "jti": Uuid::new_v4(),
        "nameidentifier": account.id,
        "exp": expires,
    }));
    let signature = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    format!("{header}.{claims}.{}", encode(&signature))
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs().cast_signed())
}

/// The time this many seconds after 1970, in UTC.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let after = Duration::from_secs(seconds.max(0).cast_unsigned());
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + after).to_string()
}

/// Now, in UTC.
pub(crate) fn timestamp() -> String {
    rfc3339(now())
}
