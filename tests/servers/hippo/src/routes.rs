//! Which paths each Hippo has.

use axum::http::Method;

use crate::failure::Failure;
use crate::hippo::Turn;
use crate::message::Answer;
use crate::settings::Api;
use crate::{accounts, apps, certificates, channels, health, revisions, statuses, storages};

type Handler = fn(&mut Turn<'_>) -> Result<Answer, Failure>;

/// One method of one resource.
pub(crate) struct Route {
    method: Method,
    /// In 0.19 and newer.
    plural: Option<&'static str>,
    /// Before, from one release up to another.
    singular: Option<(&'static str, Api, Api)>,
    /// Whether it is there for those without a token.
    pub(crate) anonymous: bool,
    pub(crate) handler: Handler,
}

impl Route {
    fn path(&self, api: Api) -> Option<&'static str> {
        if api >= Api::V0_19 {
            return self.plural;
        }
        let (path, from, to) = self.singular?;
        (from <= api && api <= to).then_some(path)
    }
}

pub(crate) enum Found<'a> {
    /// With what stands for `{id}`.
    Route(&'static Route, Option<&'a str>),
    OtherMethod,
    Nothing,
}

pub(crate) fn find<'a>(api: Api, method: &Method, path: &'a str) -> Found<'a> {
    let mut found = Found::Nothing;
    for route in ROUTES {
        let Some(id) = route.path(api).and_then(|it| matching(it, path)) else {
            continue;
        };
        if route.method == *method {
            return Found::Route(route, id);
        }
        found = Found::OtherMethod;
    }
    found
}

fn matching<'a>(template: &str, path: &'a str) -> Option<Option<&'a str>> {
    let mut id = None;
    let mut segments = path.split('/');
    for part in template.split('/') {
        let segment = segments.next()?;
        if part == "{id}" {
            id = Some(segment);
        } else if part != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(id)
}

const fn entry(
    method: Method,
    plural: Option<&'static str>,
    singular: Option<(&'static str, Api, Api)>,
    anonymous: bool,
    handler: Handler,
) -> Route {
    Route {
        method,
        plural,
        singular,
        anonymous,
        handler,
    }
}

/// In every release, below its path of 0.19 and below the one of before.
const fn route(
    method: Method,
    plural: &'static str,
    singular: &'static str,
    handler: Handler,
) -> Route {
    let singular = Some((singular, Api::V0_12, Api::V0_18));
    entry(method, Some(plural), singular, false, handler)
}

/// The same, without a token.
const fn open(
    method: Method,
    plural: &'static str,
    singular: &'static str,
    handler: Handler,
) -> Route {
    let singular = Some((singular, Api::V0_12, Api::V0_18));
    entry(method, Some(plural), singular, true, handler)
}

/// Since 0.19.
const fn new(method: Method, path: &'static str, handler: Handler) -> Route {
    entry(method, Some(path), None, false, handler)
}

/// In one of the old releases.
const fn old(method: Method, path: &'static str, api: Api, handler: Handler) -> Route {
    entry(method, None, Some((path, api, api)), false, handler)
}

const fn get(plural: &'static str, singular: &'static str, handler: Handler) -> Route {
    route(Method::GET, plural, singular, handler)
}

const fn post(plural: &'static str, singular: &'static str, handler: Handler) -> Route {
    route(Method::POST, plural, singular, handler)
}

const fn put(plural: &'static str, singular: &'static str, handler: Handler) -> Route {
    route(Method::PUT, plural, singular, handler)
}

const fn delete(plural: &'static str, singular: &'static str, handler: Handler) -> Route {
    route(Method::DELETE, plural, singular, handler)
}

const ROUTES: &[Route] = &[
    open(Method::GET, "/healthz", "/healthz", health::show),
    open(
        Method::POST,
        "/api/auth-tokens",
        "/api/account/createtoken",
        accounts::create_token,
    ),
    open(
        Method::POST,
        "/api/accounts",
        "/api/account",
        accounts::create,
    ),
    get("/api/apps", "/api/app", apps::list),
    post("/api/apps", "/api/app", apps::create),
    new(Method::GET, "/api/apps/{id}", apps::show),
    put("/api/apps/{id}", "/api/app/{id}", apps::rename),
    delete("/api/apps/{id}", "/api/app/{id}", apps::delete),
    get("/api/channels", "/api/channel", channels::list),
    post("/api/channels", "/api/channel", channels::create),
    get("/api/channels/{id}", "/api/channel/{id}", channels::show),
    put("/api/channels/{id}", "/api/channel/{id}", channels::replace),
    new(Method::PATCH, "/api/channels/{id}", channels::patch),
    old(
        Method::PATCH,
        "/api/channel/{id}",
        Api::V0_18,
        channels::patch,
    ),
    old(
        Method::PUT,
        "/api/channel/{id}/environment-variables",
        Api::V0_12,
        channels::put_variables,
    ),
    delete("/api/channels/{id}", "/api/channel/{id}", channels::delete),
    new(
        Method::PUT,
        "/api/channels/{id}/desired-status",
        statuses::want,
    ),
    get(
        "/api/channels/{id}/logs",
        "/api/channel/logs/{id}",
        statuses::logs,
    ),
    new(Method::GET, "/api/channel-statuses", statuses::list),
    get("/api/revisions", "/api/revision", revisions::list),
    post("/api/revisions", "/api/revision", revisions::register),
    delete(
        "/api/revisions/{id}",
        "/api/revision/{id}",
        revisions::delete,
    ),
    get("/api/certificates", "/api/certificate", certificates::list),
    post(
        "/api/certificates",
        "/api/certificate",
        certificates::create,
    ),
    put(
        "/api/certificates/{id}",
        "/api/certificate/{id}",
        certificates::replace,
    ),
    delete(
        "/api/certificates/{id}",
        "/api/certificate/{id}",
        certificates::delete,
    ),
    get("/api/storages", "/api/storage", storages::list),
];
