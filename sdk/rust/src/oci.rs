//! The app as an OCI image. Feature `oci`.

use spin_deployer_oci::{Annotations, AssembleError, Assembly, Contents, Digest, Image};

use crate::parts::{components, digest};
use crate::{Error, Result, app};

/// Makes the app an image, as Spin packages it. `archives` packs the files of each component into one layer, which
/// images of more than 499 layers get anyway.
///
/// # Errors
/// Where a content cannot be had, or the locked application not be understood.
pub fn assemble(annotations: Annotations, archives: bool) -> Result<Image> {
    let assembly = Assembly {
        locked: &app::locked(),
        components: &components()?,
        annotations,
        archives,
    };
    Image::assemble(&assembly, &AppContents).map_err(|error| match error {
        AssembleError::Contents(error) => error,
        error => Error::failed("the app cannot be made an image").detail(error.to_string()),
    })
}

struct AppContents;

impl Contents for AppContents {
    type Error = Error;

    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>> {
        app::open(digest.as_str())?.bytes()
    }

    fn archive(&self, component_id: &str) -> Result<(Digest, u64)> {
        let archive = app::archive(component_id)?;
        Ok((digest(&archive.digest())?, archive.size()))
    }
}
