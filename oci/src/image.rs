//! A Spin application as an OCI image, as Spin packages it.
//!
//! Layers are, for each component, its Wasm and then its files in the order of the locked application; the locked
//! application itself is the last layer. In it every content is named by its digest, and contents of at most 128 bytes
//! are inlined beside it: such a file is no layer, because some registries take no tiny blobs. An image of more than 499
//! layers has one archive a component in place of its files.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::upload::Blob;
use crate::{Component, Descriptor, Digest, DigestError, media};

/// Contents up to this many bytes stand in the locked application itself.
const INLINE: u64 = 128;
/// With the layer of the locked application, Elastic Container Registry takes 500.
const MOST_LAYERS: usize = 499;

/// Annotations of a manifest.
pub type Annotations = BTreeMap<String, String>;

/// Where the contents of an application come from.
pub trait Contents {
    /// Why one could not be had.
    type Error;
    /// The bytes of a small content.
    fn bytes(&self, digest: &Digest) -> Result<Vec<u8>, Self::Error>;
    /// Digest and size of all files of a component as one tar+gzip.
    fn archive(&self, component_id: &str) -> Result<(Digest, u64), Self::Error>;
}

/// What an image is made of.
#[derive(Debug, Clone)]
pub struct Assembly<'a> {
    /// The locked application, every content by digest.
    pub locked: &'a str,
    /// Its components.
    pub components: &'a [Component],
    /// Annotations that the user chose; they win over those that are read from the application.
    pub annotations: Annotations,
    /// Archives whatever the number of layers.
    pub archives: bool,
}

/// Why an application could not be made an image.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError<E> {
    /// The locked application is not what the contract says.
    #[error("the locked application cannot be understood: {0}")]
    Locked(String),
    /// The locked application names a content that no component has.
    #[error("the locked application names {0}, which no component has")]
    Unknown(String),
    /// A content could not be had.
    #[error("a content could not be read")]
    Contents(E),
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// How the manifest refers to it.
    pub descriptor: Descriptor,
    /// What it is to a person: `hello`, `static/logo.png`.
    pub name: String,
    /// Its bytes, where they are not a content of the application.
    pub bytes: Option<Vec<u8>>,
}

/// An application, ready for a registry or a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// In the order of the manifest.
    pub layers: Vec<Layer>,
    /// What container runtimes read.
    pub config: Layer,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The manifest's digest.
    pub digest: Digest,
    /// The manifest's annotations.
    pub annotations: Annotations,
}

#[derive(Serialize)]
struct Manifest<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a Annotations,
    config: &'a Descriptor,
    layers: Vec<&'a Descriptor>,
    #[serde(rename = "schemaVersion")]
    schema_version: u32,
}

impl Image {
    /// Makes an application an image.
    ///
    /// # Errors
    /// Where the locked application and the components disagree, or a content cannot be had.
    pub fn assemble<C: Contents>(
        assembly: &Assembly<'_>,
        contents: &C,
    ) -> Result<Self, AssembleError<C::Error>> {
        let mut locked: Value = serde_json::from_str(assembly.locked)
            .map_err(|error| AssembleError::Locked(error.to_string()))?;
        let plain = layers(assembly, contents, false)?;
        let mut layers = if assembly.archives || plain.len() > MOST_LAYERS {
            layers(assembly, contents, true)?
        } else {
            plain
        };
        inline(&mut locked, assembly.components, contents)?;
        let annotations = annotations(&locked, &assembly.annotations);
        let json = |error: serde_json::Error| AssembleError::Locked(error.to_string());
        let application = serde_json::to_vec(&locked).map_err(json)?;
        let application = Layer::of(media::APPLICATION, "locked application", application);
        let config = config(&application.descriptor.digest);
        layers.push(application);
        let manifest = serde_json::to_vec(&Manifest {
            annotations: &annotations,
            config: &config.descriptor,
            layers: layers.iter().map(|layer| &layer.descriptor).collect(),
            schema_version: 2,
        })
        .map_err(json)?;
        Ok(Self {
            digest: Digest::of(&manifest),
            layers,
            config,
            manifest,
            annotations,
        })
    }

    /// All that has to be there before the manifest is.
    pub fn contents(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain([&self.config])
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = (&Digest, Blob<'_>)> {
        self.contents().map(|layer| {
            let Descriptor { digest, size, .. } = &layer.descriptor;
            (
                digest,
                Blob {
                    digest,
                    size: *size,
                    bytes: layer.bytes.as_deref(),
                },
            )
        })
    }
}

impl Layer {
    pub(crate) fn of(media_type: &str, name: &str, bytes: Vec<u8>) -> Self {
        Self {
            descriptor: Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64),
            name: name.to_owned(),
            bytes: Some(bytes),
        }
    }
}

