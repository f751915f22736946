//! A Hippo in memory.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use spin_deployer_hippo::{Credentials, Hippo, LONGEST_ANSWER, Wanted};
use spin_deployer_publish::{Body, Request, Response, Transport, TransportError, TransportFailure};

use crate::runner::turn_ends;

pub(crate) const URL: &str = "https://hippo.test/base/";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// 0.19 and newer.
    Plural,
    /// 0.18: singular paths, pages, numbers.
    Paged,
    /// Before: singular paths, everything at once.
    Whole,
}

/// What happens to one request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection breaks before it arrives.
    Lost,
    /// It does what it does, and the connection breaks before the answer arrives.
    Unanswered,
    /// It does what it does, and the answer is 500.
    SavedAndBroken,
}

#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) storage_id: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Revision {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) number: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) app: String,
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) specified: bool,
    pub(crate) range_rule: Option<String>,
    pub(crate) active: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// Where Hippo was read and not run: it may be the other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// A PATCH starts by itself what it changed.
    PatchStarts,
    /// DELETE of a channel asks Nomad before it removes the row.
    DeleteStopsFirst,
    /// DELETE of a revision takes it from the channels that run it. Otherwise it is a 500.
    ActiveRevisionGoes,
    /// A PATCH that fails inside is a 400 about what was left out.
    PatchFailsAs400,
    /// 0.18 takes wrapped values only.
    PatchIsWrapped,
}

pub(crate) struct Server {
    pub(crate) api: Api,
    pub(crate) apps: RefCell<Vec<App>>,
    pub(crate) revisions: RefCell<Vec<Revision>>,
    pub(crate) channels: RefCell<Vec<Channel>>,
    pub(crate) certificates: RefCell<Vec<(String, String)>>,
    /// What each channel really runs, and how often it was started.
    pub(crate) jobs: RefCell<BTreeMap<String, (String, usize)>>,
    /// Versions on Bindle that Hippo imports with an app.
    pub(crate) imports: RefCell<Vec<String>>,
    /// Whether Bindle has the storage id among the first hits.
    pub(crate) seen_in_bindle: Cell<bool>,
    pub(crate) nomad: Cell<bool>,
    pub(crate) doubts: RefCell<Vec<Doubt>>,
    /// Numbers of revisions whose bindles cannot be read.
    pub(crate) unread: RefCell<Vec<String>>,
    /// How often the first revision becomes the last after a page of them was read.
    pub(crate) moves: Cell<usize>,
    /// Whether the database takes no change of a channel.
    pub(crate) full: Cell<bool>,
    /// Requests that a token is good for.
    pub(crate) token_life: Cell<usize>,
    pub(crate) token: Cell<(usize, usize)>,
    pub(crate) logins: Cell<usize>,
    /// What happens to the requests from this one on, counted from 1.
    pub(crate) faults: RefCell<BTreeMap<usize, Fault>>,
    /// Answers in place of its own, to requests that begin so.
    pub(crate) scripted: RefCell<VecDeque<(&'static str, u16, &'static str, String)>>,
    /// `POST /base/api/apps?…`
    pub(crate) requests: RefCell<Vec<String>>,
    pub(crate) bodies: RefCell<Vec<Value>>,
    next: Cell<u32>,
}

/// Statuses of answers, and their documents.
type Answer = (u16, Value);

impl Server {
    pub(crate) fn new(api: Api) -> Self {
        Self {
            api,
            apps: RefCell::default(),
            revisions: RefCell::default(),
            channels: RefCell::default(),
            certificates: RefCell::default(),
            jobs: RefCell::default(),
            imports: RefCell::default(),
            seen_in_bindle: Cell::new(true),
            nomad: Cell::new(true),
            doubts: RefCell::default(),
            unread: RefCell::default(),
            moves: Cell::new(0),
            full: Cell::new(false),
            token_life: Cell::new(usize::MAX),
            token: Cell::new((0, 0)),
            logins: Cell::new(0),
            faults: RefCell::default(),
            scripted: RefCell::default(),
            requests: RefCell::default(),
            bodies: RefCell::default(),
            next: Cell::new(0),
        }
    }

