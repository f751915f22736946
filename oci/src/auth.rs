//! Proves to a registry who is asking: not at all, with every request (Basic), or with a token that the service named in
//! the registry's challenge hands out (Bearer; the [token specification] of distribution).
//!
//! [token specification]: https://distribution.github.io/distribution/spec/auth/token/

use std::fmt;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::lock::Mutex;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::answer::Answer;
use crate::registry::ask;
use crate::url::{encode, origin, with_query};
use crate::{Body, Challenge, Error, Transport, challenges};

/// What the specification has a token live where its service does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token that ends this soon is renewed before it is used: uploads take a while.
const MARGIN: Duration = Duration::from_secs(10);

/// Who is asking. The secret parts may be placeholders that the transport replaces.
#[derive(Clone)]
pub enum Credential {
    /// User name and password.
    Password(String, String),
    /// An OAuth 2 refresh token, Docker's "identity token".
    IdentityToken(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(..) => "Password(…)",
            Self::IdentityToken(_) => "IdentityToken(…)",
        })
    }
}

#[derive(Debug)]
pub(crate) struct Authorizer {
    credential: Option<Credential>,
    scope: String,
    // Held while a token is fetched, so that parallel requests fetch one.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    basic: Option<HeaderValue>,
    service: Option<TokenService>,
    token: Option<Token>,
}

