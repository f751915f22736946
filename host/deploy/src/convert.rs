//! The sandbox's types as those of the reports.

use spin_deployer_sandbox as sandbox;

use crate::report::{Action, Change, Release, Route};

impl From<sandbox::Change> for Change {
    fn from(change: sandbox::Change) -> Self {
        Self {
            action: match change.action {
                sandbox::Action::Create => Action::Create,
                sandbox::Action::Update => Action::Update,
                sandbox::Action::Upload => Action::Upload,
                sandbox::Action::Keep => Action::Keep,
                sandbox::Action::Delete => Action::Delete,
            },
            kind: change.kind,
            name: change.name,
            detail: change.detail,
            bytes: change.bytes,
        }
    }
}

impl From<sandbox::Release> for Release {
    fn from(release: sandbox::Release) -> Self {
        Self {
            id: release.id,
            version: release.version,
            artifact: release.artifact,
            created: release.created,
            active: release.active,
            state: release.state,
            routes: release
                .routes
                .into_iter()
                .map(|route| Route {
                    name: route.name,
                    url: route.url,
                })
                .collect(),
        }
    }
}
