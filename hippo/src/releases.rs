//! What a user asks for: a release, those before it, back to one of them, none at all.

use http::Method;
use spin_deployer_publish::Transport;

use crate::documents::{App, Channel, Logs, Revision, Status};
use crate::wanted::Wanted;
use crate::{Error, Hippo};

/// How often a release begins anew because another run removed what it was about to use.
const ATTEMPTS: usize = 3;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The app and its revision are registered.
    Register,
    /// The channel is made to run the revision.
    Activate,
}

/// A revision on a channel.
#[derive(Debug, Clone)]
pub struct Released {
    /// The revision.
    pub revision: Revision,
    /// The channel that runs it.
    pub channel: Channel,
    /// What its job is doing; `None` where Hippo does not say.
    pub status: Option<Status>,
}

/// What there is of an app.
#[derive(Debug, Clone)]
pub struct History {
    /// The app.
    pub app: App,
    /// Its revisions, newest first as far as the order of Hippo's list tells: it keeps no dates.
    pub revisions: Vec<Revision>,
    /// The channel that was asked for, if it is there.
    pub channel: Option<Channel>,
    /// What the channel's job is doing; `None` where Hippo does not say.
    pub status: Option<Status>,
}

impl<T: Transport> Hippo<T> {
    /// Makes what is wanted so. The bindle has to be there; [`Hippo::survey`] is to be asked before.
    ///
    /// # Errors
    /// The first that occurs. Run again after any of them, it goes on.
    pub async fn release(
        &self,
        wanted: &Wanted,
        mut stage: impl FnMut(Stage),
    ) -> Result<Released, Error> {
        let certificate = match &wanted.certificate {
            Some(name) => Some(self.certificate(name).await?),
            None => None,
        };
        let mut attempts = ATTEMPTS;
        loop {
            attempts -= 1;
            stage(Stage::Register);
            let app = self.app(&wanted.app, &wanted.storage_id).await?;
            let revision = self.revision(&app, &wanted.version).await?;
            stage(Stage::Activate);
            let error = match self
                .activate(wanted, &app, &revision, certificate.as_ref())
                .await
            {
                Ok(channel) => {
                    return Ok(self.released(revision, channel).await);
                }
                Err(error) => error,
            };
            // Two runs that registered one number agree on one of the two revisions, and the other one is gone now.
            let racing = error.may_have_happened() || matches!(error, Error::Overtaken { .. });
            let gone = racing
                && !self
                    .revisions(&app.id)
                    .await?
                    .iter()
                    .any(|r| r.id == revision.id);
            if attempts == 0 || !gone {
                return Err(error);
            }
        }
    }

    /// The app's revisions, and its channel.
    ///
    /// # Errors
    /// Where Hippo does not say. An app that is not there has no revisions.
    pub async fn history(&self, app: &str, channel: &str) -> Result<Option<History>, Error> {
        let Some(app) = self.find_app(app).await? else {
            return Ok(None);
        };
        let mut revisions = self.revisions(&app.id).await?;
        revisions.reverse();
        let channel = self.find_channel(&app, channel).await?;
        let status = match &channel {
            Some(channel) => self.status(&channel.id).await?,
            None => None,
        };
        Ok(Some(History {
            app,
            revisions,
            channel,
            status,
        }))
    }

    /// That who is asking is let in.
    ///
    /// # Errors
    /// Where not.
    pub async fn check_access(&self) -> Result<(), Error> {
        // No app has this name, so that the answer is short.
        self.find_app("-").await.map(drop)
    }