#[derive(Debug, Clone)]
struct TokenService {
    realm: String,
    service: Option<String>,
    scope: String,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    ends: SystemTime,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Authorizer {
    /// `scope` is all that will be asked for, so that one token does: `repository:acme/shop:pull,push`, and more of
    /// them after spaces.
    pub(crate) fn new(credential: Option<Credential>, scope: String) -> Self {
        Self {
            credential,
            scope,
            state: Mutex::default(),
        }
    }

    /// What to send along with a request, as far as the registry's wishes are known.
    pub(crate) async fn header(
        &self,
        transport: &impl Transport,
    ) -> Result<Option<HeaderValue>, Error> {
        let mut state = self.state.lock().await;
        if state.basic.is_some() {
            return Ok(state.basic.clone());
        }
        let Some(service) = state.service.clone() else {
            return Ok(None);
        };
        if let Some(token) = &state.token
            && token.ends > transport.now() + MARGIN
        {
            return Ok(Some(token.header.clone()));
        }
        let token = self.fetch(transport, &service).await?;
        state.token = Some(token.clone());
        Ok(Some(token.header))
    }

    /// What to send after the registry answered 401 to a request that carried `refused`.
    ///
    /// # Errors
    /// Where there is nothing else to show.
    pub(crate) async fn renew(
        &self,
        transport: &impl Transport,
        refused: Option<&HeaderValue>,
        answer: Answer,
    ) -> Result<HeaderValue, Error> {
        let mut state = self.state.lock().await;
        // Another request was quicker.
        let known = state
            .basic
            .as_ref()
            .or(state.token.as_ref().map(|token| &token.header));
        if let Some(known) = known
            && Some(known) != refused
        {
            return Ok(known.clone());
        }
        let challenges: Vec<Challenge> = answer
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(challenges)
            .collect();
        let find = |scheme| challenges.iter().find(|c| c.scheme == scheme);
        if let Some(bearer) = find("bearer") {
            let realm = bearer
                .parameter("realm")
                .filter(|realm| origin(realm).is_some())
                .ok_or_else(|| answer.nonsense("the URL of a token service as `realm`"))?;
            let service = TokenService {
                realm: realm.to_owned(),
                service: bearer.parameter("service").map(str::to_owned),
                scope: self.widened(bearer.parameter("scope").unwrap_or_default()),
            };
            let token = self.fetch(transport, &service).await?;
            state.service = Some(service);
            state.token = Some(token.clone());
            return Ok(token.header);
        }
        match (&self.credential, find("basic")) {
            (Some(Credential::Password(user, password)), Some(_)) if refused.is_none() => {
                let header = basic(user, password);
                state.basic = Some(header.clone());
                Ok(header)
            }
            (_, Some(_)) => Err(self.unauthorized(&answer)),
            (_, None) => Err(answer.nonsense("a `WWW-Authenticate` header with Bearer or Basic")),
        }
    }

    /// The error that a final 401 is. Whom the token service gave a token is known, and then lacks the right to do this.
    pub(crate) fn refusal(&self, shown: Option<&HeaderValue>, answer: &Answer) -> Error {
        let token = shown.is_some_and(|header| header.as_bytes().starts_with(b"Bearer"));
        if token && self.credential.is_some() {
            return Error::Denied(answer.failure());
        }
        self.unauthorized(answer)
    }

    fn unauthorized(&self, answer: &Answer) -> Error {
        Error::Unauthorized {
            failure: answer.failure(),
            credential: self.credential.is_some(),
        }
    }

    /// Our scope, and what the registry's challenge asks for beside it: some know the repository by another name.
    fn widened(&self, asked: &str) -> String {
        let mut scope = self.scope.clone();
        for asked in asked.split_ascii_whitespace() {
            let resource = asked
                .rsplit_once(':')
                .map_or(asked, |(resource, _)| resource);
            let known = scope
                .split(' ')
                .any(|s| s.rsplit_once(':').is_some_and(|(r, _)| r == resource));
            if !known {
                scope.push(' ');
                scope.push_str(asked);
            }
        }
        scope
    }

    async fn fetch(
        &self,
        transport: &impl Transport,
        service: &TokenService,
    ) -> Result<Token, Error> {
        let mut headers = HeaderMap::new();
        let mut fields = Vec::new();
        if let Some(name) = &service.service {
            fields.push(("service", name.as_str()));
        }
        let answer = if let Some(Credential::IdentityToken(token)) = &self.credential {
            fields.extend([
                ("scope", service.scope.as_str()),
                ("grant_type", "refresh_token"),
                ("client_id", "spin-deployer"),
                ("refresh_token", token.as_str()),
            ]);
            let form: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", encode(value)))
                .collect();
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            let form = form.join("&");
            let body = Body::Bytes(form.as_bytes());
            ask(transport, Method::POST, &service.realm, &headers, body).await?
        } else {
            if let Some(Credential::Password(user, password)) = &self.credential {
                headers.insert(AUTHORIZATION, basic(user, password));
                fields.push(("account", user));
            }
            // One parameter a scope, as Docker does it.
            fields.extend(service.scope.split(' ').map(|scope| ("scope", scope)));
            let url = fields
                .iter()
                .fold(service.realm.clone(), |url, (n, v)| with_query(&url, n, v));
            ask(transport, Method::GET, &url, &headers, Body::Empty).await?
        };
        match answer.status {
            StatusCode::OK => {}
            // To a token service a wrong password may be a bad request.
            StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if self.credential.is_some() => {
                return Err(self.unauthorized(&answer));
            }
            StatusCode::UNAUTHORIZED => return Err(self.unauthorized(&answer)),
            _ => return Err(answer.into_error()),
        }
        let parsed = serde_json::from_slice::<TokenAnswer>(&answer.body).ok();
        let header = parsed.as_ref().and_then(|parsed| {
            let token = parsed.token.as_ref().or(parsed.access_token.as_ref())?;
            let mut header = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            header.set_sensitive(true);
            Some(header)
        });
        let Some(header) = header else {
            // Its body may hold half a token: not for an error message.
            return Err(Answer {
                body: Vec::new(),
                ..answer
            }
            .nonsense("a token as JSON"));
        };
        let life = parsed
            .and_then(|parsed| parsed.expires_in)
            .map_or(DEFAULT_LIFE, Duration::from_secs);
        let now = transport.now();
        Ok(Token {
            header,
            ends: now.checked_add(life).unwrap_or(now),
        })
    }
}

fn basic(user: &str, password: &str) -> HeaderValue {
    let encoded = STANDARD.encode(format!("{user}:{password}"));
    // Base64 is always a legal header.
    let mut header = HeaderValue::try_from(format!("Basic {encoded}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}
