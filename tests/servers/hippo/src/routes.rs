//! Which paths each Hippo has.

use axum::http::Method;

use crate::failure::Failure;
use crate::hippo::Turn;
use crate::message::Answer;
use crate::settings::Api;
use crate::{accounts, apps, certificates, channels, health, revisions, statuses, storages};

type Handler = fn(&mut Turn<'_>) -> Result<Answer, Failure>;

/// One method of one path.
pub(crate) struct Route {
    method: Method,
    path: &'static str,
    /// Whether it is there for those without a token.
    pub(crate) anonymous: bool,
    pub(crate) handler: Handler,
}

pub(crate) enum Found<'a> {
    /// With what stands for `{id}`.
    Route(&'static Route, Option<&'a str>),
    OtherMethod,
    Nothing,
}

pub(crate) fn find<'a>(api: Api, method: &Method, path: &'a str) -> Found<'a> {
    let lists: [&'static [Route]; 2] = match api {
        Api::V0_12 => [SINGULAR, PUT_VARIABLES],
        Api::V0_18 => [SINGULAR, PATCH_CHANNEL],
        Api::V0_19 | Api::V0_20 => [PLURAL, &[]],
    };
    let mut found = Found::Nothing;
    for route in EVERYWHERE.iter().chain(lists.into_iter().flatten()) {
        let Some(id) = matching(route.path, path) else {
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

const fn route(method: Method, path: &'static str, handler: Handler) -> Route {
    Route {
        method,
        path,
        anonymous: false,
        handler,
    }
}

const fn open(method: Method, path: &'static str, handler: Handler) -> Route {
    Route {
        method,
        path,
        anonymous: true,
        handler,
    }
}

const EVERYWHERE: &[Route] = &[open(Method::GET, "/healthz", health::show)];

const PLURAL: &[Route] = &[
    open(Method::POST, "/api/auth-tokens", accounts::create_token),
    open(Method::POST, "/api/accounts", accounts::create),
    route(Method::GET, "/api/apps", apps::list),
    route(Method::POST, "/api/apps", apps::create),
    route(Method::GET, "/api/apps/{id}", apps::show),
    route(Method::PUT, "/api/apps/{id}", apps::rename),
    route(Method::DELETE, "/api/apps/{id}", apps::delete),
    route(Method::GET, "/api/channels", channels::list),
    route(Method::POST, "/api/channels", channels::create),
    route(Method::GET, "/api/channels/{id}", channels::show),
    route(Method::PUT, "/api/channels/{id}", channels::replace),
    route(Method::PATCH, "/api/channels/{id}", channels::patch),
    route(Method::DELETE, "/api/channels/{id}", channels::delete),
    route(
        Method::PUT,
        "/api/channels/{id}/desired-status",
        statuses::want,
    ),
    route(Method::GET, "/api/channels/{id}/logs", statuses::logs),
    route(Method::GET, "/api/channel-statuses", statuses::list),
    route(Method::GET, "/api/revisions", revisions::list),
    route(Method::POST, "/api/revisions", revisions::register),
    route(Method::DELETE, "/api/revisions/{id}", revisions::delete),
    route(Method::GET, "/api/certificates", certificates::list),
    route(Method::POST, "/api/certificates", certificates::create),
    route(Method::PUT, "/api/certificates/{id}", certificates::replace),
    route(
        Method::DELETE,
        "/api/certificates/{id}",
        certificates::delete,
    ),
    route(Method::GET, "/api/storages", storages::list),
];

const SINGULAR: &[Route] = &[
    open(
        Method::POST,
        "/api/account/createtoken",
        accounts::create_token,
    ),
    open(Method::POST, "/api/account", accounts::create),
    route(Method::GET, "/api/app", apps::list),
    route(Method::POST, "/api/app", apps::create),
    route(Method::PUT, "/api/app/{id}", apps::rename),
    route(Method::DELETE, "/api/app/{id}", apps::delete),
    route(Method::GET, "/api/channel", channels::list),
    route(Method::POST, "/api/channel", channels::create),
    route(Method::GET, "/api/channel/{id}", channels::show),
    route(Method::PUT, "/api/channel/{id}", channels::replace),
    route(Method::DELETE, "/api/channel/{id}", channels::delete),
    route(Method::GET, "/api/channel/logs/{id}", statuses::logs),
    route(Method::GET, "/api/revision", revisions::list),
    route(Method::POST, "/api/revision", revisions::register),
    route(Method::GET, "/api/certificate", certificates::list),
    route(Method::POST, "/api/certificate", certificates::create),
    route(Method::PUT, "/api/certificate/{id}", certificates::replace),
    route(
        Method::DELETE,
        "/api/certificate/{id}",
        certificates::delete,
    ),
    route(Method::GET, "/api/storage", storages::list),
];

const PATCH_CHANNEL: &[Route] = &[route(Method::PATCH, "/api/channel/{id}", channels::patch)];

const PUT_VARIABLES: &[Route] = &[route(
    Method::PUT,
    "/api/channel/{id}/environment-variables",
    channels::put_variables,
)];
