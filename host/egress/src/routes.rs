//! Where the app answers, as a platform says it: names of hosts in its JSON. Under a rule that follows `routes` the host
//! itself may ask there whether a release is ready, in this run. A plugin may not: what it names itself could be any
//! place, and what a server names could be one too, so that little is asked there, and of private addresses only the
//! server's own.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use spin_deployer_grants::Rule;
use spin_deployer_manifest::{Follow, Host, Origin, Scheme};
use tokio::sync::Semaphore;
use url::Url;

use crate::body::{Body, Read, read, whole};
use crate::delegation::Permit;
use crate::failure::SendError;
use crate::inject::essence;
use crate::target::Target;

/// How many names are kept; the oldest are forgotten.
const MOST: usize = 1024;

/// The longest answer that is looked at, in bytes. Of a longer one nothing is learned.
const LOOKED_AT: usize = 1 << 20;

/// Answers that are held at a time so that they can be looked at. Of more nothing is learned.
const AT_ONCE: usize = 16;

/// What a probe may ask for. The plugin chooses it, and whoever answers may be a friend of its: a path of its own could
/// carry anything away.
pub(crate) const PATHS: [&str; 3] = ["/", "/.well-known/spin/info", "/.well-known/spin/health"];

/// The longest text that is taken for a host or a URL, in bytes.
const LONGEST: usize = 2048;

/// What answers have named so far.
pub(crate) struct Routes {
    known: Mutex<VecDeque<Name>>,
    looking: Arc<Semaphore>,
}

/// One text of an answer.
#[derive(PartialEq)]
struct Name {
    /// By each of the schemes that it may mean.
    places: Vec<Origin>,
    by: Origin,
    rule: Arc<Rule>,
}

