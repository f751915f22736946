//! The rows of the database, and what tests want to know beside them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::control::{Planned, Recorded};
use crate::scheduler::Scheduler;

/// Everything that changes.
pub(crate) struct State {
    pub(crate) accounts: Vec<Account>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) apps: Vec<App>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) revisions: Vec<Revision>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) scheduler: Scheduler,
    pub(crate) requests: Vec<Recorded>,
    pub(crate) planned: Vec<Planned>,
    /// How often the first page of the revisions was read.
    pub(crate) readings: usize,
}

pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) password: String,
}

pub(crate) struct Token {
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) expires: i64,
    /// Taken back by the test: no clock skew saves it.
    pub(crate) revoked: bool,
}

pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) storage_id: String,
}

pub(crate) struct Channel {
    pub(crate) id: Uuid,
    pub(crate) app: Uuid,
    pub(crate) name: Option<String>,
    pub(crate) domain: Option<String>,
    pub(crate) strategy: Strategy,
    pub(crate) range_rule: Option<String>,
    pub(crate) active: Option<Uuid>,
    pub(crate) certificate: Option<Uuid>,
    pub(crate) variables: Vec<(String, String)>,
    /// `None` until somebody asks for one: the database has 0, which is neither.
    pub(crate) wanted: Option<Wanted>,
    /// When its app was last started, as RFC 3339.
    pub(crate) published: Option<String>,
}

pub(crate) struct Revision {
    pub(crate) id: Uuid,
    pub(crate) app: Uuid,
    pub(crate) number: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) components: Vec<Component>,
}

pub(crate) struct Component {
    pub(crate) id: Uuid,
    pub(crate) source: String,
    pub(crate) name: String,
    pub(crate) route: Option<String>,
    pub(crate) channel: Option<String>,
}

pub(crate) struct Certificate {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) public: String,
    pub(crate) private: String,
}

/// How a channel finds its revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    RangeRule,
    Specified,
}

/// What a user wants a channel to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Running,
    Dead,
}

impl Strategy {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RangeRule => "UseRangeRule",
            Self::Specified => "UseSpecifiedRevision",
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::RangeRule => 0,
            Self::Specified => 1,
        }
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        let all = [Self::RangeRule, Self::Specified];
        let named = |it: &Self| value == it.name() || value.as_u64() == Some(it.number().into());
        all.into_iter().find(named)
    }
}

impl Wanted {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Dead => "Dead",
        }
    }

    pub(crate) fn read(value: &Value) -> Option<Self> {
        let all = [Self::Running, Self::Dead];
        all.into_iter().find(|it| value == it.name())
    }
}

impl State {
    pub(crate) fn app(&self, id: Uuid) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    pub(crate) fn channel(&self, id: Uuid) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.id == id)
    }

    pub(crate) fn channel_mut(&mut self, id: Uuid) -> Option<&mut Channel> {
        self.channels.iter_mut().find(|channel| channel.id == id)
    }

    pub(crate) fn revision(&self, id: Uuid) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.id == id)
    }

    /// What a channel would run: `storage id/revision`.
    pub(crate) fn bindle_of(&self, channel: &Channel) -> Option<String> {
        let revision = self.revision(channel.active?)?;
        let app = self.app(channel.app)?;
        Some(format!("{}/{}", app.storage_id, revision.number))
    }

    /// For the test.
    pub(crate) fn shown(&self) -> Value {
        let apps = self
            .apps
            .iter()
            .map(|app| json!({ "id": app.id, "name": app.name, "storageId": app.storage_id }));
        let channels = self.channels.iter().map(|channel| {
            let variables = channel.variables.iter();
            let variables = variables.map(|(key, value)| (key.clone(), value.clone().into()));
            json!({
                "id": channel.id,
                "appId": channel.app,
                "name": channel.name,
                "domain": channel.domain,
                "revisionSelectionStrategy": channel.strategy.name(),
                "rangeRule": channel.range_rule,
                "activeRevisionId": channel.active,
                "certificateId": channel.certificate,
                "desiredStatus": channel.wanted.map(Wanted::name),
                "environmentVariables": variables.collect::<serde_json::Map<_, _>>(),
            })
        });
        let revisions = self.revisions.iter().map(|revision| {
            let components = revision.components.iter().map(|it| it.name.clone());
            json!({
                "id": revision.id,
                "appId": revision.app,
                "revisionNumber": revision.number,
                "components": components.collect::<Vec<_>>(),
            })
        });
        json!({
            "apps": apps.collect::<Vec<_>>(),
            "channels": channels.collect::<Vec<_>>(),
            "revisions": revisions.collect::<Vec<_>>(),
            "certificates": self.certificates.iter().map(|it| &it.name).collect::<Vec<_>>(),
            "jobs": self.scheduler.jobs_shown(),
            "starts": self.scheduler.starts_shown(),
        })
    }
}
