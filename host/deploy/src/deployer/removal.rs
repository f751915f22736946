//! `destroy`: first what would go, for the user to see, then the same again for good.

use spin_deployer_grants::Phase;

use super::Deployer;
use super::run::Prepared;
use crate::Error;
use crate::report::{Action, Change, DestroyReport, SCHEMA};

/// What `destroy` would remove.
pub struct Removal {
    /// In the plugin's order. None, where it cannot tell: version 0.1 of the contract does not ask it.
    pub changes: Option<Vec<Change>>,
    prepared: Prepared,
}

impl Removal {
    /// Whether the platform is known to have nothing of the app.
    pub fn is_empty(&self) -> bool {
        let keeps_all = |c: &Vec<Change>| c.iter().all(|c| c.action == Action::Keep);
        self.changes.as_ref().is_some_and(keeps_all)
    }
}

/// Values of options can be secrets.
impl std::fmt::Debug for Removal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Removal")
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

impl Deployer {
    /// What [`Self::destroy`] would remove now. The plugin can only read while this runs.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn removal(&self) -> Result<Removal, Error> {
        let mut prepared = self.prepare(Phase::Destroy).await?;
        if !prepared.plugin.exports().removal {
            let changes = None;
            return Ok(Removal { changes, prepared });
        }
        let removal = self.run_or_log_in(
            &mut prepared,
            Phase::Status,
            "removal",
            |plugin, ports, limits| async move { plugin.removal(ports, limits).await },
        );
        let changes = removal.await?.value;
        Ok(Removal {
            changes: Some(changes.into_iter().map(Change::from).collect()),
            prepared,
        })
    }

    /// Removes the app from the platform, if there is anything to remove.
    ///
    /// # Errors
    /// As [`Self::deploy`]; where a login is missing now, it is not made up for.
    pub async fn destroy(&self, removal: Removal) -> Result<DestroyReport, Error> {
        let removed = match removal.is_empty() {
            true => Vec::new(),
            false => {
                // No login on the way: it could be another account's app than the one that was shown.
                let destroyed = self.run(
                    &removal.prepared,
                    Phase::Destroy,
                    "destroy",
                    &self.limits,
                    |plugin, ports, limits| async move { plugin.destroy(ports, limits).await },
                    |_, _| Ok(()),
                );
                destroyed.await?.value
            }
        };
        Ok(DestroyReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            planned: removal.changes,
            removed,
        })
    }
}
