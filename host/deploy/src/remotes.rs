//! What an app refers to elsewhere, brought here over the only way out.

use std::path::Path;

use spin_deployer_app::{Remote, RemoteError, Remotes};
use spin_deployer_manifest::Reference;
use tokio::runtime::Handle;

use crate::Error;
use crate::loading::Loader;

pub(crate) struct Fetched;

impl Fetched {
    pub(crate) fn new(_: &Loader, _: Handle) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Remotes for Fetched {
    fn folder(&self) -> &Path {
        Path::new("")
    }

    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
        spin_deployer_app::NoRemotes.fetch(wanted)
    }

    fn image(&self, reference: &Reference) -> Result<String, RemoteError> {
        spin_deployer_app::NoRemotes.image(reference)
    }
}
