//! Why installed plugins, or what was agreed to, can be neither had nor kept.

use std::io;
use std::path::PathBuf;

use spin_deployer_oci::Digest;

use crate::folder::FolderError;

/// Why installed plugins, or what was agreed to, can be neither had nor kept. [`Self::help`] is the way out.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// Somebody else could have put plugins there.
    #[error("plugins are not taken from {}: {why}", path.display())]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Who could, or what is in its place.
        why: String,
    },
    /// It is not what this program wrote.
    #[error("{} cannot be understood: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        why: String,
    },
    /// A component has not the digest that it is known by.
    #[error("the component {} is another one: its digest is {found}", path.display())]
    Component {
        /// Its file, which is named by what it should be.
        path: PathBuf,
        /// What it is.
        found: Digest,
        /// Where it came from, as the entry says that names it.
        source_text: Option<String>,
    },
    /// It has grown beyond all use.
    #[error("{} is too large to be what this program wrote", path.display())]
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

impl PluginsError {
    /// What to do about it. Nothing had been changed.
    pub fn help(&self) -> String {
        match self {
            Self::Foreign { path, .. } => format!(
                "if nobody else has been there, make it yours alone: `chmod go-w {0}`; otherwise `rm -r {0}`, and install your plugins again",
                path.display()
            ),
            Self::Damaged { path, .. } | Self::TooLarge { path } => format!(
                "mend it, or remove it with `rm {}` and install or agree again",
                path.display()
            ),
            Self::Component {
                source_text: Some(source),
                ..
            } => format!("`spin-deployer plugins install {source}` puts the right one back"),
            Self::Component { path, .. } => format!(
                "`rm {}`, and `spin-deployer plugins fetch` puts the right one back",
                path.display()
            ),
            Self::Io { path, source } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => format!(
                    "nothing was changed; make room on the disk of {}, or name another folder with SPIN_DEPLOYER_DATA_DIR",
                    path.display()
                ),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    "nothing was changed; name a folder that can be written with SPIN_DEPLOYER_DATA_DIR"
                        .to_owned()
                }
                _ => "nothing was changed; is the folder of SPIN_DEPLOYER_DATA_DIR there and yours?"
                    .to_owned(),
            },
        }
    }
}

impl From<FolderError> for PluginsError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Foreign { path, why } => Self::Foreign { path, why },
            FolderError::NoFile { path } => Self::Damaged {
                path,
                why: "it is no file".to_owned(),
            },
            FolderError::TooLarge { path } => Self::TooLarge { path },
            FolderError::Io { path, source } => Self::Io { path, source },
        }
    }
}
