//! A release as the layout's index keeps it: a manifest with a number. The active one is called `latest`, the others by
//! their number.

use spin_deployer_oci::{Descriptor, Digest, layout::REF_NAME, media};
use spin_deployer_sdk::{Error, Release, Result};

const TITLE: &str = "org.opencontainers.image.title";
const VERSION: &str = "org.opencontainers.image.version";
/// The release's number, which the active one has beside its name.
const NUMBER: &str = "spin-deployer.release";
const CREATED: &str = "org.opencontainers.image.created";

/// The name of the active release.
pub(crate) const LATEST: &str = "latest";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    pub(crate) app: String,
    pub(crate) version: Option<String>,
    pub(crate) created: Option<String>,
    /// Of the manifest.
    pub(crate) digest: Digest,
    /// Of the manifest, in bytes.
    pub(crate) size: u64,
}

impl Kept {
    /// `None` for what others put into the index.
    pub(crate) fn read(descriptor: &Descriptor) -> Option<Self> {
        let annotation = |name| descriptor.annotations.get(name).cloned();
        Some(Self {
            number: annotation(NUMBER)?.parse().ok()?,
            app: annotation(TITLE)?,
            version: annotation(VERSION),
            created: annotation(CREATED),
            digest: descriptor.digest.clone(),
            size: descriptor.size,
        })
    }

    /// The entry of the index.
    pub(crate) fn descriptor(&self, active: bool) -> Descriptor {
        let number = self.number.to_string();
        let name = if active {
            LATEST.to_owned()
        } else {
            number.clone()
        };
        let mut descriptor = Descriptor::new(media::MANIFEST, self.digest.clone(), self.size);
        let annotations = [
            (REF_NAME, Some(name)),
            (NUMBER, Some(number)),
            (TITLE, Some(self.app.clone())),
            (VERSION, self.version.clone()),
            (CREATED, self.created.clone()),
        ];
        descriptor.annotations = annotations
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect();
        descriptor
    }

    pub(crate) fn as_release(&self, active: bool) -> Release {
        Release {
            version: self.version.clone(),
            artifact: Some(self.digest.to_string()),
            created: self.created.clone(),
            active,
            ..Release::new(self.number.to_string())
        }
    }
}

/// The release that a user means: by its number, its digest, or the beginning of its digest. Of several releases of one
/// digest the newest, because there is nothing in which they differ.
pub(crate) fn find<'a>(releases: &'a [Kept], id: &str) -> Result<&'a Kept> {
    let newest_first = || releases.iter().rev();
    if let Some(release) = newest_first().find(|release| release.number.to_string() == id) {
        return Ok(release);
    }
    let prefix = id.strip_prefix("sha256:").unwrap_or(id);
    let mut matching =
        newest_first().filter(|r| !prefix.is_empty() && r.digest.hex().starts_with(prefix));
    let Some(found) = matching.next() else {
        let known: Vec<String> = releases
            .iter()
            .map(|release| release.number.to_string())
            .collect();
        return Err(
            Error::not_found(format!("there is no release `{id}`")).hint(match known.len() {
                0 => "nothing is deployed here yet".to_owned(),
                _ => format!("there are {}", known.join(", ")),
            }),
        );
    };
    match matching.find(|other| other.digest != found.digest) {
        None => Ok(found),
        Some(other) => Err(
            Error::not_found(format!("`{id}` begins more than one digest"))
                .detail(format!("releases {} and {}", found.number, other.number))
                .hint("name the release by its number"),
        ),
    }
}
