//! A plugin as bytes that were read once: what is looked at is what is installed.

use std::fs;
use std::path::Path;

use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::{Manifest, section};
use spin_deployer_oci::{Digest, Interfaces};
use spin_deployer_sandbox::Interface;
pub(crate) use spin_deployer_store::LARGEST_COMPONENT as LARGEST;
use wasmparser::{Parser, Payload};

use crate::files;

/// A component with a manifest in it. Nothing of it has run.
#[derive(Debug, Clone)]
pub struct Component {
    /// All of it.
    pub wasm: Vec<u8>,
    /// Of `wasm`.
    pub digest: Digest,
    /// What it asks for.
    pub manifest: Manifest,
    /// The same, as its author wrote it.
    pub text: String,
    /// What it is made of.
    pub made_of: MadeOf,
}

/// What a component is made of, as far as its outside tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeOf {
    /// What it imports and exports, each in its order.
    pub interfaces: Interfaces,
    /// Bytes of names and debugging information, of which nothing runs.
    pub spare: u64,
}

impl Component {
    /// Reads a plugin's file.
    ///
    /// # Errors
    /// It cannot be read, or is no plugin.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        Self::of(&name, files::read(path, LARGEST)?)
    }

    /// Makes one of its bytes. `name` is what the user calls it.
    ///
    /// # Errors
    /// It is no plugin.
    pub fn of(name: &str, wasm: Vec<u8>) -> Result<Self, Error> {
        let unusable =
            |why: String| Error::new(Code::Usage, format!("{name} is no plugin")).detail(why);
        let text = section::extract(&wasm).map_err(|error| {
            let told = unusable(error.to_string());
            match error {
                section::SectionError::Missing => {
                    told.help("its author puts the manifest into it: `spin-deployer plugins pack`")
                }
                _ => told,
            }
        })?;
        let manifest: Manifest =
            text.parse()
                .map_err(|error: spin_deployer_manifest::ManifestError| {
                    unusable(format!("its manifest: {error}"))
                })?;
        Ok(Self {
            digest: Digest::of(&wasm),
            made_of: MadeOf::of(&wasm).map_err(|error| unusable(error.to_string()))?,
            manifest,
            text,
            wasm,
        })
    }

    /// Whether this host speaks its interface, and gives it what it imports.
    ///
    /// # Errors
    /// What is missing, and who can do something about it.
    pub fn fits(&self) -> Result<Contract, Error> {
        let interface = Interface::of(&self.wasm).map_err(|error| {
            let message = format!("plugin `{}` does not fit this host", self.manifest.name);
            Error::new(Code::Incompatible, message).detail(error.to_string())
        })?;
        let exports = self.made_of.interfaces.exports.iter().filter_map(|name| {
            let name = name.strip_prefix("spin-deployer:api/")?;
            Some(name.split('@').next().unwrap_or(name).to_owned())
        });
        Ok(Contract {
            version: interface.version.to_string(),
            exports: exports.collect(),
        })
    }

    /// In bytes.
    pub fn size(&self) -> u64 {
        self.wasm.len() as u64
    }
}

/// Which contract a component was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// `0.1.0`
    pub version: String,
    /// What it exports of it: `deployer`, `login`.
    pub exports: Vec<String>,
}

impl MadeOf {
    /// Reads it; nothing is validated but what has to be read for that.
    ///
    /// # Errors
    /// It is no WebAssembly.
    pub fn of(wasm: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut made_of = Self::default();
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        made_of
                            .interfaces
                            .imports
                            .push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        made_of
                            .interfaces
                            .exports
                            .push(export?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if is_spare(section.name()) => {
                    made_of.spare += section.data().len() as u64;
                }
                _ => {}
            }
        }
        Ok(made_of)
    }
}

fn is_spare(section: &str) -> bool {
    // The names of the component around the modules no compiler takes out.
    section.starts_with(".debug_") || section == "name"
}

/// Whether a path leads to something, so that it is what the user means.
pub(crate) fn exists(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}
