//! The manifest's place inside the component: exactly one custom section of the outermost component. It is read by
//! parsing; nothing of the plugin runs.

use std::borrow::Cow;

use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{BinaryReader, Encoding, Parser, Payload};

use crate::document::Manifest;
use crate::document_error::ManifestError;

/// The custom section's name.
pub const NAME: &str = "spin-deployer:manifest";
/// In bytes. A manifest is read by a person before it is agreed to.
pub const MAX_SIZE: usize = 64 * 1024;

/// Magic number, version and layer. In bytes.
const HEADER: usize = 8;
/// The id of a custom section.
const CUSTOM: u8 = 0;

/// Why there is no manifest to be had.
#[derive(Debug, thiserror::Error)]
pub enum SectionError {
    /// Not WebAssembly at all, or broken.
    #[error("the plugin is no valid WebAssembly: {0}")]
    Wasm(#[from] wasmparser::BinaryReaderError),
    /// A module and not a component.
    #[error(
        "the plugin is a core module, and a plugin is a component: build it for `wasm32-wasip2`"
    )]
    CoreModule,
    /// Nobody packed the manifest into it.
    #[error("the component has no section `{NAME}`: a plugin carries its plugin.toml in one")]
    Missing,
    /// Which of them would count?
    #[error("the component has more than one section `{NAME}`, and a plugin has one manifest")]
    Several,
    /// More than [`MAX_SIZE`].
    #[error("the manifest has {0} bytes, and {MAX_SIZE} are the most")]
    TooLarge(usize),
    /// Not text.
    #[error("the section `{NAME}` is no UTF-8")]
    Utf8(#[from] std::str::Utf8Error),
    /// What was to be packed is no manifest.
    #[error("plugin.toml: {0}")]
    Manifest(#[from] ManifestError),
}

/// The component with the manifest in it. The manifest is checked before.
///
/// # Errors
/// When it is no manifest, when this is no component, or when it has one already.
pub fn embed(component: &[u8], manifest_toml: &str) -> Result<Vec<u8>, SectionError> {
    manifest_toml.parse::<Manifest>()?;
    if manifest_toml.len() > MAX_SIZE {
        return Err(SectionError::TooLarge(manifest_toml.len()));
    }
    if !sections(component)?.is_empty() {
        return Err(SectionError::Several);
    }
    let section = CustomSection {
        name: Cow::Borrowed(NAME),
        data: Cow::Borrowed(manifest_toml.as_bytes()),
    };
    let mut packed = component.to_vec();
    packed.push(section.id());
    section.encode(&mut packed);
    Ok(packed)
}

/// The component without its manifest, and everything else of it as it was.
///
/// # Errors
/// When this is no component.
pub fn strip(component: &[u8]) -> Result<Vec<u8>, SectionError> {
    sections(component)?;
    let mut reader = BinaryReader::new(component, 0);
    let mut rest = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let start = reader.current_position();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        let content = reader.read_bytes(size as usize)?;
        let is_ours = id == CUSTOM && BinaryReader::new(content, 0).read_string()? == NAME;
        if !is_ours {
            rest.extend_from_slice(&component[start..reader.current_position()]);
        }
    }
    Ok(rest)
}

/// The text of the manifest in a component, not yet parsed.
///
/// # Errors
/// When this is no component, or when it has not exactly one manifest of at most [`MAX_SIZE`] bytes of UTF-8.
pub fn extract(component: &[u8]) -> Result<String, SectionError> {
    match sections(component)?.as_slice() {
        [] => Err(SectionError::Missing),
        [data] if data.len() > MAX_SIZE => Err(SectionError::TooLarge(data.len())),
        [data] => Ok(std::str::from_utf8(data)?.to_owned()),
        _ => Err(SectionError::Several),
    }
}

/// Contents of the outermost component's sections of our name. What is inside it, a component that it was composed
/// of for example, may carry a manifest of its own, and that is not this plugin's.
fn sections(component: &[u8]) -> Result<Vec<&[u8]>, SectionError> {
    let mut found = Vec::new();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(SectionError::CoreModule),
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name() == NAME => {
                found.push(section.data())
            }
            _ => {}
        }
    }
    Ok(found)
}