    /// Somebody who knows the password.
    pub(crate) fn user(&self) -> Hippo<&Self> {
        let password = Credentials::Password("ada".into(), "secret".into());
        Hippo::new(self, URL, password)
    }

    pub(crate) fn script(
        &self,
        request: &'static str,
        status: u16,
        kind: &'static str,
        body: impl Into<String>,
    ) {
        self.scripted
            .borrow_mut()
            .push_back((request, status, kind, body.into()));
    }

    /// Requests that changed something.
    pub(crate) fn writes(&self) -> Vec<String> {
        let requests = self.requests.borrow();
        let reads = |r: &&String| {
            !r.starts_with("GET ") && !r.contains("auth-tokens") && !r.contains("createtoken")
        };
        requests.iter().filter(reads).cloned().collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.requests.borrow_mut().clear();
        self.bodies.borrow_mut().clear();
    }

    /// What runs on the only channel, and how often it was started.
    pub(crate) fn job(&self) -> (String, usize) {
        let jobs = self.jobs.borrow();
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs.values().next().unwrap().clone()
    }

    /// That there is one app, one revision of each number, one channel, and that it really runs what it says.
    pub(crate) fn is_tidy(&self, version: &str) {
        assert_eq!(self.apps.borrow().len(), 1);
        let revisions = self.revisions.borrow();
        let mut numbers: Vec<&str> = revisions.iter().map(|r| r.number.as_str()).collect();
        numbers.sort_unstable();
        assert!(
            numbers.windows(2).all(|pair| pair[0] != pair[1]),
            "{numbers:?}"
        );
        let channels = self.channels.borrow();
        assert_eq!(channels.len(), 1);
        let active = revisions
            .iter()
            .find(|r| Some(&r.id) == channels[0].active.as_ref());
        assert_eq!(active.unwrap().number, version);
        assert_eq!(self.job().0, version, "what runs");
        let mark = channels[0].range_rule.as_deref();
        assert!(matches!(mark, None | Some("*")), "{mark:?}");
    }

    fn is_other(&self, doubt: Doubt) -> bool {
        self.doubts.borrow().contains(&doubt)
    }

    fn id(&self, kind: &str) -> String {
        self.next.set(self.next.get() + 1);
        // Not in the order of their making, as GUIDs are not.
        let number = self.next.get().wrapping_mul(2_654_435_761);
        format!("{kind}-{number:08x}")
    }

    fn start(&self, channel: &Channel) -> bool {
        if !self.nomad.get() {
            return false;
        }
        let revisions = self.revisions.borrow();
        if let Some(active) = revisions
            .iter()
            .find(|r| Some(&r.id) == channel.active.as_ref())
        {
            let mut jobs = self.jobs.borrow_mut();
            let job = jobs.entry(channel.id.clone()).or_default();
            *job = (active.number.clone(), job.1 + 1);
        }
        true
    }

