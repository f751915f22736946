//! Whether only this user can have written a file or folder. Windows keeps other users out of a profile by itself.

use std::{fs::Metadata, path::Path};

use crate::compiled::StoreError;

/// # Errors
/// It belongs to somebody else, or group or world may write to it.
#[cfg(unix)]
pub(crate) fn check(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt;

    let user = rustix::process::geteuid().as_raw();
    let why = if metadata.uid() != user {
        format!("it belongs to user {}, and you are {user}", metadata.uid())
    } else if metadata.mode() & 0o022 != 0 {
        format!(
            "its mode is {:03o}, so others may write to it: run `chmod go-w` on it",
            metadata.mode() & 0o777
        )
    } else {
        return Ok(());
    };
    Err(StoreError::Foreign {
        path: path.to_owned(),
        why,
    })
}

#[cfg(not(unix))]
pub(crate) fn check(_: &Path, _: &Metadata) -> Result<(), StoreError> {
    Ok(())
}
