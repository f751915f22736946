//! Addresses that an allowed server hands out: an upload goes on at `Location`, a token comes from the `realm` of
//! `WWW-Authenticate`. Under a rule that `follows` them, an answer allows exactly the URL that it named, in this
//! session.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use spin_deployer_grants::{Phase, Rule};
use spin_deployer_manifest::{Follow, PlanEffect, Pointer, Scheme};
use url::Url;

use crate::routes::Announced;
use crate::target::Target;
use crate::vault::Announcer;

/// How many announced addresses are kept of each kind; the oldest are forgotten. More than uploads in flight.
const MOST: usize = 1024;

/// The methods with which an upload or a download goes on.
const TRANSFER: [Method; 6] = [
    Method::GET,
    Method::HEAD,
    Method::PATCH,
    Method::PUT,
    Method::DELETE,
    Method::POST,
];

/// What answers have allowed so far.
#[derive(Debug, Default)]
pub(crate) struct Delegations {
    locations: VecDeque<Location>,
    realms: VecDeque<Realm>,
}

#[derive(Debug, PartialEq)]
struct Location {
    target: Target,
    rule: Arc<Rule>,
}

#[derive(Debug, PartialEq)]
struct Realm {
    /// Its query is of no account: a token service is asked with many.
    target: Target,
    by: Announcer,
}

/// Who let a request out.
#[derive(Debug, Clone)]
pub(crate) enum Permit {
    /// A rule of the grant.
    Rule(Arc<Rule>),
    /// An answer's `Location`, under this rule.
    Location(Arc<Rule>),
    /// A registry's `realm`, under this rule.
    Realm(Arc<Rule>),
    /// An answer that named a host of the app. For the host itself alone.
    Route(Announced),
}

impl Permit {
    /// Places in the answer that the guest must not read because of who let the request out.
    pub(crate) fn hides(&self) -> &[Pointer] {
        match self {
            Self::Rule(rule) | Self::Location(rule) => &rule.hides,
            // Of a token service's answer nothing is passed on but placeholders, and no guest reads what a probe gets.
            Self::Realm(_) | Self::Route(_) => &[],
        }
    }
}

impl Delegations {
    /// Whether an answer allowed this request.
    pub(crate) fn permit(&self, phase: Phase, method: &Method, target: &Target) -> Option<Permit> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let location = self.locations.iter().find(|location| {
            same_place(&location.target, target)
                && same_query(location.target.url.query(), target.url.query())
                && TRANSFER.contains(method)
                && location.rule.methods.contains(method)
                && (reads || !phase.read_only())
        });
        if let Some(location) = location {
            return Some(Permit::Location(location.rule.clone()));
        }
        let realm = self.realms.iter().rev().find(|realm| {
            let asks = *method == Method::GET
                || (*method == Method::POST
                    && (!phase.read_only()
                        || realm
                            .by
                            .rule
                            .plan
                            .contains(&PlanEffect::WwwAuthenticate(Method::POST))));
            same_place(&realm.target, target) && asks
        });
        realm.map(|realm| Permit::Realm(realm.by.rule.clone()))
    }

    /// Who announced this URL as their token service, the last one first.
    pub(crate) fn token_service_of(&self, target: &Target) -> Vec<Announcer> {
        let realms = self
            .realms
            .iter()
            .rev()
            .filter(|realm| same_place(&realm.target, target));
        realms.map(|realm| realm.by.clone()).collect()
    }

    /// Learns from the answer to a request that `permit` let out.
    pub(crate) fn learn(
        &mut self,
        phase: Phase,
        permit: &Permit,
        target: &Target,
        status: StatusCode,
        headers: &HeaderMap,
    ) {
        let (rule, own_origin_only) = match permit {
            Permit::Rule(rule) => (rule, false),
            // Who was only announced may continue its own upload elsewhere on itself, and announces nobody else. What the
            // host itself reads carries nothing away and is verified by its digest, so that it may lead further.
            Permit::Location(rule) => (rule, phase != Phase::Load),
            Permit::Realm(_) | Permit::Route(_) => return,
        };
        let points_on = status.is_success() || status.is_redirection();
        if points_on && rule.follows.contains(&Follow::Location) {
            for next in text(headers, LOCATION).filter_map(|text| announced(target, text)) {
                if !own_origin_only || next.origin == target.origin {
                    remember(
                        &mut self.locations,
                        Location {
                            target: next,
                            rule: rule.clone(),
                        },
                    );
                }
            }
        }
        let by_rule = matches!(permit, Permit::Rule(_));
        let challenged = status == StatusCode::UNAUTHORIZED && by_rule;
        if challenged && rule.follows.contains(&Follow::WwwAuthenticate) {
            let realms = text(headers, WWW_AUTHENTICATE).flat_map(bearer_realms);
            for next in realms.filter_map(|realm| announced(target, &realm)) {
                let by = Announcer {
                    registry: target.origin.clone(),
                    rule: rule.clone(),
                };
                remember(&mut self.realms, Realm { target: next, by });
            }
        }
    }
}

/// An address that an answer named, if it is one that may be allowed: in the clear only where the answer came so.
pub(crate) fn announced(from: &Target, text: &str) -> Option<Target> {
    let url: Url = from.url.join(text).ok()?;
    let target = Target::announced(&url).ok()?;
    (target.origin.scheme == Scheme::Https || target.origin.scheme == from.origin.scheme)
        .then_some(target)
}

fn remember<T: PartialEq>(known: &mut VecDeque<T>, new: T) {
    known.retain(|old| *old != new);
    if known.len() == MOST {
        known.pop_front();
    }
    known.push_back(new);
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}

fn same_place(announced: &Target, asked: &Target) -> bool {
    announced.origin == asked.origin && announced.path() == asked.path()
}

/// The query as announced; an upload is closed with the blob's digest added to it (OCI distribution 1.1).
fn same_query(announced: Option<&str>, asked: Option<&str>) -> bool {
    if announced == asked {
        return true;
    }
    let announced = announced.unwrap_or_default();
    let added = asked.unwrap_or_default().strip_prefix(announced);
    let added = added.and_then(|rest| {
        if announced.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('&')
        }
    });
    added.is_some_and(|pair| pair.starts_with("digest=") && !pair.contains(['&', ';']))
}

/// For the audit.
impl fmt::Display for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => rule.to.fmt(f),
            Self::Location(rule) => write!(f, "{}, location", rule.to),
            Self::Realm(rule) => write!(f, "{}, www-authenticate", rule.to),
            Self::Route(route) => write!(f, "{}, routes", route.rule.to),
        }
    }
}

/// The realms of the `Bearer` challenges in a value of `WWW-Authenticate`, read as plugins read them.
pub(crate) fn bearer_realms(value: &str) -> Vec<String> {
    let challenges = spin_deployer_oci::challenges(value).into_iter();
    let bearer = challenges.filter(|challenge| challenge.scheme == "bearer");
    bearer
        .filter_map(|challenge| challenge.parameter("realm").map(str::to_owned))
        .collect()
}
