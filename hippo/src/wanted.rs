//! What a channel should be, and what of it differs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::documents::{Channel, Id, Revision, Status, Strategy, Variable};

/// A strategy's name: one revision, by its identifier.
pub(crate) const SPECIFIED: &str = "UseSpecifiedRevision";

/// The range rule that every revision fits: what Hippo itself writes where there is none. Not `null`, since nobody has seen that
/// take a rule away.
pub(crate) const ANY: &str = "*";

/// What is to run, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The app's name.
    pub app: String,
    /// The name of its bindle.
    pub storage_id: String,
    /// The version of its bindle.
    pub version: String,
    /// The channel's name.
    pub channel: String,
    /// The channel's environment, all of it; empty: whatever it has.
    pub environment: Vec<(String, String)>,
    /// The channel's domain; `None`: whatever it has, or gets from Hippo.
    pub domain: Option<String>,
    /// The name of the channel's certificate; `None`: whatever it has.
    pub certificate: Option<String>,
}

/// What of a channel is not as it should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edits {
    /// It runs another revision, or chooses by a rule.
    pub revision: bool,
    /// Its environment.
    pub environment: bool,
    /// Its domain.
    pub domain: bool,
    /// Its certificate.
    pub certificate: bool,
    /// It was changed and not started since, as far as one can tell.
    pub unstarted: bool,
    /// It does not run.
    pub stopped: bool,
}

impl Edits {
    /// Whether something of the channel has to be written.
    pub fn is_change(&self) -> bool {
        self.revision || self.environment || self.domain || self.certificate
    }

    /// Whether nothing has to be done at all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Wanted {
    pub(crate) fn edits(
        &self,
        channel: &Channel,
        certificate: Option<&Id>,
        status: Option<Status>,
    ) -> Edits {
        // By its number: two runs may have registered it, and then it is all the same whose revision it is.
        let active = channel.active_revision.as_ref();
        let active = active.is_some_and(|active| active.revision_number == self.version);
        let specified = channel.revision_selection_strategy == Strategy::SpecifiedRevision;
        let environment = |variables: &[Variable]| -> BTreeMap<String, String> {
            let pairs = variables.iter();
            pairs.map(|v| (v.key.clone(), v.value.clone())).collect()
        };
        let wanted = self.environment.iter().cloned().collect::<BTreeMap<_, _>>();
        let has = channel
            .certificate
            .as_ref()
            .map(|certificate| &certificate.id);
        Edits {
            revision: !specified || !active,
            environment: !self.environment.is_empty()
                && environment(&channel.environment_variables) != wanted,
            domain: self
                .domain
                .as_ref()
                .is_some_and(|domain| *domain != channel.domain),
            certificate: certificate.is_some() && certificate != has,
            unstarted: channel.is_marked(),
            // One that is being started would begin anew with another start.
            stopped: matches!(status, Some(Status::Dead | Status::Unknown)),
        }
    }

    /// The change that makes them as they should be, with the mark that a start is outstanding.
    pub(crate) fn patch(
        &self,
        edits: Edits,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Value {
        let mut patch = Map::new();
        let mut set = |key: &str, value: Value| patch.insert(key.to_owned(), value);
        if edits.revision {
            set("revisionSelectionStrategy", SPECIFIED.into());
            set("activeRevisionId", json!(revision.id));
        }
        if edits.environment {
            let pairs = self.environment.iter();
            let variables: Vec<Value> = pairs
                .map(|(key, value)| json!({ "key": key, "value": value }))
                .collect();
            set("environmentVariables", variables.into());
        }
        if edits.domain {
            set("domain", json!(self.domain));
        }
        if edits.certificate {
            set("certificateId", json!(certificate));
        }
        set("rangeRule", json!(revision.revision_number));
        Value::Object(patch)
    }
}