    fn answer(&self, method: &Method, path: &str, query: &str, body: &Value) -> Answer {
        let singular = match self.api {
            Api::Plural => path.to_owned(),
            // The old names, as if they were the new ones.
            _ if path == "/api/account/createtoken" => "/api/auth-tokens".into(),
            _ => match path.strip_prefix("/api/channel/logs/") {
                Some(id) => format!("/api/channels/{id}/logs"),
                None => {
                    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
                    let known = ["app", "channel", "revision", "certificate"];
                    if parts
                        .get(2)
                        .is_some_and(|name| known.contains(&name.as_str()))
                    {
                        parts[2].push('s');
                        parts.join("/")
                    } else {
                        "/unknown".into()
                    }
                }
            },
        };
        let parts: Vec<&str> = singular.trim_start_matches("/api/").split('/').collect();
        match (method.as_str(), &parts[..]) {
            ("POST", ["auth-tokens"]) => self.log_in(body),
            ("GET", ["apps"]) => {
                let apps = self.apps.borrow();
                let total = apps.len();
                let items = apps
                    .iter()
                    .filter(|app| app.name.contains(parameter(query, "searchText")));
                self.page(
                    query,
                    "apps",
                    items.map(|app| self.app(app)).collect(),
                    total,
                )
            }
            ("POST", ["apps"]) => self.make_app(body),
            ("DELETE", ["apps", id]) => {
                if !self.nomad.get() {
                    return broken();
                }
                let before = self.apps.borrow().len();
                self.apps.borrow_mut().retain(|app| app.id != *id);
                self.revisions
                    .borrow_mut()
                    .retain(|revision| revision.app != *id);
                self.channels
                    .borrow_mut()
                    .retain(|channel| channel.app != *id);
                self.jobs.borrow_mut().clear();
                if self.apps.borrow().len() == before {
                    missing("App", id)
                } else {
                    (204, Value::Null)
                }
            }
            ("GET", ["channels"]) => {
                let channels = self.channels.borrow();
                let found = channels
                    .iter()
                    .filter(|c| c.name.contains(parameter(query, "searchText")));
                let items: Vec<Value> = found.map(|channel| self.channel(channel)).collect();
                let total = items.len();
                self.page(query, "channels", items, total)
            }
            ("POST", ["channels"]) => self.make_channel(body),
            ("GET", ["channels", id]) => {
                let channels = self.channels.borrow();
                let found = channels.iter().find(|channel| channel.id == *id);
                found.map_or_else(
                    || missing("Channel", id),
                    |channel| (200, self.channel(channel)),
                )
            }
            ("PATCH", ["channels", id]) if self.api != Api::Whole => self.patch(id, body),
            ("DELETE", ["channels", id]) => self.delete_channel(id),
            ("PUT", ["channels", id, "desired-status"]) if self.api == Api::Plural => {
                assert_eq!(body["channelId"], *id);
                self.want(id, body["desiredStatus"].as_str().unwrap())
            }
            ("GET", ["channels", _, "logs"]) => (200, json!({ "logs": ["one\ntwo\n", "three"] })),
            ("GET", ["channel-statuses"]) if self.api == Api::Plural => {
                let id = parameter(query, "channelId");
                let jobs = self.jobs.borrow();
                let runs = self.nomad.get() && jobs.get(id).is_some_and(|job| !job.0.is_empty());
                let status = if runs { "Running" } else { "Dead" };
                self.page(
                    query,
                    "",
                    vec![json!({ "channelId": id, "status": status })],
                    1,
                )
            }
            ("GET", ["revisions"]) => {
                let revisions = self.revisions.borrow();
                let items: Vec<Value> = revisions.iter().map(|it| self.revision(it)).collect();
                let total = items.len();
                drop(revisions);
                if self.moves.get() > 0 && parameter(query, "pageIndex") == "0" {
                    self.moves.set(self.moves.get() - 1);
                    self.revisions.borrow_mut().rotate_left(1);
                }
                self.page(query, "revisions", items, total)
            }
            ("POST", ["revisions"]) => {
                let storage_id = body["appStorageId"].as_str().unwrap();
                let apps = self.apps.borrow();
                let mut of = apps
                    .iter()
                    .filter(|app| app.storage_id == storage_id)
                    .peekable();
                if of.peek().is_none() {
                    return (404, json!({ "title": "Not Found", "status": 404 }));
                }
                for app in of {
                    self.add_revision(&app.id, body["revisionNumber"].as_str().unwrap());
                }
                (201, Value::Null)
            }
            ("DELETE", ["revisions", id]) => {
                let used = |channel: &Channel| channel.active.as_deref() == Some(*id);
                if self.channels.borrow().iter().any(used)
                    && !self.is_other(Doubt::ActiveRevisionGoes)
                {
                    return broken();
                }
                self.revisions
                    .borrow_mut()
                    .retain(|revision| revision.id != *id);
                for channel in self.channels.borrow_mut().iter_mut() {
                    channel.active = channel.active.take().filter(|active| active != id);
                }
                (204, Value::Null)
            }
            ("GET", ["certificates"]) => {
                let certificates = self.certificates.borrow();
                let items = certificates
                    .iter()
                    .map(|(id, name)| json!({ "id": id, "name": name, "privateKey": "x" }));
                let total = certificates.len();
                self.page(query, "certificates", items.collect(), total)
            }
            _ => (404, Value::Null),
        }
    }

