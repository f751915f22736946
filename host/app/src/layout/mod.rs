//! An app from an image as Spin pushes it, in an OCI image layout (image-spec 1.0) or fetched from a registry.
//!
//! A layout is somebody else's data: every blob is verified against its digest before anything of it is believed,
//! blobs that are links are refused, an archive's names are never used as paths. The app that comes out is like
//! any other, and its portable form is the locked-app layer without the contents that were written into it, so that
//! pushing it again gives the same digest.

mod fetched;
mod image;
mod locked;
mod unpack;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::fetched::Damaged;
pub(crate) use self::fetched::from_registry;
use self::image::{Blob, Image};
use crate::app::{App, Component, File, Parts};
use crate::composition;
use crate::content::Content;
use crate::finding::{Finding, Level, LoadError};
use crate::folder::Folder;
use crate::hash;
use crate::memory::DigestMemory;
use crate::ports::Ports;
use crate::{Composition, Identity, LoadOptions};

const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";
const LOCKED_APP: &str = "application/vnd.fermyon.spin.application.v1+config";

/// In bytes. Contents written into it included, real ones have some hundred kilobytes.
const LARGEST_LOCKED_APP: u64 = 32 << 20;

/// An open layout.
struct Layout<'a> {
    folder: Arc<Folder>,
    directory: PathBuf,
    /// What to do about a blob that is not what it should be.
    way_out: &'static str,
    /// Takes down which blobs are not there, or are something else.
    damaged: Option<&'a Damaged>,
}

impl<'a> Layout<'a> {
    fn open(
        directory: &Path,
        way_out: &'static str,
        damaged: Option<&'a Damaged>,
    ) -> Result<Self, LoadError> {
        let folder = Folder::open(directory).map_err(|error| {
            let message = format!("the layout cannot be opened: {error}");
            LoadError::one(Finding::error(
                "no-layout",
                Some(directory),
                &message,
                "name it with `-f oci-layout:DIR`",
            ))
        })?;
        Ok(Self {
            folder: Arc::new(folder),
            directory: directory.to_owned(),
            way_out,
            damaged,
        })
    }

    /// One error about a blob that is not what its descriptor says.
    fn damaged(&self, blob: &Blob, code: &'static str, message: impl AsRef<str>) -> LoadError {
        if let Some(damaged) = self.damaged {
            damaged.borrow_mut().insert(blob.digest.clone());
        }
        self.error(code, &blob.path(), message)
    }

    /// One error about one file of the layout.
    fn error(&self, code: &'static str, file: &str, message: impl AsRef<str>) -> LoadError {
        let help = if code == "unsupported" {
            ""
        } else {
            self.way_out
        };
        self.error_with(code, file, message, help)
    }

    fn error_with(
        &self,
        code: &'static str,
        file: &str,
        message: impl AsRef<str>,
        help: &str,
    ) -> LoadError {
        LoadError::one(Finding::error(
            code,
            Some(&self.directory.join(file)),
            message.as_ref(),
            help,
        ))
    }
}

/// Where an image is.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In a layout, with its name.
    Layout {
        directory: &'a Path,
        name: Option<&'a str>,
    },
    /// Among what was fetched, by the digest of its manifest.
    Fetched {
        folder: &'a Path,
        digest: &'a str,
        damaged: &'a Damaged,
    },
}

impl<'a> Place<'a> {
    fn open(self) -> Result<(Layout<'a>, Image), LoadError> {
        match self {
            Self::Layout { directory, name } => {
                let layout = Layout::open(directory, "copy the image again", None)?;
                let image = layout.image(name)?;
                Ok((layout, image))
            }
            Self::Fetched {
                folder,
                digest,
                damaged,
            } => {
                let way_out = "delete this file, and run again";
                let layout = Layout::open(folder, way_out, Some(damaged))?;
                let image = layout.image_of(digest)?;
                Ok((layout, image))
            }
        }
    }
}

pub(crate) fn identify(place: Place<'_>, options: &LoadOptions) -> Result<Identity, LoadError> {
    let (layout, image) = place.open()?;
    let locked_app = find_locked_app(&layout, &image)?;
    let text = layout.bytes(&locked_app, LARGEST_LOCKED_APP)?;
    locked::identity(&text, options)
        .map_err(|problem| layout.error(problem.code, &locked_app.path(), problem.message))
}

