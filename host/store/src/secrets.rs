//! Secrets that a login left, kept between runs.
//!
//! One file, for this user alone, in a folder for this user alone. Each secret is kept with what it is bound to: who got
//! it, under which option, and the only places where it may go. A file or folder that others can read or have written is
//! not used: nothing is taken from it and nothing is put there.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use spin_deployer_manifest::Secret;
use zeroize::Zeroizing;

use crate::folder::{Folder, FolderError, Held, Others};

/// The name of the file.
const FILE: &str = "saved.json";
/// Of the whole file, in bytes.
const LARGEST: u64 = 4 << 20;
const SCHEMA: u32 = 1;

/// Whose a secret is, and where it may go. Secrets with different bindings have nothing to do with each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Binding {
    /// `built-in NAME`, or of a plugin from a file its digest: a name can be taken, a digest cannot.
    pub plugin: String,
    /// The option's name.
    pub option: String,
    /// The origins of the rules that let it out, as they were when it was saved.
    pub origins: BTreeSet<String>,
}

/// A secret as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSecret {
    /// What it is bound to.
    #[serde(flatten)]
    pub binding: Binding,
    /// The secret itself.
    #[serde(with = "exposed")]
    pub secret: Secret,
    /// Who the platform says this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it is worth nothing any more, to the second.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub expires: Option<SystemTime>,
}

/// What [`SavedSecrets::remove`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// What is gone.
    pub removed: Vec<Binding>,
    /// How many are still there.
    pub left: usize,
}

/// Why secrets can be neither had nor kept. None of it repeats what is in the file.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Others can read it, or could have written it.
    #[error("saved secrets are not used from {}: {why}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Who could, or what is in its place.
        why: String,
    },
    /// It is not what this program wrote.
    #[error("the saved secrets in {} cannot be understood: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        why: String,
    },
    /// It has grown beyond all use.
    #[error("{} would have more than {LARGEST} bytes of saved secrets", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Where secrets are kept: a folder, which need not exist yet.
#[derive(Clone, Debug)]
pub struct SavedSecrets(Folder);

#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    secrets: Vec<SavedSecret>,
}

impl SavedSecrets {
    /// In this folder.
    pub fn at(folder: PathBuf) -> Self {
        Self(Folder::at(folder, Others::Nothing))
    }

    /// The file that they are in.
    pub fn file(&self) -> PathBuf {
        self.0.file(FILE)
    }

    /// All that is saved, expired or not.
    ///
    /// # Errors
    /// A folder or file that others can get at, a damaged file, or one that cannot be read.
    pub fn all(&self) -> Result<Vec<SavedSecret>, SecretsError> {
        let Some(text) = self.0.read(FILE, LARGEST)? else {
            return Ok(Vec::new());
        };
        let damaged = |why: String| SecretsError::Damaged {
            path: self.file(),
            why,
        };
        // What the parser says can quote a value: where it is has to do.
        let document: Document = serde_json::from_slice(&text)
            .map_err(|e| damaged(format!("line {}, column {}", e.line(), e.column())))?;
        if document.schema != SCHEMA {
            return Err(damaged(format!(
                "it is of version {}, and this program knows {SCHEMA}",
                document.schema
            )));
        }
        Ok(document.secrets)
    }

    /// Saves all of these or none, each in place of what had the same binding.
    ///
    /// # Errors
    /// As [`Self::all`], or it cannot be written. Then nothing changed.
    pub fn put(&self, new: Vec<SavedSecret>) -> Result<(), SecretsError> {
        let held = self.0.hold()?;
        let mut secrets = self.all()?;
        secrets.retain(|old| new.iter().all(|new| new.binding != old.binding));
        secrets.extend(new);
        self.write(&held, secrets)
    }

    /// Removes those that are bound to what is `meant`.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove(&self, meant: impl Fn(&Binding) -> bool) -> Result<Removed, SecretsError> {
        if !self.0.exists()? {
            return Ok(Removed::default());
        }
        let held = self.0.hold()?;
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.all()?.into_iter().partition(|s| meant(&s.binding));
        let left = stay.len();
        if stay.is_empty() {
            held.remove(FILE)?;
        } else if !gone.is_empty() {
            self.write(&held, stay)?;
        }
        let removed = gone.into_iter().map(|secret| secret.binding).collect();
        Ok(Removed { removed, left })
    }

    /// Removes everything, also what cannot be read. Says what it was, as far as that can be known.
    ///
    /// # Errors
    /// A folder that belongs to somebody else, or the file cannot be removed.
    pub fn clear(&self) -> Result<Vec<Binding>, SecretsError> {
        if !self.0.exists()? {
            return Ok(Vec::new());
        }
        let held = self.0.hold()?;
        let known = self.all().unwrap_or_default();
        held.remove(FILE)?;
        Ok(known.into_iter().map(|secret| secret.binding).collect())
    }

    fn write(&self, held: &Held, secrets: Vec<SavedSecret>) -> Result<(), SecretsError> {
        let document = Document {
            schema: SCHEMA,
            secrets,
        };
        let sizes = document.secrets.iter().map(|s| s.secret.expose().len());
        let room = sizes.sum::<usize>() * 2 + document.secrets.len() * 1024 + 1024;
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        let path = self.file();
        serde_json::to_writer_pretty(&mut *text, &document).map_err(|e| SecretsError::Io {
            path: path.clone(),
            source: e.into(),
        })?;
        if text.len() as u64 > LARGEST {
            return Err(SecretsError::TooLarge { path });
        }
        Ok(held.write(FILE, &text)?)
    }
}

impl From<FolderError> for SecretsError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Foreign { path, why } => Self::Exposed { path, why },
            FolderError::NoFile { path } => Self::Damaged {
                path,
                why: "it is no file".to_owned(),
            },
            FolderError::TooLarge { path } => Self::TooLarge { path },
            FolderError::Io { path, source } => Self::Io { path, source },
        }
    }
}

/// [`Secret`] has no serde of its own, so that none ends in a document by accident. This is the one on purpose.
mod exposed {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use spin_deployer_manifest::Secret;

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// Seconds since 1970, UTC.
mod seconds {
    use serde::{Deserializer, Serializer};

    use super::{Deserialize as _, Duration, Serialize as _, SystemTime, UNIX_EPOCH};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<SystemTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.map(|time| time.duration_since(UNIX_EPOCH).unwrap_or_default());
        since.map(|since| since.as_secs()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<SystemTime>, D::Error> {
        let seconds = Option::<u64>::deserialize(from)?;
        // Later than this system can tell is never.
        Ok(seconds.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds))))
    }
}
