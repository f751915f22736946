//! The JSON of a request, property by property, as the framework binds it: before any rule of Hippo's own is asked.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::failure::{Failure, Findings};
use crate::message::Call;
use crate::state::{Strategy, Wanted};

/// An object. What it has and nobody asks for is ignored.
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// # Errors
    ///
    /// 415 without `application/json`, 400 on what is no object.
    pub(crate) fn of(call: &Call) -> Result<Self, Failure> {
        let content_type = call.headers().get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|value| value.split(';').next());
        if essence.map(str::trim) != Some("application/json") {
            return Err(Failure::Framework(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        serde_json::from_slice(call.body())
            .map(Self)
            .map_err(|error| Findings::one("", error.to_string()))
    }

    /// Whether the property is there, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `None` where it is absent or null.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        self.value(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// Empty where it is absent or null: Hippo's own rules say that it is required.
    pub(crate) fn text_or_empty(&self, name: &str) -> Result<String, Failure> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    pub(crate) fn guid(&self, name: &str) -> Result<Option<Uuid>, Failure> {
        self.value(name, "a GUID", |value| value.as_str()?.parse().ok())
    }

    /// Nil where it is absent or null.
    pub(crate) fn guid_or_nil(&self, name: &str) -> Result<Uuid, Failure> {
        Ok(self.guid(name)?.unwrap_or_default())
    }

    /// By name or by number.
    pub(crate) fn strategy(&self, name: &str) -> Result<Option<Strategy>, Failure> {
        self.value(name, "a strategy", Strategy::read)
    }

    pub(crate) fn wanted(&self, name: &str) -> Result<Option<Wanted>, Failure> {
        self.value(name, "a status", Wanted::read)
    }

    /// `[{key, value}]`
    pub(crate) fn variables(&self, name: &str) -> Result<Option<Vec<(String, String)>>, Failure> {
        let variable = |item: &Value| {
            let part = |name: &str| item.get(name)?.as_str().map(str::to_owned);
            Some((part("key")?, part("value")?))
        };
        self.value(name, "a list of keys and values", |value| {
            value.as_array()?.iter().map(variable).collect()
        })
    }

    fn value<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(value) => Ok(Some(value)),
                None => Err(Findings::one(
                    name,
                    format!("Error converting value {value} to {kind}."),
                )),
            },
        }
    }
}
