//! One request after the other: recorded, let in, answered.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use uuid::Uuid;

use crate::bindle::Bindle;
use crate::control::{Recorded, planned};
use crate::failure::{Failure, Findings, opaque};
use crate::message::{Answer, Call, empty, text};
use crate::routes::{Found, find};
use crate::scheduler::Scheduler;
use crate::settings::{Doubt, Nomad, Settings};
use crate::state::{Account, State};
use crate::{accounts, running};

/// The stand-in: its settings, its database, and the Bindle that it asks.
pub struct Hippo {
    settings: Settings,
    bindle: Bindle,
    state: Mutex<State>,
}

/// One request while it is answered.
pub(crate) struct Turn<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) bindle: &'a Bindle,
    pub(crate) state: &'a mut State,
    pub(crate) call: &'a Call,
    /// The GUID in the path, where the route has one.
    pub(crate) id: Uuid,
}

impl Hippo {
    /// With an empty database, except for the accounts of the settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let users = settings.users.iter();
        let accounts = users.map(|(name, password)| Account {
            id: Uuid::new_v4(),
            name: name.clone(),
            password: password.clone(),
        });
        let delay = Duration::from_millis(settings.app_start_delay);
        let state = State {
            accounts: accounts.collect(),
            tokens: Vec::new(),
            apps: Vec::new(),
            channels: Vec::new(),
            revisions: Vec::new(),
            certificates: Vec::new(),
            scheduler: Scheduler::new(settings.nomad == Nomad::Up, delay),
            requests: Vec::new(),
            planned: Vec::new(),
            readings: 0,
        };
        Self {
            bindle: Bindle::at(&settings.bindle),
            settings,
            state: Mutex::new(state),
        }
    }

    /// Answers a request to Hippo. Blocks while it asks Bindle, and one request at a time is answered.
    pub fn answer(&self, call: &Call) -> Answer {
        let mut state = self.state();
        let number = state.requests.len() + 1;
        state.requests.push(Recorded::of(call));
        let answer = match planned(&mut state.planned, number, call) {
            Some(fault) => {
                if fault.after_save {
                    self.served(&mut state, call);
                }
                opaque(fault.status)
            }
            None => self.served(&mut state, call),
        };
        if let Some(recorded) = state.requests.last_mut() {
            recorded.status = answer.status().as_u16();
        }
        answer
    }

    /// Answers a request of the test: see `control`.
    pub fn control(&self, call: &Call) -> Answer {
        crate::control::answer(&mut self.state(), call)
    }

    /// Answers a request to one of the apps, found by its `Host`.
    pub fn app(&self, call: &Call) -> Answer {
        running::answer(&self.settings, &self.state(), call)
    }

    /// A test that failed in the middle of a request must not fail all others.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self, state: &mut State, call: &Call) -> Answer {
        let mut answer = match self.handled(state, call) {
            Ok(answer) => answer,
            Err(failure) => failure.answer(),
        };
        if call.uri().path().starts_with("/api/") {
            let version = axum::http::HeaderValue::from_static("0.1");
            answer
                .headers_mut()
                .insert("api-supported-versions", version);
        }
        answer
    }

    fn handled(&self, state: &mut State, call: &Call) -> Result<Answer, Failure> {
        let page = self.settings.other(Doubt::PathsShowThePage);
        let (route, id) = match find(self.settings.api, call.method(), call.uri().path()) {
            Found::Route(route, id) => (route, id),
            Found::OtherMethod => return Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
            Found::Nothing if !page => return Ok(empty(StatusCode::NOT_FOUND)),
            Found::Nothing => {
                return Ok(match call.method().as_str() {
                    "GET" | "HEAD" => text("text/html", "<!DOCTYPE html><title>Hippo</title>"),
                    _ => empty(StatusCode::METHOD_NOT_ALLOWED),
                });
            }
        };
        let version = call.headers().get("api-version");
        if version.is_some_and(|version| version != "0.1") {
            return Err(Failure::Framework(StatusCode::BAD_REQUEST));
        }
        if !route.anonymous {
            let authorization = call.headers().get(AUTHORIZATION);
            accounts::let_in(state, &self.settings, authorization)?;
        }
        let id = match id {
            None => Uuid::nil(),
            Some(id) => id
                .parse()
                .map_err(|_| Findings::one("id", format!("The value '{id}' is not valid.")))?,
        };
        (route.handler)(&mut Turn {
            settings: &self.settings,
            bindle: &self.bindle,
            state,
            call,
            id,
        })
    }
}