    fn log_in(&self, body: &Value) -> Answer {
        if body["userName"] != "ada" || body["password"] != "secret" {
            return (
                400,
                json!({ "title": "Login failed.", "detail": "Credentials are not valid." }),
            );
        }
        self.logins.set(self.logins.get() + 1);
        self.token.set((self.logins.get(), self.token_life.get()));
        let token = format!("token-{}", self.logins.get());
        (
            200,
            json!({ "token": token, "expiration": "2022-10-21T15:04:05Z" }),
        )
    }

    fn page(&self, query: &str, list: &str, items: Vec<Value>, total: usize) -> Answer {
        if self.api == Api::Whole {
            return (200, json!({ list: items }));
        }
        let size: usize = parameter(query, "pageSize").parse().unwrap();
        let index: usize = parameter(query, "pageIndex").parse().unwrap();
        let page: Vec<Value> = items.into_iter().skip(index * size).take(size).collect();
        let last = total == index * size + page.len();
        let page = json!({ "items": page, "totalItems": total, "pageIndex": index, "pageSize": size, "isLastPage": last });
        (200, page)
    }

    pub(crate) fn add_revision(&self, app: &str, number: &str) -> String {
        let id = self.id("rev");
        let revision = Revision {
            id: id.clone(),
            app: app.into(),
            number: number.into(),
        };
        self.revisions.borrow_mut().push(revision);
        id
    }

    pub(crate) fn add_app(&self, name: &str, storage_id: &str) -> String {
        let id = self.id("app");
        let app = App {
            id: id.clone(),
            name: name.into(),
            storage_id: storage_id.into(),
        };
        self.apps.borrow_mut().push(app);
        id
    }

    fn make_app(&self, body: &Value) -> Answer {
        let (name, storage_id) = (
            body["name"].as_str().unwrap(),
            body["storageId"].as_str().unwrap(),
        );
        if self.apps.borrow().iter().any(|app| app.name == name) {
            return invalid("Name", "The specified name already exists.");
        }
        if !self.seen_in_bindle.get() {
            return invalid("StorageId", "Storage ID not found in bindle server");
        }
        let id = self.add_app(name, storage_id);
        for number in self.imports.borrow().iter() {
            self.add_revision(&id, number);
        }
        (200, json!(id))
    }

    fn delete_channel(&self, id: &str) -> Answer {
        let nomad = self.nomad.get();
        if !self.channels.borrow().iter().any(|it| it.id == id) {
            return missing("Channel", id);
        }
        if !nomad && self.is_other(Doubt::DeleteStopsFirst) {
            return broken();
        }
        self.channels.borrow_mut().retain(|it| it.id != id);
        if !nomad {
            return broken();
        }
        self.jobs.borrow_mut().remove(id);
        (204, Value::Null)
    }

    fn want(&self, id: &str, status: &str) -> Answer {
        let channels = self.channels.borrow();
        let Some(channel) = channels.iter().find(|channel| channel.id == id).cloned() else {
            return missing("Channel", id);
        };
        drop(channels);
        if status == "Dead" && self.nomad.get() {
            if let Some(job) = self.jobs.borrow_mut().get_mut(id) {
                job.0.clear();
            }
            return (204, Value::Null);
        }
        match status == "Running" && self.start(&channel) {
            true => (204, Value::Null),
            false => broken(),
        }
    }

    fn make_channel(&self, body: &Value) -> Answer {
        assert_eq!(body["revisionSelectionStrategy"], "UseSpecifiedRevision");
        // A mark, where nothing else says whether it was started and it can be taken away.
        assert!(body.get("rangeRule").is_none() || self.api == Api::Paged);
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let (app, name) = (text("appId").unwrap(), text("name").unwrap());
        if self
            .channels
            .borrow()
            .iter()
            .any(|c| c.app == app && c.name == name)
        {
            return invalid(
                "Name",
                "A channel with the same name already exists for this app.",
            );
        }
        let active = text("activeRevisionId").unwrap();
        if !self
            .revisions
            .borrow()
            .iter()
            .any(|revision| revision.id == active)
        {
            return missing("Revision", &active);
        }
        let of = self
            .apps
            .borrow()
            .iter()
            .find(|a| a.id == app)
            .map(|a| a.name.clone());
        let Some(of) = of else {
            return missing("App", &app);
        };
        let domain = text("domain").unwrap_or_else(|| format!("{name}.{of}.hippofactory.io"));
        let channel = Channel {
            id: self.id("ch"),
            app,
            domain,
            name,
            specified: true,
            range_rule: text("rangeRule"),
            active: Some(active),
            certificate: text("certificateId"),
            environment: Vec::new(),
        };
        self.channels.borrow_mut().push(channel.clone());
        if self.start(&channel) {
            (200, json!(channel.id))
        } else {
            broken()
        }
    }

