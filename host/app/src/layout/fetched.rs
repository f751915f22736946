//! An image from a registry: fetched, and where a blob of it is damaged that was there before, fetched once more.

use std::cell::RefCell;
use std::collections::BTreeSet;

use spin_deployer_manifest::Reference;

use super::Place;
use crate::finding::{Finding, LoadError};
use crate::ports::Remotes;

/// Digests of blobs.
pub(super) type Damaged = RefCell<BTreeSet<String>>;

/// What `work` makes of the image.
pub(crate) fn from_registry<T>(
    reference: &Reference,
    remotes: &dyn Remotes,
    work: impl Fn(Place<'_>) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let damaged = Damaged::default();
    let attempt = || {
        let digest = remotes.image(reference).map_err(|error| {
            let finding = Finding::error(error.code, None, &error.message, &error.help);
            LoadError::one(finding)
        })?;
        work(Place::Fetched {
            folder: remotes.folder(),
            digest: &digest,
            damaged: &damaged,
        })
    };
    let result = attempt();
    let discarded = damaged.take();
    if discarded.is_empty() {
        return result;
    }
    for digest in &discarded {
        remotes.discard(digest);
    }
    attempt()
}
