//! What is there before anything is changed.

use spin_deployer_publish::Transport;

use crate::channel::check_anew;
use crate::documents::{App, Channel, Id, Revision, Status};
use crate::releases::Released;
use crate::revision::of_bindle;
use crate::wanted::{Edits, Wanted};
use crate::{Error, Hippo};

/// What Hippo has of what is wanted.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The app.
    pub app: Option<App>,
    /// The revision.
    pub revision: Option<Revision>,
    /// The channel, with any revision.
    pub channel: Option<Channel>,
    /// What the channel's job is doing; `None` where Hippo does not say.
    pub status: Option<Status>,
    /// Whether the channel can be changed as it is. Otherwise a new one takes its place.
    pub in_place: bool,
    /// Whether the channel says that it was changed and not started since, where it was.
    pub marks: bool,
    /// The certificate that was asked for.
    pub certificate: Option<Id>,
}

impl Survey {
    /// What of the channel is to be changed, where there is one.
    pub fn edits(&self, wanted: &Wanted) -> Option<Edits> {
        let channel = self.channel.as_ref()?;
        let edits = wanted.edits(channel, self.certificate.as_ref(), self.status);
        Some(Edits {
            unstarted: edits.unstarted && self.marks,
            ..edits
        })
    }

    /// The release that is there, where nothing has to be done for it.
    pub fn released(&self, wanted: &Wanted) -> Option<Released> {
        let edits = self.edits(wanted)?;
        let released = Released {
            revision: self.revision.clone()?,
            channel: self.channel.clone()?,
            status: self.status,
        };
        edits.is_nothing().then_some(released)
    }
}

impl<T: Transport> Hippo<T> {
    /// Asks what is there, and how Hippo is. Writes nothing but, where it has to, a login.
    ///
    /// # Errors
    /// Where it cannot be asked, is not well, or what is wanted cannot be.
    pub async fn survey(&self, wanted: &Wanted) -> Result<Survey, Error> {
        self.check_health().await?;
        let app = match self.find_app(&wanted.app).await? {
            Some(app) => Some(of_bindle(app, &wanted.storage_id)?),
            None => None,
        };
        let mut survey = Survey {
            in_place: self.known_family().in_place.is_some(),
            marks: self.marks(),
            ..Survey::default()
        };
        if !survey.in_place && !wanted.environment.is_empty() {
            return Err(Error::Old("be given a channel's environment from here"));
        }
        if let Some(name) = &wanted.certificate {
            survey.certificate = Some(self.certificate(name).await?);
        }
        if let Some(app) = &app {
            let mut revisions = self.revisions(&app.id).await?;
            revisions.retain(|revision| revision.revision_number == wanted.version);
            survey.channel = self.find_channel(app, &wanted.channel).await?;
            let active = survey
                .channel
                .as_ref()
                .and_then(|c| c.active_revision.as_ref());
            // Of several with one number, the one that runs.
            revisions.sort_by_key(|r| (active.is_none_or(|a| a.id != r.id), r.id.clone()));
            survey.revision = revisions.into_iter().next();
            if let Some(channel) = &survey.channel {
                survey.status = self.status(&channel.id).await?;
            }
        }
        if let Some(domain) = &wanted.domain
            && survey.channel.as_ref().is_none_or(|c| c.domain != *domain)
        {
            let ours = survey.channel.as_ref().map(|channel| &channel.id);
            self.check_free(domain, ours).await?;
        }
        if let (false, Some(app), Some(channel)) = (survey.in_place, &app, &survey.channel)
            && survey
                .edits(wanted)
                .is_some_and(|edits| !edits.is_nothing())
        {
            check_anew(wanted, app, channel)?;
        }
        survey.app = app;
        Ok(survey)
    }
}
