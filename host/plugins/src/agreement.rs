//! Asking the user, once for each component that asks for more than what was agreed to.

use spin_deployer_deploy::report::Consent;
use spin_deployer_deploy::{Error, Workbench};
use spin_deployer_grants::LockedPlugin;

use crate::component::Component;
use crate::kept::{Kept, unkept};
use crate::report::Provenance;

/// Shows what the plugin asks for, with what is new in it, and asks. Where all of it was agreed to before, nobody is
/// asked. At a terminal a lock has not agreed: it may have come with a checkout of somebody else's.
///
/// # Errors
/// The user does not agree, or cannot be asked and did not say yes beforehand.
pub(crate) fn ask(
    workbench: &Workbench,
    kept: &Kept,
    component: &Component,
    provenance: &Provenance,
    before: Option<&LockedPlugin>,
    yes: bool,
) -> Result<(), Error> {
    let manifest = &component.manifest;
    if let Some(before) = before.filter(|before| before.covers(manifest)) {
        let agreed = kept.agreed.get(&before.digest).map_err(unkept)?;
        let is_mine = agreed.is_some_and(|agreed| agreed.asks.covers(&before.asks));
        if is_mine || !workbench.observer().can_ask() {
            return Ok(());
        }
    }
    let mut consent = consent(component, provenance);
    if let Some(before) = before {
        let changes = before.difference(manifest);
        consent.changes = changes.iter().map(ToString::to_string).collect();
    }
    workbench.agree(consent, manifest, yes)
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