fn layers<C: Contents>(
    assembly: &Assembly<'_>,
    contents: &C,
    archives: bool,
) -> Result<Vec<Layer>, AssembleError<C::Error>> {
    let mut seen = BTreeSet::new();
    let mut layers = Vec::new();
    let mut add = |media_type: &str, digest: &Digest, size: u64, name: &str| {
        // As Spin does it: the same bytes in two roles are two layers.
        if seen.insert((media_type.to_owned(), digest.clone())) {
            layers.push(Layer {
                descriptor: Descriptor::new(media_type, digest.clone(), size),
                name: name.to_owned(),
                bytes: None,
            });
        }
    };
    for component in assembly.components {
        add(
            media::WASM,
            &component.wasm,
            component.wasm_size,
            &component.id,
        );
        if archives && !component.files.is_empty() {
            let (digest, size) = contents
                .archive(&component.id)
                .map_err(AssembleError::Contents)?;
            add(
                media::ARCHIVE,
                &digest,
                size,
                &format!("files of {}", component.id),
            );
        } else if !archives {
            for file in component.files.iter().filter(|file| file.size > INLINE) {
                add(media::DATA, &file.digest, file.size, &file.path);
            }
        }
    }
    Ok(layers)
}

/// Puts small contents into the locked application, beside their digests.
fn inline<C: Contents>(
    locked: &mut Value,
    components: &[Component],
    contents: &C,
) -> Result<(), AssembleError<C::Error>> {
    let sizes: BTreeMap<&str, u64> = components
        .iter()
        .flat_map(|component| {
            let files = component.files.iter().map(|f| (f.digest.as_str(), f.size));
            files.chain([(component.wasm.as_str(), component.wasm_size)])
        })
        .collect();
    let list = locked.get_mut("components").and_then(Value::as_array_mut);
    for reference in list.into_iter().flatten().flat_map(references) {
        let digest = reference
            .get("digest")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let size = sizes
            .get(digest)
            .ok_or_else(|| AssembleError::Unknown(format!("`{digest}`")))?;
        if *size > INLINE {
            continue;
        }
        let digest: Digest = digest
            .parse()
            .map_err(|error: DigestError| AssembleError::Locked(error.to_string()))?;
        let bytes = contents.bytes(&digest).map_err(AssembleError::Contents)?;
        let inline = Value::String(STANDARD_NO_PAD.encode(bytes));
        // Spin writes `inline` right before `digest`.
        *reference = std::mem::take(reference)
            .into_iter()
            .flat_map(|(key, value)| {
                let before = (key == "digest").then(|| ("inline".to_owned(), inline.clone()));
                before.into_iter().chain([(key, value)])
            })
            .collect();
    }
    Ok(())
}

/// Every place where a component of the locked application names a content.
fn references(component: &mut Value) -> Vec<&mut Map<String, Value>> {
    let mut found = Vec::new();
    for (key, value) in component.as_object_mut().into_iter().flatten() {
        match (key.as_str(), value) {
            ("source", source) => found.push(source),
            ("files", Value::Array(files)) => found.extend(files),
            // Left only where the host did not compose: their contents are unknown, and that is an error.
            ("dependencies", Value::Object(dependencies)) => {
                found.extend(
                    dependencies
                        .values_mut()
                        .filter_map(|d| d.get_mut("source")),
                );
            }
            ("trigger_dependencies", Value::Object(roles)) => found.extend(
                roles
                    .values_mut()
                    .filter_map(Value::as_array_mut)
                    .flatten()
                    .filter_map(|d| d.get_mut("source")),
            ),
            _ => {}
        }
    }
    found.into_iter().filter_map(Value::as_object_mut).collect()
}

/// What Spin reads from the application, and what the user chose.
fn annotations(locked: &Value, chosen: &Annotations) -> Annotations {
    let metadata = |key: &str| {
        locked
            .get("metadata")
            .and_then(|metadata| metadata.get(key))
    };
    let text = |key: &str| metadata(key).and_then(Value::as_str).map(str::to_owned);
    let authors: Vec<&str> = metadata("authors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let authors = (!authors.is_empty()).then(|| authors.join(", "));
    let mut annotations = Annotations::new();
    for (key, value) in [
        ("authors", authors),
        ("title", text("name")),
        ("description", text("description")),
        ("version", text("version")),
    ] {
        if let Some(value) = value {
            annotations.insert(format!("org.opencontainers.image.{key}"), value);
        }
    }
    annotations.extend(chosen.clone());
    annotations
}

/// The label makes images of different applications different ones to container runtimes, which know an image by its
/// configuration. Runtimes do not try to unpack layers of which `diff_ids` says nothing.
fn config(application: &Digest) -> Layer {
    let text = format!(
        r#"{{"architecture":"wasm","os":"Wasip1","config":{{"Labels":{{"com.fermyon.spin.lockedAppDigest":"{application}"}}}},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#
    );
    Layer::of(media::CONFIG, "configuration", text.into_bytes())
}