pub(crate) fn load(
    place: Place<'_>,
    options: &LoadOptions,
    ports: &Ports<'_>,
) -> Result<App, LoadError> {
    let (layout, image) = place.open()?;
    let memory = match place {
        Place::Layout { .. } => ports.memory,
        Place::Fetched { .. } => ports.remotes.memory(),
    };
    let locked_app = find_locked_app(&layout, &image)?;
    let text = layout.bytes(&locked_app, LARGEST_LOCKED_APP)?;
    let file = locked_app.path();
    let mut locked = locked::read(&text, options)
        .map_err(|problem| layout.error(problem.code, &file, problem.message))?;
    locked.rename(options.name.as_deref(), options.version.as_deref());

    let mut contents = verified(&layout, &image, &locked_app, memory)?;
    for (digest, bytes) in &locked.inline {
        let inline = || Arc::new(Content::bytes(digest.clone(), bytes.clone()));
        contents.entry(digest.clone()).or_insert_with(inline);
    }
    let missing = locked
        .digests()
        .filter(|digest| !contents.contains_key(*digest))
        .map(str::to_owned)
        .collect();
    let archives: Vec<_> = image
        .layers
        .iter()
        .filter(|layer| layer.media_type == ARCHIVE)
        .collect();
    let unpacked = unpack::unpack(
        &layout,
        &archives,
        missing,
        &contents,
        options.temporary.as_deref(),
    )?;
    contents.extend(unpacked);

    let findings: Vec<_> = locked
        .digests()
        .filter(|digest| !contents.contains_key(*digest))
        .map(|digest| {
            layout
                .error(
                    "missing-content",
                    &file,
                    format!("the image has no content {digest}"),
                )
                .findings
        })
        .collect();
    if !findings.is_empty() {
        return Err(LoadError {
            findings: findings.into_iter().flatten().collect(),
        });
    }
    let mut components = components(&locked, &contents);
    // Archives themselves, and whatever else was in the image, belong to no component.
    let wanted: BTreeMap<_, _> = locked.digests().map(|digest| (digest, ())).collect();
    contents.retain(|digest, _| wanted.contains_key(digest.as_str()));
    let mut portable = locked.portable;
    let made = memory.made();
    let parts = composition::Parts {
        portable: &mut portable,
        components: &mut components,
        contents: &mut contents,
        modules: false,
    };
    let notices = composition::compose_all(parts, made.as_deref(), options, ports);
    let findings: Vec<_> = notices
        .into_iter()
        .map(|notice| Finding {
            level: notice.level,
            ..Finding::error(notice.code, None, &notice.message, &notice.help)
        })
        .collect();
    let fails = |finding: &Finding| finding.level == Level::Error;
    if options.composition == Composition::Required && findings.iter().any(fails) {
        return Err(LoadError { findings });
    }
    Ok(App::new(Parts {
        locked: locked.original,
        portable,
        components,
        contents,
        findings,
        temporary: options.temporary.clone(),
        memory: made,
    }))
}

/// A layer, or in images of long ago the configuration.
fn find_locked_app(layout: &Layout<'_>, image: &Image) -> Result<Blob, LoadError> {
    if let Some(layer) = image
        .layers
        .iter()
        .find(|layer| layer.media_type == LOCKED_APP)
    {
        return Ok(layer.clone());
    }
    let config = layout.bytes(&image.config, LARGEST_LOCKED_APP)?;
    let is_locked_app = serde_json::from_slice::<serde_json::Value>(&config)
        .is_ok_and(|config| config.get("spin_lock_version").is_some());
    if is_locked_app {
        return Ok(image.config.clone());
    }
    let help = "an image that `spin registry push` or this tool made has one";
    Err(layout.error_with(
        "not-an-app",
        &image.manifest.path(),
        "the image is no Spin application",
        help,
    ))
}

/// Verifies every layer, and knows them by digest.
fn verified(
    layout: &Layout<'_>,
    image: &Image,
    locked_app: &Blob,
    memory: &dyn DigestMemory,
) -> Result<HashMap<String, Arc<Content>>, LoadError> {
    let mut layers: Vec<&Blob> = image
        .layers
        .iter()
        .filter(|layer| layer.digest != locked_app.digest)
        .collect();
    layers.sort_by(|a, b| a.digest.cmp(&b.digest));
    layers.dedup_by(|a, b| a.digest == b.digest);
    for layer in &layers {
        layout.check_blob(layer)?;
    }
    let paths: Vec<_> = layers.iter().map(|layer| layer.path()).collect();
    let results = hash::files(&layout.folder, &paths, memory);
    memory.keep();
    let mut contents = HashMap::new();
    let mut findings = Vec::new();
    for (layer, result) in layers.into_iter().zip(results) {
        match result {
            Ok(known) if known.digest == layer.digest => {
                let content = Content::file(
                    Arc::clone(&layout.folder),
                    known.digest.clone(),
                    known.stamp,
                );
                contents.insert(known.digest, Arc::new(content));
            }
            Ok(known) => {
                let message = format!(
                    "its content has the digest {}, not {}",
                    known.digest, layer.digest
                );
                findings.extend(layout.damaged(layer, "wrong-digest", message).findings);
            }
            Err(error) => {
                let message = format!("this {error}");
                findings.extend(layout.damaged(layer, "unreadable", message).findings);
            }
        }
    }
    if findings.is_empty() {
        Ok(contents)
    } else {
        Err(LoadError { findings })
    }
}

fn components(locked: &locked::Locked, contents: &HashMap<String, Arc<Content>>) -> Vec<Component> {
    let size = |digest: &str| contents.get(digest).map_or(0, |content| content.size());
    let components = locked.components.iter().map(|component| {
        let mut files: Vec<_> = component
            .files
            .iter()
            .map(|(path, digest)| File {
                path: path.clone(),
                digest: digest.clone(),
                size: size(digest),
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Component {
            id: component.id.clone(),
            wasm_digest: component.wasm.clone(),
            wasm_size: size(&component.wasm),
            given: None,
            files,
        }
    });
    components.collect()
}
