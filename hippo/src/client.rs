//! One Hippo server, and one request to it.

use std::cell::Cell;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::Value;
use spin_deployer_publish::{
    Body, Patience, Request, Transport, TransportError, TransportFailure, retry_after,
};

use crate::answer::Answer;
use crate::family::Family;
use crate::session::{Credentials, Session};
use crate::{Error, health};

/// How long an answer may be, in bytes. Up to 0.17 a list is one answer, of all revisions of everybody with all their components.
/// The transport has to read one byte more, so that a longer one shows.
pub const LONGEST_ANSWER: usize = 16 << 20;

/// A Hippo server, and who asks it.
#[derive(Debug)]
pub struct Hippo<T> {
    pub(crate) transport: T,
    /// Without a slash at its end.
    base: String,
    pub(crate) session: Session,
    /// Known from the login, or from the first list.
    pub(crate) family: Cell<Option<&'static Family>>,
    /// Whether lists come in pages.
    pub(crate) paged: Cell<bool>,
    /// Whether a mark that was set could not be taken away.
    pub(crate) unmarkable: Cell<bool>,
    /// Whether anybody was ever there. Nobody from the start is more likely a wrong name than a restart.
    met: Cell<bool>,
}

impl<T: Transport> Hippo<T> {
    /// `url` is where Hippo is, with a path where it lies below one: `https://platform.example.com/hippo`.
    pub fn new(transport: T, url: &str, credentials: Credentials) -> Self {
        Self {
            transport,
            base: url.trim_end_matches('/').to_owned(),
            session: Session::new(credentials),
            family: Cell::new(None),
            paged: Cell::new(false),
            unmarkable: Cell::new(false),
            met: Cell::new(false),
        }
    }

    /// Asks whether Hippo and what it depends on are well.
    ///
    /// # Errors
    /// `Unhealthy` where Hippo says no. A server that says nothing is none.
    pub async fn check_health(&self) -> Result<(), Error> {
        let answer = match self.once(&Method::GET, "/healthz", None, None).await {
            Ok(answer) => answer,
            Err(error) if self.is_hopeless(&error) => return Err(error),
            // Whoever is starting up answers a moment later.
            Err(error) => {
                Patience::new().after(error, &self.transport).await?;
                self.once(&Method::GET, "/healthz", None, None).await?
            }
        };
        match health::read(answer.status, &answer.body) {
            Some(health) => Err(Error::Unhealthy(health)),
            None if is_busy(answer.status) => Err(answer.to_error()),
            None => Ok(()),
        }
    }

    /// Adds to an error that says nothing what Hippo says about its health.
    pub async fn diagnosed(&self, error: Error) -> Error {
        match error {
            Error::Broken {
                failure,
                health: None,
            } => {
                let answer = self.once(&Method::GET, "/healthz", None, None).await;
                let health = answer.ok().and_then(|a| health::read(a.status, &a.body));
                Error::Broken { failure, health }
            }
            error => error,
        }
    }

    /// Reads. What fails in passing is tried again; 404 is an answer.
    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Error> {
        self.authorized(&Method::GET, path, None).await
    }

    /// Writes, once: whether it happened where the answer does not say is the caller's to find out.
    ///
    /// # Errors
    /// Every answer that is no success.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let answer = self.authorized(&method, path, body).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(answer.to_error())
        }
    }

    /// Sends a request with a token, and with another one where the token ended. A request that got a 401 had no effect, so
    /// any request can be sent again then.
    async fn authorized(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let answer = if *method == Method::GET {
                self.patiently(method, path, body, Some(&token)).await?
            } else {
                self.once(method, path, body, Some(&token)).await?
            };
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            if renewed || !self.session.can_renew() {
                return Err(answer.to_error());
            }
            self.log_in().await?;
            renewed = true;
        }
    }

    /// Sends a request that may be sent twice, and waits where that helps.
    pub(crate) async fn patiently(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut patience = Patience::new();
        loop {
            let error = match self.once(method, path, body, token).await {
                Ok(answer) if !is_busy(answer.status) => return Ok(answer),
                Ok(answer) => answer.to_error(),
                Err(error) if self.is_hopeless(&error) => return Err(error),
                Err(error) => error,
            };
            patience.after(error, &self.transport).await?;
        }
    }

    fn is_hopeless(&self, error: &Error) -> bool {
        let unreachable = TransportFailure::Unreachable;
        !self.met.get()
            && matches!(error, Error::Transport { source, .. } if source.failure == unreachable)
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.base);
        let shown = format!("{method} {}", url.split('?').next().unwrap_or_default());
        let fail = |failure, reason: &str| Error::Transport {
            request: shown.clone(),
            source: TransportError {
                failure,
                reason: reason.to_owned(),
            },
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let value = value.map_err(|_| {
                fail(
                    TransportFailure::Protocol,
                    "the token is no text for a header",
                )
            })?;
            headers.insert(AUTHORIZATION, value);
        }
        let bytes = body.map(Value::to_string).unwrap_or_default().into_bytes();
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let request = Request {
            method: method.clone(),
            url,
            headers,
            body: match body {
                Some(_) => Body::Bytes(&bytes),
                None => Body::Empty,
            },
        };
        let sent = self.transport.send(request).await;
        let response = sent.map_err(|source| Error::Transport {
            request: shown.clone(),
            source,
        })?;
        self.met.set(true);
        if response.body.len() > LONGEST_ANSWER {
            return Err(fail(
                TransportFailure::Protocol,
                "the answer is longer than 16 MiB",
            ));
        }
        let retry_after = response
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, self.transport.now()));
        Ok(Answer {
            request: shown,
            status: response.status,
            headers: response.headers,
            body: response.body,
            retry_after,
        })
    }
}

/// A 500 of Hippo's is not among them: it is the same the next time.
fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504)
}
