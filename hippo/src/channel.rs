//! A channel: what it should be, what differs, and how it is changed.
//!
//! A change of what a channel runs is two requests, and only the second one starts it (Hippo 0.19 to 0.20 do nothing at a
//! PATCH). A run that ends between them leaves a channel that looks changed and runs what it ran before. So the first request
//! also leaves a mark that the second one is outstanding: a range rule, which means nothing to a channel with a specified
//! revision. It is taken away after the start.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use spin_deployer_publish::Transport;

use crate::documents::{
    App, Certificate, Channel, ChannelStatus, Id, Revision, Status, Strategy, Variable,
};
use crate::{Error, Hippo, check_domain};

const SPECIFIED: &str = "UseSpecifiedRevision";

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
        revision: Option<&Id>,
        certificate: Option<&Id>,
        status: Option<Status>,
    ) -> Edits {
        let active = channel.active_revision.as_ref().map(|active| &active.id);
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
            revision: !specified || active.is_none() || active != revision,
            environment: !self.environment.is_empty()
                && environment(&channel.environment_variables) != wanted,
            domain: self
                .domain
                .as_ref()
                .is_some_and(|domain| *domain != channel.domain),
            certificate: certificate.is_some() && certificate != has,
            unstarted: specified && channel.range_rule.is_some(),
            stopped: status.is_some_and(|status| status != Status::Running),
        }
    }

    fn patch(&self, edits: Edits, revision: &Revision, certificate: Option<&Id>) -> Value {
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

impl<T: Transport> Hippo<T> {
    /// The app's channel of this name, with everything that Hippo says of it.
    pub(crate) async fn find_channel(
        &self,
        app: &App,
        name: &str,
    ) -> Result<Option<Channel>, Error> {
        let known = app.channels.iter().find(|channel| channel.name == name);
        let id = match known {
            Some(channel) => channel.id.clone(),
            // Not every server lists channels with their app.
            None => {
                let query = format!("searchText={name}");
                let all: Vec<Channel> = self.list(|family| &family.channels, &query).await?;
                let found = all
                    .into_iter()
                    .find(|c| c.app_id == app.id && c.name == name);
                match found {
                    Some(channel) => channel.id,
                    None => return Ok(None),
                }
            }
        };
        self.channel(&id).await
    }

    pub(crate) async fn channel(&self, id: &Id) -> Result<Option<Channel>, Error> {
        let answer = self
            .get(&format!("{}/{id}", self.known_family().channels.path))
            .await?;
        match answer.status {
            StatusCode::OK => answer.json("a channel").map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(answer.to_error()),
        }
    }

    /// What the channel's job is doing; `None` where the server does not say.
    pub(crate) async fn status(&self, channel: &Id) -> Result<Option<Status>, Error> {
        let Some(in_place) = &self.known_family().in_place else {
            return Ok(None);
        };
        let query = format!("channelId={channel}");
        let all: Vec<ChannelStatus> = self.list(|_| &in_place.statuses, &query).await?;
        let found = all.into_iter().find(|status| status.channel_id == *channel);
        Ok(Some(found.map_or(Status::Unknown, |found| found.status)))
    }

    /// The identifier of the certificate of this name.
    pub(crate) async fn certificate(&self, name: &str) -> Result<Id, Error> {
        let all: Vec<Certificate> = self.list(|family| &family.certificates, "").await?;
        match all.iter().find(|certificate| certificate.name == name) {
            Some(certificate) => Ok(certificate.id.clone()),
            None => Err(Error::NoCertificate {
                name: name.to_owned(),
                known: all
                    .into_iter()
                    .map(|certificate| certificate.name)
                    .collect(),
            }),
        }
    }

    /// Makes a channel that runs the revision. `false`: it is there, but not all of what Hippo does then was done.
    async fn make_channel(
        &self,
        wanted: &Wanted,
        domain: Option<&str>,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<bool, Error> {
        let mut body = json!({
            "appId": app.id,
            "name": wanted.channel,
            "revisionSelectionStrategy": SPECIFIED,
            "activeRevisionId": revision.id,
        });
        if let Some(domain) = domain {
            body["domain"] = domain.into();
        }
        if let Some(certificate) = certificate {
            body["certificateId"] = json!(certificate);
        }
        let path = self.known_family().channels.path;
        match self.write(Method::POST, path, Some(&body)).await {
            Ok(_) => Ok(true),
            Err(error) if error.may_have_happened() => {
                let app = self
                    .find_app(&app.name)
                    .await?
                    .ok_or_else(|| error.clone())?;
                match self.find_channel(&app, &wanted.channel).await? {
                    Some(_) => Ok(false),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Makes the channel run the revision as wanted. Writes nothing where it does.
    pub(crate) async fn activate(
        &self,
        wanted: &Wanted,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        let found = self.find_channel(app, &wanted.channel).await?;
        let Some(channel) = found else {
            let domain = wanted.domain.as_deref();
            return self.begin(wanted, domain, app, revision, certificate).await;
        };
        let status = self.status(&channel.id).await?;
        let edits = wanted.edits(&channel, Some(&revision.id), certificate, status);
        if edits.is_nothing() {
            return Ok(channel);
        }
        if self.known_family().in_place.is_none() {
            return self
                .begin_anew(wanted, app, channel, edits, revision, certificate)
                .await;
        }
        self.change(wanted, &channel, edits, revision, certificate)
            .await
    }

    /// Changes a channel as it is, and starts it.
    async fn change(
        &self,
        wanted: &Wanted,
        channel: &Channel,
        edits: Edits,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        let path = format!("{}/{}", self.known_family().channels.path, channel.id);
        if edits.is_change() {
            let patch = wanted.patch(edits, revision, certificate);
            self.write(Method::PATCH, &path, Some(&patch)).await?;
        }
        self.start(&channel.id).await?;
        let channel = self.verified(wanted, &channel.id, revision).await?;
        if channel.range_rule.is_some() {
            let nothing = json!({ "rangeRule": null });
            self.write(Method::PATCH, &path, Some(&nothing)).await?;
        }
        Ok(channel)
    }

    /// Makes the channel, then gives it what cannot be given with it.
    async fn begin(
        &self,
        wanted: &Wanted,
        domain: Option<&str>,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        let in_place = self.known_family().in_place.is_some();
        if !in_place && !wanted.environment.is_empty() {
            return Err(Error::Old("be given a channel's environment from here"));
        }
        let whole = self
            .make_channel(wanted, domain, app, revision, certificate)
            .await?;
        let app = self
            .find_app(&app.name)
            .await?
            .ok_or(Error::NoApp(app.name.clone()))?;
        let found = self.find_channel(&app, &wanted.channel).await?;
        let channel = found.ok_or_else(|| Error::NoChannel {
            app: app.name.clone(),
            channel: wanted.channel.clone(),
        })?;
        // Another run may have made it in the meantime, with another revision.
        let mut edits = wanted.edits(&channel, Some(&revision.id), certificate, None);
        if in_place {
            edits.stopped = !whole;
            if edits.is_nothing() {
                return Ok(channel);
            }
            return self
                .change(wanted, &channel, edits, revision, certificate)
                .await;
        }
        self.verified(wanted, &channel.id, revision).await
    }

    /// A new channel in place of the old one, where a server knows no other way to start another revision.
    async fn begin_anew(
        &self,
        wanted: &Wanted,
        app: &App,
        channel: Channel,
        edits: Edits,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        // A range rule is what other clients leave there, and says nothing here.
        if !edits.is_change() {
            return Ok(channel);
        }
        if !wanted.environment.is_empty() {
            return Err(Error::Old("be given a channel's environment from here"));
        }
        if !channel.environment_variables.is_empty() {
            return Err(Error::Old(
                "be given another revision without losing the channel's environment",
            ));
        }
        let path = format!("{}/{}", self.known_family().channels.path, channel.id);
        match self.write(Method::DELETE, &path, None).await {
            Err(error) if error.may_have_happened() => {
                if self.channel(&channel.id).await?.is_some() {
                    return Err(error);
                }
            }
            deleted => drop(deleted?),
        }
        // One that Hippo made it makes again, and does not take from others: it need not be a valid one.
        let generated = format!("{}.{}.", channel.name, app.name);
        let own = Some(channel.domain.as_str())
            .filter(|domain| !domain.starts_with(&generated) && check_domain(domain).is_ok());
        let domain = wanted.domain.as_deref().or(own);
        let has = channel
            .certificate
            .as_ref()
            .map(|certificate| &certificate.id);
        self.begin(wanted, domain, app, revision, certificate.or(has))
            .await
    }

    async fn start(&self, channel: &Id) -> Result<(), Error> {
        let Some(in_place) = &self.known_family().in_place else {
            return Ok(());
        };
        let path = in_place.desired_status.replace("{id}", channel.as_str());
        let body = json!({ "channelId": channel, "desiredStatus": "Running" });
        self.write(Method::PUT, &path, Some(&body)).await?;
        Ok(())
    }

    /// The channel as it is now, where that is what this run made of it.
    async fn verified(
        &self,
        wanted: &Wanted,
        channel: &Id,
        revision: &Revision,
    ) -> Result<Channel, Error> {
        let overtaken = |theirs: Option<String>| Error::Overtaken {
            channel: wanted.channel.clone(),
            ours: revision.revision_number.clone(),
            theirs,
        };
        let Some(channel) = self.channel(channel).await? else {
            return Err(overtaken(None));
        };
        match &channel.active_revision {
            Some(active) if active.id == revision.id => Ok(channel),
            active => {
                let theirs = active.as_ref().map(|active| &active.revision_number);
                Err(overtaken(
                    theirs.map(|number| spin_deployer_publish::quote(number)),
                ))
            }
        }
    }
}