/// A probe that answers let out.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    /// The last one that named the place.
    pub(crate) rule: Arc<Rule>,
    /// All who named it.
    pub(crate) by: BTreeSet<Host>,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            looking: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Routes {
    /// Looks through an answer from `from` to a request that `permit` let out, and returns it as it was.
    pub(crate) async fn look(
        &self,
        permit: &Permit,
        from: &Origin,
        response: Response<Body>,
    ) -> Result<Response<Body>, SendError> {
        let Permit::Rule(rule) = permit else {
            return Ok(response);
        };
        let length = response.body().size_hint().lower();
        let tells = rule.follows.contains(&Follow::Routes)
            && response.status().is_success()
            && is_json(essence(response.headers()).as_deref())
            && length <= LOOKED_AT as u64;
        if !tells {
            return Ok(response);
        }
        let Ok(held) = self.looking.clone().try_acquire_owned() else {
            return Ok(response);
        };
        let (parts, body) = response.into_parts();
        let body = match read(body, LOOKED_AT).await.map_err(SendError::of_body)? {
            Read::Larger(body) => body,
            Read::Whole(bytes) => {
                self.learn(rule, from, &bytes);
                whole(bytes)
            }
        };
        // Until the guest has it, or has dropped it.
        let body = body.map_frame(move |frame| {
            let _ = &held;
            frame
        });
        Ok(Response::from_parts(parts, body.boxed_unsync()))
    }

    fn learn(&self, rule: &Arc<Rule>, by: &Origin, json: &[u8]) {
        let Some(named) = named(json, by) else {
            return;
        };
        let mut known = self.known();
        for places in named {
            let name = Name {
                places,
                by: by.clone(),
                rule: rule.clone(),
            };
            known.retain(|old| *old != name);
            if known.len() == MOST {
                known.pop_front();
            }
            known.push_back(name);
        }
    }

    /// Whether an answer said that the app may be there.
    pub(crate) fn knows(&self, origin: &Origin) -> bool {
        self.known().iter().any(|name| name.places.contains(origin))
    }

    /// Whether a probe may go there: it reads at one of [`PATHS`], and has no query to carry anything in.
    pub(crate) fn permit(&self, method: &Method, target: &Target) -> Option<Permit> {
        let asks = *method == Method::GET
            && target.url.query().is_none()
            && PATHS.contains(&target.path());
        if !asks {
            return None;
        }
        let known = self.known();
        let named = || {
            let all = known.iter();
            all.filter(|name| name.places.contains(&target.origin))
        };
        let rule = named().next_back()?.rule.clone();
        let by = named().map(|name| name.by.host.clone()).collect();
        Some(Permit::Route(Announced { rule, by }))
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Name>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_json(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"))
}

/// What the texts of a JSON document name, each once. `None` where it is no JSON.
pub(crate) fn named(json: &[u8], by: &Origin) -> Option<BTreeSet<Vec<Origin>>> {
    let mut named = BTreeSet::new();
    let mut note = |text: &str| {
        if named.len() < MOST {
            let places = places(text, by);
            if !places.is_empty() {
                named.insert(places);
            }
        }
    };
    let mut document = serde_json::Deserializer::from_slice(json);
    Texts(&mut note).deserialize(&mut document).ok()?;
    document.end().ok()?;
    Some(named)
}

/// What one text names: `app.example.com` and `app.example.com:8443` by https, and in the clear where the answer came so;
/// of a URL only its origin counts. Nothing where the text is something else, such as a version number.
fn places(text: &str, by: &Origin) -> Vec<Origin> {
    if text.len() > LONGEST {
        return Vec::new();
    }
    let is_allowed = |scheme: Scheme| scheme == Scheme::Https || scheme == by.scheme;
    if text.contains("://") {
        let url = Url::parse(text).ok();
        let origin = url.and_then(|url| Origin::of(&url).ok());
        return origin
            .into_iter()
            .filter(|origin| is_allowed(origin.scheme))
            .collect();
    }
    let schemes = [Scheme::Https, Scheme::Http].into_iter();
    schemes
        .filter(|scheme| is_allowed(*scheme))
        .filter_map(|scheme| Origin::from_authority(scheme, text).ok())
        .filter(|origin| is_meant(text, &origin.host))
        .collect()
}

/// Many a word and number can be read as a host. A platform that means one word writes a URL.
fn is_meant(text: &str, host: &Host) -> bool {
    match host.domain() {
        Some(domain) => domain.contains('.') || domain == "localhost",
        None => text.starts_with(&host.to_string()),
    }
}

/// Calls a function with every text of a document that is a value. Keeps nothing of it.
struct Texts<'a>(&'a mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.0)(text);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Texts(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while fields.next_key::<IgnoredAny>()?.is_some() {
            fields.next_value_seed(Texts(&mut *self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places_of(text: &str, by: &str) -> Vec<String> {
        let by = by.parse().unwrap();
        places(text, &by).iter().map(Origin::to_string).collect()
    }

    #[test]
    fn a_host_a_host_with_a_port_and_a_url_name_a_place() {
        let (https, http) = ("https://hippo.example", "http://hippo.example:5309");
        for (text, secure, clear) in [
            (
                "App.Example.com.",
                &["https://app.example.com"][..],
                &["https://app.example.com", "http://app.example.com"][..],
            ),
            (
                "app.example.com:8443",
                &["https://app.example.com:8443"],
                &[
                    "https://app.example.com:8443",
                    "http://app.example.com:8443",
                ],
            ),
            (
                "https://app.example.com/path?query#fragment",
                &["https://app.example.com"],
                &["https://app.example.com"],
            ),
            ("http://app/", &[], &["http://app"]),
            (
                "10.0.0.7:80",
                &["https://10.0.0.7:80"],
                &["https://10.0.0.7:80", "http://10.0.0.7"],
            ),
            (
                "[::1]",
                &["https://[::1]"],
                &["https://[::1]", "http://[::1]"],
            ),
        ] {
            assert_eq!(places_of(text, https), secure, "{text}");
            assert_eq!(places_of(text, http), clear, "{text}");
        }
    }

    #[test]
    fn what_is_no_place_names_none() {
        let long = format!("https://app.example.com/{}", "x".repeat(LONGEST));
        for text in [
            "",
            "running",
            "42",
            "1.2.3",
            "0x7f.1",
            "12:30",
            "2026-01-02T03:04:05Z",
            "sha256:0123456789abcdef",
            "me@example.com",
            "app.example.com/path",
            "app.example.com:0",
            "app.example.com ",
            "*.example.com",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://user:password@example.com/",
            "https://",
            &long,
        ] {
            assert_eq!(
                places_of(text, "http://hippo"),
                Vec::<String>::new(),
                "{text}"
            );
        }
    }

    #[test]
    fn names_are_values_of_whole_documents_and_few() {
        let by = "https://hippo.example".parse().unwrap();
        let count = |json: &str| named(json.as_bytes(), &by).map(|named| named.len());
        let nested = r#"{"a.example": [1, -1, 1.5, true, null, {"x": ["b.example", "b.example"]}], "y": "see c.example"}"#;
        assert_eq!(count(nested), Some(1));
        assert_eq!(count(r#""d.example""#), Some(1));
        for broken in ["", "app.example", "[\"a.example\"", "\"a.example\" x"] {
            assert_eq!(count(broken), None, "{broken}");
        }
        assert_eq!(
            count(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))),
            None
        );
        let many: Vec<String> = (0..5_000).map(|n| format!("a{n}.example")).collect();
        assert_eq!(count(&serde_json::to_string(&many).unwrap()), Some(MOST));
    }
}
