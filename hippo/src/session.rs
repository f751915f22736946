//! Who is asking: a token, or a user name and a password that give one.
//!
//! A token lives for half an hour, cannot be renewed, and may end in the middle of a run. Where there is a password, another
//! one is asked for then.

use std::cell::RefCell;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use spin_deployer_publish::Transport;

use crate::family::{Family, NEW, OLD};
use crate::{Error, Hippo};

/// What there is to prove who is asking. The secret parts may be placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A token of Hippo's.
    Token(String),
    /// A user name, and a password.
    Password(String, String),
}

/// What a login gives.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Token {
    /// The token, or what stands for it.
    pub token: String,
    /// When it ends, as the server says it.
    #[serde(default)]
    pub expiration: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Session {
    credentials: Credentials,
    token: RefCell<Option<String>>,
}

impl Session {
    pub(crate) fn new(credentials: Credentials) -> Self {
        let token = match &credentials {
            Credentials::Token(token) => Some(token.clone()),
            _ => None,
        };
        Self {
            credentials,
            token: RefCell::new(token),
        }
    }

    /// Whether another token can be had.
    pub(crate) fn can_renew(&self) -> bool {
        matches!(self.credentials, Credentials::Password(..))
    }
}

impl<T: Transport> Hippo<T> {
    /// Asks for a token with user name and password.
    ///
    /// # Errors
    /// Where Hippo gives none, and where there is no password.
    pub async fn log_in(&self) -> Result<Token, Error> {
        let Credentials::Password(user, password) = &self.session.credentials else {
            return Err(Error::Anonymous);
        };
        let body = json!({ "userName": user, "password": password });
        let candidates: &[&'static Family] = match self.family.get() {
            Some(known) => &[known],
            None => &[&NEW, &OLD],
        };
        let mut last = None;
        for family in candidates {
            let answer = self
                .patiently(&Method::POST, family.login, Some(&body), None)
                .await?;
            match answer.status {
                StatusCode::OK => {
                    if !answer.is_json() {
                        last = Some(answer.nonsense("a token"));
                        continue;
                    }
                    let token: Token = answer.json("a token")?;
                    self.family.set(Some(family));
                    self.session.token.replace(Some(token.token.clone()));
                    return Ok(token);
                }
                // The other family has another path. A page for browsers may stand under every path.
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                    last = Some(answer.nonsense("a token"));
                }
                StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                    return Err(Error::Login(answer.failure()));
                }
                _ => return Err(answer.to_error()),
            }
        }
        Err(last.unwrap_or(Error::Anonymous))
    }

    /// The token to show, asked for where there is none yet.
    pub(crate) async fn token(&self) -> Result<String, Error> {
        let known = self.session.token.borrow().clone();
        match known {
            Some(token) => Ok(token),
            None => Ok(self.log_in().await?.token),
        }
    }
}
