//! Apps and their revisions: found, or made once.

use std::collections::BTreeSet;

use http::Method;
use serde_json::json;
use spin_deployer_publish::Transport;

use crate::documents::{App, Channel, Id, Revision};
use crate::{Error, Hippo};

impl<T: Transport> Hippo<T> {
    /// The app of exactly this name.
    pub(crate) async fn find_app(&self, name: &str) -> Result<Option<App>, Error> {
        let query = format!("searchText={name}");
        let apps: Vec<App> = self.list(|family| &family.apps, &query).await?;
        Ok(apps.into_iter().find(|app| app.name == name))
    }

    /// The app of this name, made where there is none. Hippo imports the bindle's revisions with it, as far as it sees them.
    pub(crate) async fn app(&self, name: &str, storage_id: &str) -> Result<App, Error> {
        if let Some(app) = self.find_app(name).await? {
            return of_bindle(app, storage_id);
        }
        let body = json!({ "name": name, "storageId": storage_id });
        let path = self.known_family().apps.path;
        let made = self.write(Method::POST, path, Some(&body)).await;
        if let Err(error) = &made
            && !error.may_have_happened()
        {
            return Err(error.clone());
        }
        // Whatever the answer: the app is there, of this run or of another one, or it is not.
        match (self.find_app(name).await?, made) {
            (Some(app), _) => of_bindle(app, storage_id),
            (None, Err(error)) => Err(error),
            (None, Ok(answer)) => Err(answer.nonsense("an app that is there afterwards")),
        }
    }

    /// The app's revisions in the order of Hippo's list, which has no other one and cannot be searched.
    pub(crate) async fn revisions(&self, app: &Id) -> Result<Vec<Revision>, Error> {
        let all: Vec<Revision> = self.list(|family| &family.revisions, "").await?;
        Ok(all.into_iter().filter(|r| r.app_id == *app).collect())
    }

    /// The app's revision of this number, registered where there is none, and whether it was there several times. Never twice by
    /// one run: Hippo would keep both, and fail from then on where a rule chooses among the app's revisions.
    pub(crate) async fn revision(
        &self,
        app: &App,
        number: &str,
    ) -> Result<(Revision, bool), Error> {
        if let Some(found) = self.only(app, number).await? {
            return Ok(found);
        }
        let storage_id = app.storage_id.as_deref().unwrap_or(&app.name);
        let body = json!({ "appStorageId": storage_id, "revisionNumber": number });
        let path = self.known_family().revisions.path;
        let made = self.write(Method::POST, path, Some(&body)).await;
        if let Err(error) = &made
            && !error.may_have_happened()
        {
            return Err(error.clone());
        }
        match (self.only(app, number).await?, made) {
            (Some(found), _) => Ok(found),
            (None, Err(error)) => Err(error),
            (None, Ok(answer)) => Err(answer.nonsense("a revision that is there afterwards")),
        }
    }

    /// The app's revision of this number. Of several, those that nobody uses are removed.
    pub(crate) async fn only(
        &self,
        app: &App,
        number: &str,
    ) -> Result<Option<(Revision, bool)>, Error> {
        let mut found = self.revisions(&app.id).await?;
        found.retain(|revision| revision.revision_number == number);
        if found.len() < 2 {
            return Ok(found.pop().map(|one| (one, false)));
        }
        let (one, others) = self.one_of(app, found).await?;
        for other in others {
            self.forget(&other).await?;
        }
        Ok(Some((one, true)))
    }

    /// Of revisions with one number the one to use, which is the same for everybody who chooses, and those that no channel
    /// uses.
    async fn one_of(
        &self,
        app: &App,
        mut found: Vec<Revision>,
    ) -> Result<(Revision, Vec<Revision>), Error> {
        found.sort_by(|a, b| a.id.cmp(&b.id));
        let used: BTreeSet<Id> = self
            .channels_of(app)
            .await?
            .into_iter()
            .filter_map(|channel| Some(channel.active_revision?.id))
            .collect();
        let one = found
            .iter()
            .position(|revision| used.contains(&revision.id));
        let one = found.remove(one.unwrap_or(0));
        found.retain(|revision| !used.contains(&revision.id));
        Ok((one, found))
    }

    /// Removes a second registration of a number. Where that does not work, it stays: another run uses it by now, and it does no
    /// harm to this one.
    async fn forget(&self, revision: &Revision) -> Result<(), Error> {
        let path = format!("{}/{}", self.known_family().revisions.path, revision.id);
        match self.write(Method::DELETE, &path, None).await {
            Err(error @ (Error::Unauthorized(_) | Error::Anonymous)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The app's channels, as a list shows them.
    pub(crate) async fn channels_of(&self, app: &App) -> Result<Vec<Channel>, Error> {
        let all: Vec<Channel> = self.list(|family| &family.channels, "").await?;
        Ok(all.into_iter().filter(|c| c.app_id == app.id).collect())
    }
}

/// That the app runs this bindle. A revision goes to every app of its bindle, so it would never come to an app of another.
pub(crate) fn of_bindle(app: App, storage_id: &str) -> Result<App, Error> {
    match &app.storage_id {
        Some(theirs) if theirs != storage_id => Err(Error::OtherBindle {
            theirs: spin_deployer_publish::quote(theirs),
            ours: storage_id.to_owned(),
            app: app.name,
        }),
        _ => Ok(app),
    }
}
