//! Index, manifest and blobs of a layout.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use spin_deployer_manifest::counted;

use super::Layout;
use crate::finding::LoadError;
use crate::folder::Refusal;
use crate::hash;

const RELEASE: &str = "spin-deployer.release";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// In bytes; what registries take, too.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// Spin never makes more than 500.
const MOST_LAYERS: usize = 10_000;

/// A descriptor (image-spec, "OCI Content Descriptors").
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Blob {
    #[serde(rename = "mediaType", default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    /// In bytes.
    pub(super) size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Blob {
    /// In the layout. Only for digests that [`Layout::check_blob`] has seen.
    pub(super) fn path(&self) -> String {
        hash::blob_path(&self.digest).unwrap_or_default()
    }

    fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }

    /// The number that the target `local` gives a release, which goes by it also while it is called `latest`.
    fn release(&self) -> Option<&str> {
        self.annotations.get(RELEASE).map(String::as_str)
    }
}

/// An image manifest, and its own descriptor.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) manifest: Blob,
    pub(super) config: Blob,
    pub(super) layers: Vec<Blob>,
}

#[derive(Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Blob>,
}

#[derive(Deserialize)]
struct ManifestBody {
    config: Blob,
    layers: Vec<Blob>,
}

impl Layout<'_> {
    /// The image with this name or digest; without one the only image, or the one called `latest`.
    pub(super) fn image(&self, name: Option<&str>) -> Result<Image, LoadError> {
        let marker: Marker = self.json("oci-layout", &self.small_file("oci-layout")?)?;
        if !marker.version.starts_with("1.") {
            return Err(self.error(
                "unsupported",
                "oci-layout",
                format!("layout version {} is not supported", marker.version),
            ));
        }
        let index: Index = self.json("index.json", &self.small_file("index.json")?)?;
        let manifest = self.choose(index.manifests, name)?;
        if manifest.media_type.contains("index") || manifest.media_type.contains("manifest.list") {
            return Err(self.error(
                "unsupported",
                "index.json",
                "an index inside the index is not supported",
            ));
        }
        self.read_manifest(manifest)
    }

    /// The image whose manifest has this digest, in a folder without an index.
    pub(super) fn image_of(&self, digest: &str) -> Result<Image, LoadError> {
        let mut manifest = Blob {
            media_type: String::new(),
            digest: digest.to_owned(),
            size: 0,
            annotations: BTreeMap::new(),
        };
        if let Ok((_, stamp)) = self.folder.file(&manifest.path()) {
            manifest.size = stamp.size;
        }
        self.read_manifest(manifest)
    }

    fn read_manifest(&self, manifest: Blob) -> Result<Image, LoadError> {
        let bytes = self.bytes(&manifest, LARGEST_MANIFEST)?;
        let body: ManifestBody = self.json(&manifest.path(), &bytes)?;
        if body.layers.len() > MOST_LAYERS {
            return Err(self.error(
                "too-large",
                &manifest.path(),
                format!("the image has {} layers", body.layers.len()),
            ));
        }
        Ok(Image {
            manifest,
            config: body.config,
            layers: body.layers,
        })
    }

    fn choose(&self, manifests: Vec<Blob>, name: Option<&str>) -> Result<Blob, LoadError> {
        let names: Vec<_> = manifests
            .iter()
            .map(|blob| format!("`{}`", blob.name().unwrap_or(&blob.digest)))
            .collect();
        let only = manifests.len() == 1;
        let wanted = name.unwrap_or("latest");
        let chosen = manifests.into_iter().find(|blob| match name {
            None if only => true,
            _ => [blob.name(), blob.release(), Some(&blob.digest)].contains(&Some(wanted)),
        });
        chosen.ok_or_else(|| {
            let message = match (name, names.is_empty()) {
                (_, true) => "the layout has no image".to_owned(),
                (Some(name), _) => format!("the layout has no image `{name}`"),
                (None, _) => {
                    "the layout has several images, and none is called `latest`".to_owned()
                }
            };
            let help = if names.is_empty() {
                String::new()
            } else {
                format!(
                    "name one, `-f oci-layout:DIR:NAME`; there are {}",
                    names.join(", ")
                )
            };
            self.error_with("no-image", "index.json", message, &help)
        })
    }

    /// The whole of a small blob, verified.
    pub(super) fn bytes(&self, blob: &Blob, limit: u64) -> Result<Vec<u8>, LoadError> {
        self.check_blob(blob)?;
        let path = blob.path();
        if blob.size > limit {
            return Err(self.error(
                "too-large",
                &path,
                format!("it has {}, more than {limit}", counted(blob.size, "byte")),
            ));
        }
        let bytes = self.read(&path, limit)?;
        if hash::digest_of(&bytes) != blob.digest {
            let found = hash::digest_of(&bytes);
            let message = format!("its content has the digest {found}, not {}", blob.digest);
            return Err(self.damaged(blob, "wrong-digest", message));
        }
        Ok(bytes)
    }

    /// A digest that is one, and a file of the right size that is no link.
    pub(super) fn check_blob(&self, blob: &Blob) -> Result<(), LoadError> {
        if !hash::is_digest(&blob.digest) {
            let message = format!("`{}` is no sha256 digest", blob.digest);
            return Err(self.error("wrong-digest", "index.json", message));
        }
        let path = blob.path();
        if self.folder.is_link(&path) {
            return Err(self.error("outside-app", &path, "a blob must be a file, not a link"));
        }
        let (_, stamp) = self.folder.file(&path).map_err(|refusal| {
            let code = if matches!(refusal, Refusal::Missing) {
                "missing-content"
            } else {
                refusal.code()
            };
            self.damaged(blob, code, format!("the blob {refusal}"))
        })?;
        if stamp.size != blob.size {
            let message = format!(
                "the blob has {} instead of {}",
                counted(stamp.size, "byte"),
                blob.size
            );
            return Err(self.damaged(blob, "wrong-size", message));
        }
        Ok(())
    }

    fn small_file(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        if self.folder.is_link(path) {
            return Err(self.error("outside-app", path, "this must be a file, not a link"));
        }
        match self.folder.kind(path) {
            Err(Refusal::Missing) => {
                let help = "name a folder with an OCI image layout, as the target `local` or skopeo make it";
                Err(self.error_with("no-layout", path, "this is no OCI image layout", help))
            }
            _ => self.read(path, LARGEST_MANIFEST),
        }
    }

    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, LoadError> {
        let (file, _) = self
            .folder
            .file(path)
            .map_err(|refusal| self.error(refusal.code(), path, format!("this {refusal}")))?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| {
                self.error("unreadable", path, format!("this cannot be read: {error}"))
            })?;
        if bytes.len() as u64 > limit {
            return Err(self.error("too-large", path, format!("it has more than {limit} bytes")));
        }
        Ok(bytes)
    }

    fn json<T: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T, LoadError> {
        serde_json::from_slice(bytes).map_err(|error| {
            self.error(
                "syntax",
                path,
                format!("this is not what it should be: {error}"),
            )
        })
    }
}
