//! Hippo's documents, as far as they are needed. All of them come from a server: nothing in them is believed to be short,
//! and an identifier is only one where it can stand in a path.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::wanted::ANY;

/// An identifier of Hippo's: a GUID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Id(String);

impl TryFrom<String> for Id {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text))
        } else {
            Err("expected an identifier")
        }
    }
}

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An app.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its identifier.
    pub id: Id,
    /// Its name: one app in all of Hippo has it.
    pub name: String,
    /// The name of its bindle. Not every old server says.
    #[serde(default)]
    pub storage_id: Option<String>,
    /// Its channels, in short.
    #[serde(default, deserialize_with = "or_default")]
    pub channels: Vec<ChannelName>,
}

/// A channel, in short.
#[derive(Debug, Clone, Deserialize)]
pub struct ChannelName {
    /// Its identifier.
    pub id: Id,
    /// Its name: one channel of the app has it.
    pub name: String,
}

/// A version of an app's bindle.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its identifier.
    pub id: Id,
    /// The app that it belongs to.
    pub app_id: Id,
    /// The version: `1.0.0+q1a2b3c4`.
    pub revision_number: String,
    /// Its components: none where Hippo could not read the bindle.
    #[serde(default, deserialize_with = "or_default")]
    pub components: Vec<Component>,
    /// Its trigger: `http`, `redis`. Not every Hippo says, and none where it could not read the bindle.
    #[serde(default, rename = "type")]
    pub trigger: Option<String>,
}

/// A component of a revision.
#[derive(Debug, Clone, Deserialize)]
pub struct Component {
    /// Its name.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// The route of its HTTP trigger, if it has one.
    #[serde(default)]
    pub route: Option<String>,
}

/// A place where a revision runs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Its identifier.
    pub id: Id,
    /// The app that it belongs to.
    pub app_id: Id,
    /// Its name.
    pub name: String,
    /// Host, and port where the platform's domain has one.
    #[serde(default, deserialize_with = "or_default")]
    pub domain: String,
    /// How its revision is chosen.
    #[serde(default, deserialize_with = "or_default")]
    pub revision_selection_strategy: Strategy,
    /// What it runs, or would run.
    #[serde(default)]
    pub active_revision: Option<Revision>,
    /// What revisions it takes by itself. For a channel with a specified revision without a meaning, so that it can say
    /// that a change was not followed by a start yet: see [`Edits`](crate::Edits).
    #[serde(default)]
    pub range_rule: Option<String>,
    /// Its certificate.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// Its environment.
    #[serde(default, deserialize_with = "or_default")]
    pub environment_variables: Vec<Variable>,
}

impl Channel {
    /// Whether it was changed or made, and not started since.
    pub(crate) fn is_marked(&self) -> bool {
        self.revision_selection_strategy == Strategy::SpecifiedRevision
            && self.range_rule.as_deref().is_some_and(|rule| rule != ANY)
    }
}

/// An environment variable of a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Variable {
    /// Its name.
    pub key: String,
    /// Its value.
    #[serde(deserialize_with = "or_default")]
    pub value: String,
}

/// A certificate, without its keys.
#[derive(Debug, Clone, Deserialize)]
pub struct Certificate {
    pub(crate) id: Id,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) name: String,
}

/// How a channel chooses what it runs. 0.18 writes numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// The highest revision that fits a rule.
    RangeRule,
    /// One revision, by its identifier.
    SpecifiedRevision,
    /// Something that this crate does not know.
    #[default]
    Other,
}

/// What a channel's job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Hippo does not know.
    Unknown,
    /// It is being started.
    Pending,
    /// It runs.
    Running,
    /// It does not run, or Nomad cannot be asked.
    Dead,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Dead => "dead",
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChannelStatus {
    pub(crate) channel_id: Id,
    pub(crate) status: Status,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Logs {
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) logs: Vec<String>,
}

/// A member of an enumeration: its name, or its number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member {
    Name(String),
    Number(u64),
}

impl<'de> Deserialize<'de> for Strategy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Member::deserialize(deserializer)? {
            Member::Name(name) if name.eq_ignore_ascii_case("UseRangeRule") => Self::RangeRule,
            Member::Name(name) if name.eq_ignore_ascii_case("UseSpecifiedRevision") => {
                Self::SpecifiedRevision
            }
            Member::Number(0) => Self::RangeRule,
            Member::Number(1) => Self::SpecifiedRevision,
            _ => Self::Other,
        })
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = [Self::Unknown, Self::Pending, Self::Running, Self::Dead];
        let member = Member::deserialize(deserializer)?;
        let found = all
            .into_iter()
            .zip(0..)
            .find(|(status, number)| match &member {
                Member::Name(name) => name.eq_ignore_ascii_case(&status.to_string()),
                Member::Number(given) => given == number,
            });
        Ok(found.map_or(Self::Unknown, |(status, _)| status))
    }
}

/// What a server leaves empty it may leave out or write as `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(r#""UseSpecifiedRevision""#, Strategy::SpecifiedRevision)]
    #[case(r#""useRangeRule""#, Strategy::RangeRule)]
    #[case("0", Strategy::RangeRule)]
    #[case("1", Strategy::SpecifiedRevision)]
    #[case("7", Strategy::Other)]
    fn a_strategy_is_a_name_or_a_number(#[case] text: &str, #[case] expected: Strategy) {
        assert_eq!(serde_json::from_str::<Strategy>(text).unwrap(), expected);
    }

    #[rstest]
    #[case(r#""Running""#, Status::Running)]
    #[case("3", Status::Dead)]
    #[case(r#""Melting""#, Status::Unknown)]
    fn a_status_is_a_name_or_a_number(#[case] text: &str, #[case] expected: Status) {
        assert_eq!(serde_json::from_str::<Status>(text).unwrap(), expected);
    }

    #[rstest]
    #[case("../admin")]
    #[case("")]
    #[case("a b")]
    #[case("a?x")]
    fn what_cannot_stand_in_a_path_is_no_identifier(#[case] text: &str) {
        assert!(serde_json::from_value::<Id>(text.into()).is_err());
    }

    #[test]
    fn nulls_are_nothing() {
        let text = r#"{"id":"c","appId":"a","name":"n","domain":null,"activeRevision":null,"rangeRule":null,
            "revisionSelectionStrategy":null,"certificate":null,"environmentVariables":null}"#;
        let channel: Channel = serde_json::from_str(text).unwrap();
        assert_eq!(channel.revision_selection_strategy, Strategy::Other);
        assert!(channel.environment_variables.is_empty());
    }
}
