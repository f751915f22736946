//! Releases as the user sees them.

use spin_deployer_hippo::{Channel, History, Released};
use spin_deployer_sdk::{Expectation, Probe, Release, Route};

use crate::routes::{self, Named};
use crate::target::Target;

/// The state of a revision whose bindle Hippo could not read: half of it, or one that was taken back.
const UNREADABLE: &str = "unreadable";

impl Target {
    /// What runs now, with what the host waits for.
    pub(crate) fn release(
        &self,
        released: &Released,
        storage_id: &str,
        http: &[Named],
        is_http: bool,
    ) -> Release {
        let version = &released.revision.revision_number;
        let mut release = Release::new(version);
        release.version = Some(version.clone());
        release.artifact = Some(format!("{storage_id}/{version}"));
        release.state = released.status.map(|status| status.to_string());
        release.routes = self.routes(&released.channel, http);
        if is_http && routes::is_host(&released.channel.domain) {
            let well_known = |what: &str| {
                let route = format!("/.well-known/spin/{what}");
                routes::url(&self.scheme, &released.channel.domain, &route)
            };
            release.ready_when.push(Probe {
                url: well_known("info"),
                expect: Expectation::Json(("/bindle_version".to_owned(), version.clone())),
                // Spin before 0.7 does not say what it runs.
                otherwise: Some(well_known("health")),
            });
        }
        release
    }

    /// The revisions of an app; what runs on the channel is the active one.
    pub(crate) fn releases(&self, history: &History, limit: u32) -> Vec<Release> {
        let channel = history.channel.as_ref();
        let active = channel.and_then(|channel| channel.active_revision.as_ref());
        let storage_id = history.app.storage_id.as_ref().unwrap_or(&history.app.name);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let revisions = history.revisions.iter().take(limit);
        // Where it shows none of any, it is too old to show them.
        let shows = history.revisions.iter().any(|it| !it.components.is_empty());
        revisions
            .map(|revision| {
                let version = &revision.revision_number;
                let mut release = Release::new(version);
                release.version = Some(version.clone());
                release.artifact = Some(format!("{storage_id}/{version}"));
                release.active = active.is_some_and(|active| active.id == revision.id);
                if shows && revision.components.is_empty() && !release.active {
                    release.state = Some(UNREADABLE.to_owned());
                }
                if let (true, Some(channel)) = (release.active, channel) {
                    release.state = history.status.map(|status| status.to_string());
                    release.routes = self.routes(channel, &routes::of_revision(revision));
                }
                release
            })
            .collect()
    }

    fn routes(&self, channel: &Channel, http: &[Named]) -> Vec<Route> {
        if !routes::is_host(&channel.domain) {
            return Vec::new();
        }
        let route = |(name, route): &Named| Route {
            name: name.clone(),
            url: routes::url(&self.scheme, &channel.domain, route),
        };
        http.iter().map(route).collect()
    }
}
