//! A channel, and how it is made, changed and started.
//!
//! A change of what a channel runs is several requests, and only the last one starts it (Hippo 0.19 to 0.20 do nothing at a
//! PATCH). A run that ends between them leaves a channel that looks changed and runs what it ran before. So the first request
//! also leaves a mark that a start is outstanding: a range rule, which means nothing to a channel with a specified revision.
//! After the start the rule is [`ANY`], which says nothing.
//!
//! Before 0.19 a channel is started where it is made, and nowhere else: another revision needs another channel. 0.18 has a
//! PATCH, so that the new one can have the mark until its start was answered for. What is older has nothing that takes a mark
//! away, so there is none.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use spin_deployer_publish::{Transport, quote};

use crate::documents::{App, Certificate, Channel, ChannelStatus, Id, Revision, Status};
use crate::releases::ATTEMPTS;
use crate::wanted::{ANY, Edits, SPECIFIED, Wanted};
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
                channel: quote(&other.name),
            }),
            None => Ok(()),
        }
    }

    /// Makes a channel that runs the revision. An error beside it: it is there, but not all of what Hippo does then was done.
    async fn make_channel(
        &self,
        wanted: &Wanted,
        domain: Option<&str>,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<(Channel, Option<Error>), Error> {
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
        // Where its state can be asked for, that says whether it was started.
        if self.known_family().in_place.is_none() && self.marks() {
            body["rangeRule"] = json!(revision.revision_number);
        }
        let path = self.known_family().channels.path;
        let made = self.write(Method::POST, path, Some(&body)).await;
        if let Err(error) = &made
            && !error.may_have_happened()
        {
            return Err(error.clone());
        }
        match (self.find_anew(wanted).await?, made) {
            (Some(channel), made) => Ok((channel, made.err())),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(overtaken(wanted, revision, None)),
        }
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

    /// The channel as it is there now, perhaps made since the app was read.
    async fn find_anew(&self, wanted: &Wanted) -> Result<Option<Channel>, Error> {
        match self.find_app(&wanted.app).await? {
            Some(app) => self.find_channel(&app, &wanted.channel).await,
            None => Ok(None),
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
        for _ in 1..ATTEMPTS {
            let error = match self.activate_once(wanted, app, revision, certificate).await {
                Err(error @ Error::Overtaken { theirs: None, .. }) => error,
                activated => return activated,
            };
            if self.known_family().in_place.is_some() {
                return Err(error);
            }
            // Another run removed it to make it anew: that is well where it makes the same, and otherwise the first one wins.
            if let Some(channel) = self.find_anew(wanted).await? {
                return ours(wanted, channel, revision);
            }
        }
        self.activate_once(wanted, app, revision, certificate).await
    }

    async fn activate_once(
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
        let edits = self.edits(wanted, &channel, certificate, status);
        if edits.is_nothing() {
            return Ok(channel);
        }
        if self.known_family().in_place.is_none() {
            return self
                .begin_anew(wanted, app, channel, revision, certificate)
                .await;
        }
        self.change(wanted, &channel, edits, revision, certificate)
            .await
    }

    /// What of the channel differs.
    pub(crate) fn edits(
        &self,
        wanted: &Wanted,
        channel: &Channel,
        certificate: Option<&Id>,
        status: Option<Status>,
    ) -> Edits {
        let edits = wanted.edits(channel, certificate, status);
        Edits {
            // Without marks it is what another client left there.
            unstarted: edits.unstarted && self.marks(),
            ..edits
        }
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
        if edits.is_change() {
            let patch = wanted.patch(edits, revision, certificate);
            if let Err(error) = self.patch(&channel.id, &patch).await {
                let differs = |now: &Channel| wanted.edits(now, certificate, None).is_change();
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
        self.settled(wanted, channel, revision).await
    }

    async fn patch(&self, channel: &Id, patch: &Value) -> Result<(), Error> {
        let path = format!("{}/{channel}", self.known_family().channels.path);
        let patched = self.write(Method::PATCH, &path, Some(patch)).await;
        patched.map(drop).map_err(Error::of_patch)
    }

    /// Takes the mark away: what the channel is to run was started.
    async fn settled(
        &self,
        wanted: &Wanted,
        channel: Channel,
        revision: &Revision,
    ) -> Result<Channel, Error> {
        if !channel.is_marked() {
            return Ok(channel);
        }
        let said = self.patch(&channel.id, &json!({ "rangeRule": ANY })).await;
        if let Err(error) = &said
            && !error.may_have_happened()
        {
            return Err(error.clone());
        }
        // Another deploy may have come meanwhile.
        match (self.verified(wanted, &channel.id, revision).await, said) {
            (Ok(channel), Err(error)) if channel.is_marked() => Err(error),
            (Err(error), _) => {
                // And it was its mark. Should it have started by then, the next run starts once more.
                if let Error::Overtaken {
                    theirs: Some(theirs),
                    ..
                } = &error
                {
                    let mark = json!({ "rangeRule": theirs });
                    drop(self.patch(&channel.id, &mark).await);
                }
                Err(error)
            }
            (settled, _) => settled,
        }
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
        if self.known_family().in_place.is_none() {
            return self
                .begin_old(wanted, domain, app, revision, certificate)
                .await;
        }
        let (channel, broken) = self
            .make_channel(wanted, domain, app, revision, certificate)
            .await?;
        // Another run may have made it in the meantime, with another revision.
        let mut edits = wanted.edits(&channel, certificate, None);
        edits.stopped = broken.is_some();
        if edits.is_nothing() {
            return Ok(channel);
        }
        self.change(wanted, &channel, edits, revision, certificate)
            .await
    }

    /// Makes the channel where only that starts it: what was made and not started is made anew.
    async fn begin_old(
        &self,
        wanted: &Wanted,
        domain: Option<&str>,
        app: &App,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        let mut tried = false;
        loop {
            let (channel, broken) = self
                .make_channel(wanted, domain, app, revision, certificate)
                .await?;
            let error = match broken {
                // Another run made it, and takes its mark away.
                Some(Error::Invalid { .. }) => {
                    return self.verified(wanted, &channel.id, revision).await;
                }
                Some(error) => error,
                None => {
                    let channel = self.verified(wanted, &channel.id, revision).await?;
                    match self.settled(wanted, channel, revision).await {
                        // Its PATCH is another one than that of 0.19: without marks, then.
                        Err(error) if !tried && error.is_refusal() => {
                            self.unmarkable.set(true);
                            error
                        }
                        settled => return settled,
                    }
                }
            };
            let removed = self.remove_channel(&channel.id).await;
            if tried || removed.is_err() {
                return Err(match removed {
                    Err(_) if !self.marks() => Error::Unclear {
                        channel: wanted.channel.clone(),
                        source: Box::new(error),
                    },
                    _ => error,
                });
            }
            tried = true;
        }
    }

    /// A new channel in place of the old one, where a server knows no other way to start another revision.
    async fn begin_anew(
        &self,
        wanted: &Wanted,
        app: &App,
        channel: Channel,
        revision: &Revision,
        certificate: Option<&Id>,
    ) -> Result<Channel, Error> {
        check_anew(wanted, app, &channel)?;
        let mut domain = wanted.domain.as_deref();
        // One that looks like Hippo's own may be the user's all the same. Nobody asks whether Hippo's own is another's too.
        if domain.is_none()
            && check_domain(&channel.domain).is_ok()
            && self
                .check_free(&channel.domain, Some(&channel.id))
                .await
                .is_ok()
        {
            domain = Some(&channel.domain);
        }
        self.remove_channel(&channel.id).await?;
        self.begin_old(wanted, domain, app, revision, certificate)
            .await
    }

    /// Starts what the channel is to run, also in place of what runs.
    async fn start(&self, channel: &Id) -> Result<(), Error> {
        let Some(in_place) = &self.known_family().in_place else {
            return Ok(());
        };
        let path = in_place.desired_status.replace("{id}", channel.as_str());
        let body = json!({ "channelId": channel, "desiredStatus": "Running" });
        self.write(Method::PUT, &path, Some(&body)).await?;
        Ok(())
    }

    /// The channel as it is now, where that is what this run made of it. Another run may have registered the same number, and
    /// then it is all the same whose revision it is.
    async fn verified(
        &self,
        wanted: &Wanted,
        channel: &Id,
        revision: &Revision,
    ) -> Result<Channel, Error> {
        match self.channel(channel).await? {
            Some(channel) => ours(wanted, channel, revision),
            None => Err(overtaken(wanted, revision, None)),
        }
    }
}

/// The channel, where it is to run this revision.
fn ours(wanted: &Wanted, channel: Channel, revision: &Revision) -> Result<Channel, Error> {
    match &channel.active_revision {
        Some(active) if active.revision_number == revision.revision_number => Ok(channel),
        active => Err(overtaken(wanted, revision, active.as_ref())),
    }
}

fn overtaken(wanted: &Wanted, ours: &Revision, theirs: Option<&Revision>) -> Error {
    Error::Overtaken {
        channel: wanted.channel.clone(),
        ours: ours.revision_number.clone(),
        theirs: theirs.map(|theirs| quote(&theirs.revision_number)),
    }
}

/// That nothing of the channel is lost where a new one takes its place. A run can end between the removal of the one and the
/// making of the other, and what the next run is not told again is lost then.
pub(crate) fn check_anew(wanted: &Wanted, app: &App, channel: &Channel) -> Result<(), Error> {
    if !channel.environment_variables.is_empty() {
        return Err(Error::Old(
            "be given another revision without losing the channel's environment",
        ));
    }
    let generated = format!("{}.{}.", channel.name, app.name);
    let own = !channel.domain.is_empty()
        && !channel.domain.starts_with(&generated)
        && check_domain(&channel.domain).is_ok();
    let domain = Some(&channel.domain).filter(|_| own && wanted.domain.is_none());
    let certificate = channel.certificate.as_ref();
    let certificate = certificate.filter(|_| wanted.certificate.is_none());
    if domain.is_none() && certificate.is_none() {
        return Ok(());
    }
    Err(Error::Unnamed {
        channel: wanted.channel.clone(),
        domain: domain.cloned(),
        certificate: certificate.map(|certificate| quote(&certificate.name)),
    })
}