    fn patch(&self, id: &str, body: &Value) -> Answer {
        if self.api == Api::Paged && self.is_other(Doubt::PatchIsWrapped) {
            return invalid("rangeRule", "Error converting value to a field.");
        }
        let answer = self.patched(id, body);
        match answer.0 == 500 && self.is_other(Doubt::PatchFailsAs400) {
            true => invalid("CertificateId", "The CertificateId field is required."),
            false => answer,
        }
    }

    fn patched(&self, id: &str, body: &Value) -> Answer {
        if self.full.get() {
            return broken();
        }
        let mut channels = self.channels.borrow_mut();
        let Some(channel) = channels.iter_mut().find(|channel| channel.id == id) else {
            return missing("Channel", id);
        };
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        if let Some(active) = text("activeRevisionId") {
            if !self
                .revisions
                .borrow()
                .iter()
                .any(|revision| revision.id == active)
            {
                return broken();
            }
            channel.active = Some(active);
        }
        if body.get("revisionSelectionStrategy").is_some() {
            channel.specified = body["revisionSelectionStrategy"] == "UseSpecifiedRevision";
        }
        if body.get("rangeRule").is_some() {
            channel.range_rule = text("rangeRule");
        }
        if let Some(domain) = text("domain") {
            channel.domain = domain;
        }
        if let Some(certificate) = text("certificateId") {
            channel.certificate = Some(certificate);
        }
        if let Some(variables) = body.get("environmentVariables").and_then(Value::as_array) {
            let pair = |v: &Value| {
                (
                    v["key"].as_str().unwrap().into(),
                    v["value"].as_str().unwrap().into(),
                )
            };
            channel.environment = variables.iter().map(pair).collect();
        }
        let channel = channel.clone();
        drop(channels);
        if self.is_other(Doubt::PatchStarts) {
            self.start(&channel);
        }
        (204, Value::Null)
    }

    fn revision(&self, revision: &Revision) -> Value {
        let components = match self.unread.borrow().contains(&revision.number) {
            true => json!([]),
            false => json!([{ "name": "hello", "route": "/..." }]),
        };
        json!({ "id": revision.id, "appId": revision.app, "revisionNumber": revision.number, "components": components })
    }

    fn app(&self, app: &App) -> Value {
        let channels = self.channels.borrow();
        let channels = channels.iter().filter(|channel| channel.app == app.id);
        let channels: Vec<Value> = channels
            .map(|c| json!({ "id": c.id, "name": c.name }))
            .collect();
        let mut shown = json!({ "id": app.id, "name": app.name, "storageId": app.storage_id });
        if self.api != Api::Whole {
            shown["channels"] = channels.into();
        }
        shown
    }

    fn channel(&self, channel: &Channel) -> Value {
        let revisions = self.revisions.borrow();
        let active = revisions
            .iter()
            .find(|r| Some(&r.id) == channel.active.as_ref());
        let strategy = match (self.api, channel.specified) {
            (Api::Paged, specified) => json!(i32::from(specified)),
            (_, true) => json!("UseSpecifiedRevision"),
            (_, false) => json!("UseRangeRule"),
        };
        let variables = channel.environment.iter();
        let variables: Vec<Value> = variables
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        json!({
            "id": channel.id,
            "appId": channel.app,
            "name": channel.name,
            "domain": channel.domain,
            "revisionSelectionStrategy": strategy,
            "rangeRule": channel.range_rule,
            "activeRevision": active.map(|it| self.revision(it)),
            "certificate": channel.certificate.as_ref().map(|id| json!({ "id": id, "name": "shop-cert" })),
            "environmentVariables": variables,
        })
    }
}

