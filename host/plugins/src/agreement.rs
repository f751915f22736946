//! Asking the user, once for each component that asks for more than what was agreed to.

use spin_deployer_deploy::report::Consent;
use spin_deployer_deploy::{Agreeing, Error, Workbench};
use spin_deployer_grants::LockedPlugin;

use crate::component::Component;
use crate::kept::Kept;
use crate::lock::AppLock;
use crate::report::Provenance;
use crate::source::Source;

/// How a user can agree.
pub(crate) struct Agreement<'a> {
    pub(crate) workbench: &'a Workbench,
    pub(crate) kept: &'a Kept,
    pub(crate) lock: Option<&'a AppLock>,
    pub(crate) agreeing: Agreeing,
}

impl Agreement<'_> {
    /// Shows what the plugin asks for, with what is new in it, and asks. Where all of it was agreed to before, nobody is
    /// asked. `before`: by the lock, and installed.
    ///
    /// # Errors
    /// The user does not agree, or cannot be asked and did not say yes beforehand.
    pub(crate) fn ask(
        &self,
        component: &Component,
        provenance: &Provenance,
        entry: &LockedPlugin,
        before: [Option<&LockedPlugin>; 2],
    ) -> Result<(), Error> {
        if self.is_agreed(entry, before)? {
            return Ok(());
        }
        let mut consent = consent(component, provenance);
        if let Some(before) = before.into_iter().flatten().next() {
            let changes = &mut consent.changes;
            let mut differs = |what: &str, before: &str, now: &str| {
                changes.extend([format!("- {what} {before}"), format!("+ {what} {now}")]);
            };
            if self.place(before) != self.place(entry) {
                differs("from", before.source.as_str(), entry.source.as_str());
            }
            if before.signer != entry.signer {
                let signer = |of: &LockedPlugin| match &of.signer {
                    Some(signer) => signer.as_str().to_owned(),
                    None => "nobody".to_owned(),
                };
                differs("signed by", &signer(before), &signer(entry));
            }
            let changes = before.difference(&component.manifest);
            consent
                .changes
                .extend(changes.iter().map(ToString::to_string));
        }
        self.workbench
            .agree(consent, &component.manifest, self.agreeing.yes)
    }

    /// This user agreed to as much: of this very component, or of an earlier one of the same publisher. Somebody else's
    /// lock agrees for them only where it was reviewed and nothing else may run.
    fn is_agreed(
        &self,
        entry: &LockedPlugin,
        [locked, installed]: [Option<&LockedPlugin>; 2],
    ) -> Result<bool, Error> {
        let agreed = self.kept.agreed.all()?;
        let covers = |digest| {
            agreed
                .get(digest)
                .is_some_and(|one| one.asks.covers(&entry.asks))
        };
        if covers(&entry.digest) {
            return Ok(true);
        }
        let is_kept_to = self
            .lock
            .is_some_and(|lock| lock.is_kept_to(self.workbench.environment(), self.agreeing));
        let in_lock = |locked: &LockedPlugin| {
            locked.digest == entry.digest && locked.asks.covers(&entry.asks)
        };
        if is_kept_to && locked.is_some_and(in_lock) {
            return Ok(true);
        }
        // Of what the lock has, anybody can have written where it came from.
        Ok(installed
            .is_some_and(|before| covers(&before.digest) && self.same_publisher(before, entry)))
    }

    /// Whether the same one publishes both: by the key, or where nobody signs, by the place.
    fn same_publisher(&self, before: &LockedPlugin, now: &LockedPlugin) -> bool {
        if before.signer.is_some() || now.signer.is_some() {
            return before.signer == now.signer;
        }
        self.place(before)
            .is_some_and(|before| Some(before) == self.place(now))
    }

    fn place(&self, entry: &LockedPlugin) -> Option<String> {
        let folder = self.lock.and_then(|lock| lock.path().parent());
        let folder = folder.unwrap_or(&self.workbench.environment().cwd);
        Source::parse(entry.source.as_str(), folder).ok()?.place()
    }
}

/// What somebody reads who is about to agree.
pub(crate) fn consent(component: &Component, provenance: &Provenance) -> Consent {
    Consent::of(
        &component.manifest,
        component.digest.as_str(),
        provenance.source.as_deref().unwrap_or_default(),
        provenance.signer.as_deref(),
    )
}