    /// Makes the channel run an earlier revision again.
    ///
    /// # Errors
    /// `NoRevision` with those that there are, where there is none of this number.
    pub async fn rollback(
        &self,
        app: &str,
        channel: &str,
        number: &str,
    ) -> Result<Released, Error> {
        let app = self.present(app).await?;
        let mut revisions = self.revisions(&app.id).await?;
        revisions.reverse();
        let found: Vec<Revision> = revisions
            .iter()
            .filter(|r| r.revision_number == number)
            .cloned()
            .collect();
        if found.is_empty() {
            let known = revisions
                .into_iter()
                .map(|revision| revision.revision_number);
            return Err(Error::NoRevision {
                id: number.to_owned(),
                known: known.collect(),
            });
        }
        let present = self.find_channel(&app, channel).await?;
        let present = present.ok_or_else(|| Error::NoChannel {
            app: app.name.clone(),
            channel: channel.to_owned(),
        })?;
        let active = present.active_revision.as_ref();
        let running = found.iter().find(|r| active.is_some_and(|a| a.id == r.id));
        let revision = running.unwrap_or(&found[0]).clone();
        let wanted = Wanted {
            app: app.name.clone(),
            storage_id: app.storage_id.clone().unwrap_or_else(|| app.name.clone()),
            version: number.to_owned(),
            channel: channel.to_owned(),
            environment: Vec::new(),
            domain: None,
            certificate: None,
        };
        let channel = self.activate(&wanted, &app, &revision, None).await?;
        Ok(self.released(revision, channel).await)
    }

    /// The app and its revisions, which is what [`Hippo::destroy`] would remove; the app has its channels.
    ///
    /// # Errors
    /// Where Hippo does not say.
    pub async fn removal(&self, app: &str) -> Result<Option<(App, Vec<Revision>)>, Error> {
        let Some(mut app) = self.find_app(app).await? else {
            return Ok(None);
        };
        let revisions = self.revisions(&app.id).await?;
        if app.channels.is_empty() {
            let channels = self.channels_of(&app).await?.into_iter();
            app.channels = channels.map(Channel::into_name).collect();
        }
        Ok(Some((app, revisions)))
    }

    /// Removes the app with its channels and revisions. Bindles stay.
    ///
    /// # Errors
    /// Where it is still there afterwards.
    pub async fn destroy(&self, app: &App) -> Result<(), Error> {
        let path = format!("{}/{}", self.known_family().apps.path, app.id);
        match self.write(Method::DELETE, &path, None).await {
            Ok(_) => Ok(()),
            Err(error) if error.may_have_happened() => match self.find_app(&app.name).await? {
                Some(left) if left.id == app.id => Err(error),
                _ => Ok(()),
            },
            Err(error) => Err(error),
        }
    }

    /// The last lines that the app wrote on this channel, oldest first, at most `lines`.
    ///
    /// # Errors
    /// Where Hippo does not have them.
    pub async fn logs(&self, app: &str, channel: &str, lines: usize) -> Result<Vec<String>, Error> {
        let app = self.present(app).await?;
        let found = self.find_channel(&app, channel).await?;
        let found = found.ok_or_else(|| Error::NoChannel {
            app: app.name.clone(),
            channel: channel.to_owned(),
        })?;
        let path = self.known_family().logs.replace("{id}", found.id.as_str());
        let answer = self.get(&path).await?;
        if !answer.status.is_success() {
            return Err(answer.to_error());
        }
        let logs: Logs = answer.json("what the app wrote")?;
        let all: Vec<&str> = logs.logs.iter().flat_map(|text| text.lines()).collect();
        let from = all.len().saturating_sub(lines);
        Ok(all[from..].iter().map(|line| (*line).to_owned()).collect())
    }

    /// What was done is done, whether or not Hippo says how it is now.
    async fn released(&self, revision: Revision, channel: Channel) -> Released {
        let status = self.status(&channel.id).await.ok().flatten();
        Released {
            revision,
            channel,
            status,
        }
    }

    async fn present(&self, app: &str) -> Result<App, Error> {
        let found = self.find_app(app).await?;
        found.ok_or_else(|| Error::NoApp(app.to_owned()))
    }
}

impl Channel {
    fn into_name(self) -> crate::ChannelName {
        crate::ChannelName {
            id: self.id,
            name: self.name,
        }
    }
}
