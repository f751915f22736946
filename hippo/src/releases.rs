//! What a user asks for: a release, those before it, back to one of them, none at all.

use http::Method;
use spin_deployer_publish::{Transport, quote};

use crate::documents::{App, Channel, Logs, Revision, Status};
use crate::revision::of_bindle;
use crate::wanted::Wanted;
use crate::{Error, Hippo};

/// How often something is begun because another run removed what it was about to use.
pub(crate) const ATTEMPTS: usize = 3;

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
    /// Its revisions, newest first as far as the order of Hippo's list tells: it keeps no dates. Those whose bindle Hippo could not
    /// read are last.
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
            let (revision, twice) = self.revision(&app, &wanted.version).await?;
            stage(Stage::Activate);
            let error = match self
                .activate(wanted, &app, &revision, certificate.as_ref())
                .await
            {
                Ok(channel) => {
                    if twice {
                        // What could not be removed because it was used may be by now.
                        self.only(&app, &wanted.version).await?;
                    }
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
        let active = channel.as_ref().and_then(|c| c.active_revision.as_ref());
        revisions.sort_by_key(|revision| {
            revision.components.is_empty() && active.is_none_or(|active| active.id != revision.id)
        });
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
        // No name has a dot, so that the answer is short.
        self.find_app(".").await.map(drop)
    }

    /// Makes the channel run an earlier revision again: the one of that number, or the only one whose number begins so, with
    /// nothing of it cut in half.
    ///
    /// # Errors
    /// `NoRevision` with those that there are, where there is none.
    pub async fn rollback(&self, wanted: &Wanted) -> Result<Released, Error> {
        let app = of_bindle(self.present(&wanted.app).await?, &wanted.storage_id)?;
        let mut revisions = self.revisions(&app.id).await?;
        revisions.reverse();
        let number = numbered(&revisions, &wanted.version)?;
        let present = self.find_channel(&app, &wanted.channel).await?;
        let present = present.ok_or_else(|| Error::NoChannel {
            app: app.name.clone(),
            channel: wanted.channel.clone(),
        })?;
        let active = present.active_revision.as_ref();
        let mut found: Vec<&Revision> = revisions
            .iter()
            .filter(|revision| revision.revision_number == number)
            .collect();
        found.sort_by_key(|revision| active.is_none_or(|active| active.id != revision.id));
        let Some(revision) = found.first() else {
            return Err(none_of(&revisions, &wanted.version));
        };
        if let Some(domain) = &wanted.domain
            && *domain != present.domain
        {
            self.check_free(domain, Some(&present.id)).await?;
        }
        let certificate = match &wanted.certificate {
            Some(name) => Some(self.certificate(name).await?),
            None => None,
        };
        let wanted = Wanted {
            version: number,
            ..wanted.clone()
        };
        let channel = self
            .activate(&wanted, &app, revision, certificate.as_ref())
            .await?;
        Ok(self.released((*revision).clone(), channel).await)
    }

    /// The app and its revisions, which is what [`Hippo::destroy`] would remove; the app has its channels.
    ///
    /// # Errors
    /// Where Hippo does not say, and where the app is one of another bindle.
    pub async fn removal(
        &self,
        app: &str,
        storage_id: &str,
    ) -> Result<Option<(App, Vec<Revision>)>, Error> {
        let Some(app) = self.find_app(app).await? else {
            return Ok(None);
        };
        let mut app = of_bindle(app, storage_id)?;
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

/// The number that a user means.
fn numbered(revisions: &[Revision], id: &str) -> Result<String, Error> {
    let mut numbers: Vec<&str> = Vec::new();
    for revision in revisions {
        let number = revision.revision_number.as_str();
        if number == id {
            return Ok(id.to_owned());
        }
        if begins(number, id) && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    match numbers[..] {
        [] => Err(none_of(revisions, id)),
        [number] => Ok(number.to_owned()),
        _ => Err(Error::Ambiguous {
            id: id.to_owned(),
            matching: numbers.into_iter().map(quote).collect(),
        }),
    }
}

/// Whether `id` is the beginning of a number that nobody takes for another one: `0.1.0` of `0.1.0+q1a2b3c4`, and not of `0.1.01`.
fn begins(number: &str, id: &str) -> bool {
    let rest = number.strip_prefix(id).filter(|_| !id.is_empty());
    rest.is_some_and(|rest| id.contains('+') || rest.starts_with(['.', '-', '+']))
}

fn none_of(revisions: &[Revision], id: &str) -> Error {
    let known = revisions
        .iter()
        .map(|revision| quote(&revision.revision_number));
    Error::NoRevision {
        id: id.to_owned(),
        known: known.collect(),
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
