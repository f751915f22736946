//! A channel, and how it is made, changed and started.
//!
//! A change of what a channel runs is two requests, and only the second one starts it (Hippo 0.19 to 0.20 do nothing at a
//! PATCH). A run that ends between them leaves a channel that looks changed and runs what it ran before. So the first request
//! also leaves a mark that the second one is outstanding: a range rule, which means nothing to a channel with a specified
//! revision. It is taken away after the start.

use http::{Method, StatusCode};
use serde_json::json;
use spin_deployer_publish::Transport;

use crate::documents::{App, Certificate, Channel, ChannelStatus, Id, Revision, Status};
use crate::wanted::{Edits, SPECIFIED, Wanted};
use crate::{Error, Hippo, check_domain};

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

    /// That no other channel has the domain. Hippo itself asks that where a channel is made, and not where one is changed.
    pub(crate) async fn check_free(&self, domain: &str, ours: Option<&Id>) -> Result<(), Error> {
        let all: Vec<Channel> = self.list(|family| &family.channels, "").await?;
        let other = |channel: &&Channel| channel.domain == domain && Some(&channel.id) != ours;
        match all.iter().find(other) {
            Some(other) => Err(Error::DomainTaken {
                domain: domain.to_owned(),
                channel: spin_deployer_publish::quote(&other.name),
            }),
            None => Ok(()),
        }
    }

    /// Makes a channel that runs the revision. An error inside: it is there, but not all of what Hippo does then was done.
    async fn make_channel(
        &self,
        wanted: &Wanted,
        domain: Option<&str>,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Option<Error>, Error> {
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
            Ok(_) => Ok(None),
            Err(error) if error.may_have_happened() => {
                let app = self
                    .find_app(&app.name)
                    .await?
                    .ok_or_else(|| error.clone())?;
                match self.find_channel(&app, &wanted.channel).await? {
                    Some(_) => Ok(Some(error)),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The channel that was just made.
    async fn made_channel(&self, wanted: &Wanted, app: &App) -> Result<Channel, Error> {
        let app = self
            .find_app(&app.name)
            .await?
            .ok_or(Error::NoApp(app.name.clone()))?;
        let found = self.find_channel(&app, &wanted.channel).await?;
        found.ok_or_else(|| Error::NoChannel {
            app: app.name.clone(),
            channel: wanted.channel.clone(),
        })
    }

    /// Removes a channel, which stops it.
    async fn remove_channel(&self, channel: &Id) -> Result<(), Error> {
        let path = format!("{}/{channel}", self.known_family().channels.path);
        match self.write(Method::DELETE, &path, None).await {
            Err(error) if error.may_have_happened() => match self.channel(channel).await? {
                Some(_) => Err(error),
                None => Ok(()),
            },
            deleted => deleted.map(drop),
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
            let patched = self.write(Method::PATCH, &path, Some(&patch)).await;
            if let Err(error) = patched {
                let differs = |now: &Channel| {
                    let edits = wanted.edits(now, Some(&revision.id), certificate, None);
                    edits.is_change()
                };
                if !error.may_have_happened()
                    || self
                        .channel(&channel.id)
                        .await?
                        .as_ref()
                        .is_none_or(differs)
                {
                    return Err(error);
                }
            }
        }
        self.start(&channel.id).await?;
        let channel = self.verified(wanted, &channel.id, revision).await?;
        if channel.range_rule.is_none() {
            return Ok(channel);
        }
        let nothing = json!({ "rangeRule": null });
        self.write(Method::PATCH, &path, Some(&nothing)).await?;
        // Another deploy may have come and gone meanwhile.
        self.verified(wanted, &channel.id, revision).await
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
        let mut tried = false;
        let (channel, whole) = loop {
            let broken = self
                .make_channel(wanted, domain, app, revision, certificate)
                .await?;
            let channel = self.made_channel(wanted, app).await?;
            let error = match broken {
                None => break (channel, true),
                // Another run made it.
                Some(Error::Invalid { .. }) => break (channel, false),
                Some(_) if in_place => break (channel, false),
                Some(error) => error,
            };
            // An old server says nowhere whether it started it, and to make it is the only way to.
            let removed = self.remove_channel(&channel.id).await;
            if tried || removed.is_err() {
                return Err(error);
            }
            tried = true;
        };
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
        self.remove_channel(&channel.id).await?;
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
