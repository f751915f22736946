//! Secrets that a login left, kept between runs.
//!
//! One file, for this user alone, in a folder for this user alone. Each secret is kept with what it is bound to: who got
//! it, under which option, and the only places where it may go. A file or folder that others can read or have written is
//! not used: nothing is taken from it and nothing is put there. Who changes the file holds a lock meanwhile, writes
//! aside and renames, so that readers see all of a change or nothing of it and two writers lose nothing.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use spin_deployer_manifest::Secret;
use spin_deployer_private as private;
use zeroize::Zeroizing;

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
pub struct SavedSecrets {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    secrets: Vec<SavedSecret>,
}

impl SavedSecrets {
    /// In this folder.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file that they are in.
    pub fn file(&self) -> PathBuf {
        self.folder.join("saved.json")
    }

    /// All that is saved, expired or not.
    ///
    /// # Errors
    /// A folder or file that others can get at, a damaged file, or one that cannot be read.
    pub fn all(&self) -> Result<Vec<SavedSecret>, SecretsError> {
        if !self.folder_exists()? {
            return Ok(Vec::new());
        }
        self.read()
    }

    /// Saves all of these or none, each in place of what had the same binding.
    ///
    /// # Errors
    /// As [`Self::all`], or it cannot be written. Then nothing changed.
    pub fn put(&self, new: Vec<SavedSecret>) -> Result<(), SecretsError> {
        if !self.folder_exists()? {
            private::create_folder(&self.folder).map_err(at(&self.folder))?;
            self.folder_exists()?;
        }
        let _lock = self.lock()?;
        let mut secrets = self.read()?;
        secrets.retain(|old| new.iter().all(|new| new.binding != old.binding));
        secrets.extend(new);
        self.write(secrets)
    }

    /// Removes those that are bound to what is `meant`.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove(&self, meant: impl Fn(&Binding) -> bool) -> Result<Removed, SecretsError> {
        if !self.folder_exists()? {
            return Ok(Removed::default());
        }
        let _lock = self.lock()?;
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.read()?.into_iter().partition(|s| meant(&s.binding));
        let left = stay.len();
        if stay.is_empty() {
            self.delete()?;
        } else if !gone.is_empty() {
            self.write(stay)?;
        }
        let removed = gone.into_iter().map(|secret| secret.binding).collect();
        Ok(Removed { removed, left })
    }

    /// Removes everything, also what cannot be read. Says what it was, as far as that can be known.
    ///
    /// # Errors
    /// A folder that belongs to somebody else, or the file cannot be removed.
    pub fn clear(&self) -> Result<Vec<Binding>, SecretsError> {
        if !self.folder_exists()? {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        let known = self.read().unwrap_or_default();
        self.delete()?;
        Ok(known.into_iter().map(|secret| secret.binding).collect())
    }

    fn aside(&self) -> PathBuf {
        self.folder.join("saved.json.new")
    }

    fn read(&self) -> Result<Vec<SavedSecret>, SecretsError> {
        let path = self.file();
        let damaged = |why: String| SecretsError::Damaged {
            path: path.clone(),
            why,
        };
        let file = match private::open_anyones(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(self.unopened(&path, e)),
        };
        let metadata = file.metadata().map_err(at(&path))?;
        if !metadata.is_file() {
            return Err(damaged("it is no file".to_owned()));
        }
        if let Some(why) = private::exposed(&metadata) {
            return Err(SecretsError::Exposed { path, why });
        }
        // Room for all of it, so that no copy is left behind where it grew.
        let size = usize::try_from(metadata.len().min(LARGEST)).unwrap_or_default();
        let mut text = Zeroizing::new(Vec::with_capacity(size + 1));
        let mut bounded = file.take(LARGEST + 1);
        bounded.read_to_end(&mut text).map_err(at(&path))?;
        if text.len() as u64 > LARGEST {
            return Err(SecretsError::TooLarge { path });
        }
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

    fn write(&self, secrets: Vec<SavedSecret>) -> Result<(), SecretsError> {
        let (path, aside) = (self.file(), self.aside());
        let document = Document {
            schema: SCHEMA,
            secrets,
        };
        let sizes = document.secrets.iter().map(|s| s.secret.expose().len());
        let room = sizes.sum::<usize>() * 2 + document.secrets.len() * 1024 + 1024;
        let mut text = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer_pretty(&mut *text, &document)
            .map_err(io::Error::from)
            .map_err(at(&path))?;
        if text.len() as u64 > LARGEST {
            return Err(SecretsError::TooLarge { path });
        }
        // Of a process that was killed; nobody else is here while the lock is held.
        remove(&aside)?;
        let mut options = OpenOptions::new();
        let mut file =
            private::open_with(options.write(true).create_new(true), &aside).map_err(at(&aside))?;
        file.write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&aside, &path))
            .map_err(at(&aside))
    }

    fn delete(&self) -> Result<(), SecretsError> {
        remove(&self.aside())?;
        remove(&self.file())
    }

    /// # Errors
    /// It is there and is not this user's alone.
    fn folder_exists(&self) -> Result<bool, SecretsError> {
        let path = &self.folder;
        let exposed = |why: String| SecretsError::Exposed {
            path: path.clone(),
            why,
        };
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => match private::exposed(&metadata) {
                Some(why) => Err(exposed(why)),
                None => Ok(true),
            },
            Ok(_) => Err(exposed("it is no folder".to_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(at(path)(e)),
        }
    }

    /// Held until it is dropped. The system lets go of it when a process ends, however that happens.
    fn lock(&self) -> Result<File, SecretsError> {
        let path = self.folder.join("lock");
        let mut options = OpenOptions::new();
        let file = private::open_with(options.write(true).create(true), &path);
        let file = file.map_err(|e| self.unopened(&path, e))?;
        file.lock().map_err(at(&path))?;
        Ok(file)
    }

    fn unopened(&self, path: &Path, error: io::Error) -> SecretsError {
        let is_link = fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_symlink());
        if is_link {
            return SecretsError::Exposed {
                path: path.to_owned(),
                why: "it is a link".to_owned(),
            };
        }
        at(path)(error)
    }
}

fn remove(path: &Path) -> Result<(), SecretsError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(path)(e)),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> SecretsError {
    let path = path.to_owned();
    move |source| SecretsError::Io {
        path: path.clone(),
        source,
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
