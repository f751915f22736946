//! Where packages are, as the user told `wkg`: `wasm-pkg/config.toml` in the configuration folder, or the file that
//! `WKG_CONFIG_FILE` names.
//!
//! ```toml
//! default_registry = "example.com"
//!
//! [namespace_registries]
//! acme = "registry.example.com"
//! other = { registry = "example.com", metadata = { oci = { registry = "oci.example.com", namespacePrefix = "wasm/" } } }
//!
//! [package_registry_overrides]
//! "acme:shop" = "localhost:5000"
//!
//! [registry."registry.example.com"]
//! type = "oci"
//! [registry."registry.example.com".oci]
//! auth = { username = "me", password = "…" }
//! protocol = "http"
//! ```
//!
//! Keys that are not known here are not judged: they are for `wkg`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use spin_deployer_egress::Environment;
use spin_deployer_egress::credentials::Credential;
use spin_deployer_manifest::{Scheme, Secret};
use zeroize::Zeroizing;

use super::metadata::Metadata;
use super::name::PackageName;
use crate::FetchError;

/// Names the file in place of the usual one.
const VARIABLE: &str = "WKG_CONFIG_FILE";

/// The configuration, or nothing where there is no file.
#[derive(Default, Deserialize)]
pub(super) struct Configuration {
    default_registry: Option<String>,
    #[serde(default)]
    namespace_registries: BTreeMap<String, Mapping>,
    #[serde(default)]
    package_registry_overrides: BTreeMap<String, Mapping>,
    #[serde(default)]
    registry: BTreeMap<String, Registry>,
    /// The file that it is, or would be, in.
    #[serde(skip)]
    pub(super) file: Option<PathBuf>,
}

/// A registry, with what its well-known file would say where the user says it.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Mapping {
    Named(String),
    Described {
        registry: String,
        metadata: Metadata,
    },
}

#[derive(Default, Deserialize)]
struct Registry {
    #[serde(alias = "type")]
    default: Option<String>,
    oci: Option<Oci>,
    local: Option<Local>,
    warg: Option<toml::Table>,
}

#[derive(Default, Deserialize)]
struct Oci {
    auth: Option<Auth>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Auth {
    Base64(Zeroizing<String>),
    Pair {
        username: String,
        password: Zeroizing<String>,
    },
}

#[derive(Deserialize)]
struct Local {
    root: PathBuf,
}

/// What the user says about how to talk to a registry.
#[derive(Default)]
pub(super) struct Settings {
    /// `oci`, `local`, `warg`, or something else; `None` leaves it to the registry.
    pub(super) protocol: Option<String>,
    pub(super) scheme: Option<Scheme>,
    pub(super) credential: Option<Credential>,
    /// Of packages in the file system.
    pub(super) root: Option<PathBuf>,
}

impl Mapping {
    pub(super) fn registry(&self) -> &str {
        match self {
            Self::Named(registry) | Self::Described { registry, .. } => registry,
        }
    }

    pub(super) fn metadata(&self) -> Option<&Metadata> {
        match self {
            Self::Named(_) => None,
            Self::Described { metadata, .. } => Some(metadata),
        }
    }
}

impl Configuration {
    /// Reads the first file that is there.
    pub(super) fn read(environment: &Environment) -> Result<Self, FetchError> {
        let files = files(environment);
        for file in &files {
            let text = match std::fs::read_to_string(file) {
                Ok(text) => Zeroizing::new(text),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(error) => {
                    return Err(FetchError::Configuration {
                        file: file.clone(),
                        reason: error.to_string(),
                    });
                }
            };
            return Self::parse(&text, file);
        }
        Ok(Self {
            file: files.into_iter().next(),
            ..Self::default()
        })
    }

    pub(super) fn parse(text: &str, file: &Path) -> Result<Self, FetchError> {
        let configuration: Self = toml::from_str(text).map_err(|error| {
            // What TOML's own message quotes may be a password.
            let line = error.span().map_or(1, |span| {
                let before = text.get(..span.start).unwrap_or_default();
                before.bytes().filter(|byte| *byte == b'\n').count() + 1
            });
            FetchError::Configuration {
                file: file.to_owned(),
                reason: format!("line {line} is not what `wkg` would understand"),
            }
        })?;
        Ok(Self {
            file: Some(file.to_owned()),
            ..configuration
        })
    }

    /// Where a package is: as said of the package, of its namespace, or of all.
    pub(super) fn mapping(&self, package: &PackageName) -> Option<Mapping> {
        let named = self
            .package_registry_overrides
            .get(&package.to_string())
            .or_else(|| self.namespace_registries.get(package.namespace()))
            .cloned();
        named.or_else(|| self.default_registry.clone().map(Mapping::Named))
    }

    /// How to talk to a registry.
    pub(super) fn settings(&self, registry: &str) -> Result<Settings, FetchError> {
        let Some(table) = self.registry.get(registry) else {
            return Ok(Settings::default());
        };
        let error = |problem: &str| FetchError::Configuration {
            file: self.file.clone().unwrap_or_default(),
            reason: format!("[registry.\"{registry}\"]: {problem}"),
        };
        let known = [
            table.oci.is_some().then_some("oci"),
            table.local.is_some().then_some("local"),
            table.warg.is_some().then_some("warg"),
        ];
        let mut known = known.into_iter().flatten();
        let only = known.next().filter(|_| known.next().is_none());
        let oci = table.oci.as_ref();
        let scheme = match oci.and_then(|oci| oci.protocol.as_deref()) {
            None => None,
            Some("http") => Some(Scheme::Http),
            Some("https") => Some(Scheme::Https),
            Some(_) => return Err(error("`protocol` is neither `http` nor `https`")),
        };
        let credential = match oci.and_then(|oci| oci.auth.as_ref()) {
            None => None,
            Some(auth) => {
                let credential = auth.credential();
                Some(credential.ok_or_else(|| error("`auth` is not `user:password` in base64"))?)
            }
        };
        Ok(Settings {
            protocol: table.default.clone().or(only.map(str::to_owned)),
            scheme,
            credential,
            root: table.local.as_ref().map(|local| local.root.clone()),
        })
    }
}

impl Auth {
    fn credential(&self) -> Option<Credential> {
        const BASE64: GeneralPurpose = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let (username, password) = match self {
            Self::Pair { username, password } => (username.clone(), password.to_string()),
            Self::Base64(text) => {
                let bytes = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
                let (username, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
                (username.to_owned(), password.to_owned())
            }
        };
        Some(Credential::Password {
            username,
            password: Secret::new(password),
        })
    }
}

/// Where the file may be. On macOS `wkg` looks where it does on Linux, and did look in the system's own place.
fn files(environment: &Environment) -> Vec<PathBuf> {
    if let Some(named) = environment.path(VARIABLE) {
        return vec![named];
    }
    let xdg = if cfg!(windows) {
        None
    } else {
        let named = environment
            .path("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute());
        named.or_else(|| Some(environment.home()?.join(".config")))
    };
    let mut folders: Vec<PathBuf> = [xdg, environment.config()].into_iter().flatten().collect();
    folders.dedup();
    folders
        .into_iter()
        .map(|folder| folder.join("wasm-pkg/config.toml"))
        .collect()
}