fn parameter<'a>(query: &'a str, name: &str) -> &'a str {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .next()
        .unwrap_or_default()
}

fn invalid(property: &str, message: &str) -> Answer {
    let title = "One or more validation errors occurred.";
    (
        400,
        json!({ "title": title, "status": 400, "errors": { property: [message] } }),
    )
}

fn missing(entity: &str, id: &str) -> Answer {
    let detail = format!("Entity \"{entity}\" ({id}) was not found.");
    (
        404,
        json!({ "title": "The specified resource was not found.", "detail": detail }),
    )
}

fn broken() -> Answer {
    (
        500,
        json!({ "title": "An error occurred while processing your request.", "status": 500 }),
    )
}

impl Transport for &Server {
    async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let path = request.url.strip_prefix("https://hippo.test").unwrap();
        self.requests
            .borrow_mut()
            .push(format!("{} {path}", request.method));
        let body: Value = match request.body {
            Body::Bytes(bytes) => serde_json::from_slice(bytes).unwrap(),
            _ => Value::Null,
        };
        self.bodies.borrow_mut().push(body.clone());
        let number = self.requests.borrow().len();
        let fault = self.faults.borrow_mut().remove(&number);
        let broken_off = || TransportError {
            failure: TransportFailure::Broken,
            reason: "as the test says".into(),
        };
        if fault == Some(Fault::Lost) {
            turn_ends().await;
            return Err(broken_off());
        }
        let asked = format!("{} {path}", request.method);
        let scripted = {
            let mut scripted = self.scripted.borrow_mut();
            let at = scripted
                .iter()
                .position(|(start, ..)| asked.starts_with(start));
            at.and_then(|at| scripted.remove(at))
        };
        let (mut status, kind, mut text) = match scripted {
            Some((_, status, kind, text)) => (status, kind, text),
            None => {
                let (status, document) = self.authorized(&request, path, &body);
                let text = match document {
                    Value::Null => String::new(),
                    document => document.to_string(),
                };
                (status, "application/json", text)
            }
        };
        // What is done is done; whether anybody hears of it is another matter.
        turn_ends().await;
        match fault {
            Some(Fault::Unanswered) => return Err(broken_off()),
            Some(Fault::SavedAndBroken) => {
                (status, text) = (500, broken().1.to_string());
            }
            _ => {}
        }
        let headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let status = StatusCode::from_u16(status).unwrap();
        let mut body = text.into_bytes();
        body.truncate(LONGEST_ANSWER + 1);
        Ok(Response {
            status,
            headers,
            body,
        })
    }

    async fn sleep(&self, _: Duration) {}

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

impl Server {
    fn authorized(&self, request: &Request<'_>, path: &str, body: &Value) -> Answer {
        let path = path
            .strip_prefix("/base")
            .expect("the path of the URL is kept");
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        if path == "/healthz" {
            let status = if self.nomad.get() {
                "Healthy"
            } else {
                "Unhealthy"
            };
            let nomad = json!({ "ServiceName": "Nomad", "Status": status, "Description": "Connection refused" });
            let health =
                json!({ "ServiceName": "Hippo", "Status": status, "Subservices": [nomad] });
            return (if self.nomad.get() { 200 } else { 503 }, health);
        }
        let anonymous = ["/api/auth-tokens", "/api/account/createtoken"].contains(&path);
        if !anonymous {
            let (number, left) = self.token.get();
            let expected = format!("Bearer token-{number}");
            let shown = request
                .headers
                .get("authorization")
                .map(|v| v.to_str().unwrap());
            if shown != Some(&expected) || left == 0 {
                return (401, Value::Null);
            }
            self.token.set((number, left - 1));
        }
        assert_eq!(request.headers["accept"], "application/json");
        self.answer(&request.method, path, query, body)
    }
}

/// Version `version` of the app `shop`.
pub(crate) fn shop(version: &str) -> Wanted {
    Wanted {
        app: "shop".into(),
        storage_id: "shop".into(),
        version: version.into(),
        channel: "spin-deploy".into(),
        environment: Vec::new(),
        domain: None,
        certificate: None,
    }
}
