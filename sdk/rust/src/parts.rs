//! The app in the words of the crates that publish one.

use spin_deployer_publish::{Component, Digest, DigestError, File};

use crate::{Error, Result, app};

pub(crate) fn components() -> Result<Vec<Component>> {
    app::components()
        .into_iter()
        .map(|component| {
            let files = component.files.into_iter().map(|file| {
                Ok(File {
                    digest: digest(&file.digest)?,
                    path: file.path,
                    size: file.size,
                })
            });
            Ok(Component {
                wasm: digest(&component.wasm_digest)?,
                wasm_size: component.wasm_size,
                files: files.collect::<Result<_>>()?,
                id: component.id,
            })
        })
        .collect()
}

pub(crate) fn digest(text: &str) -> Result<Digest> {
    text.parse()
        .map_err(|error: DigestError| Error::failed(error.to_string()))
}
