//! Packages, as `wkg` finds them: in the registry, or the folder, that the app or the user's configuration names.

mod config;
mod here;
mod local;
mod metadata;
mod name;
mod registry;
mod requirement;

use std::fmt;

use spin_deployer_manifest::{Origin, Scheme};

use crate::{FetchError, Fetcher};
use config::Configuration;
use metadata::Metadata;
use name::PackageName;
use requirement::Requirement;

/// A package in one registry, and which version of it.
struct Package {
    name: PackageName,
    wanted: Requirement,
    /// `example.com`, `localhost:5000`.
    registry: String,
    origin: Origin,
    /// Where it is looked for, as far as the user says it: what is remembered of a package is remembered of this.
    source: String,
    /// In the user's words.
    what: String,
}

impl Fetcher {
    /// Brings the Wasm of a package into the folder and returns its digest. `registry` is `example.com`; `None` is what
    /// the user's configuration says for the package. `version` is one version in full (`1.0.0`, `=1.0.0`), or a requirement
    /// in the words of semver (`^1.0`, `>=1.2, <2`, `*`): then it is the highest that meets it, a pre-release only where the
    /// requirement names one. A requirement is looked up anew each time; offline the highest that is here meets it.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn package(
        &self,
        registry: Option<&str>,
        package: &str,
        version: &str,
    ) -> Result<String, FetchError> {
        let configuration = Configuration::read(&self.environment)?;
        let invalid = |reason: String| FetchError::Name {
            what: format!("the package {package}@{version}"),
            reason,
        };
        let name: PackageName = package.parse().map_err(|e: &str| invalid(e.to_owned()))?;
        let wanted: Requirement = version
            .parse()
            .map_err(|error| invalid(format!("`{version}` is no version: {error}")))?;
        let mapping = configuration.mapping(&name);
        let (registry, described) = match (registry, mapping) {
            // The app's word counts more than the user's, and what the user says of another registry counts for nothing.
            (Some(registry), mapping) => {
                let same = mapping.filter(|mapping| mapping.registry() == registry);
                (registry.to_owned(), same)
            }
            (None, Some(mapping)) => (mapping.registry().to_owned(), Some(mapping)),
            (None, None) => {
                return Err(FetchError::Unmapped {
                    package: name.to_string(),
                    namespace: name.namespace().to_owned(),
                    file: configuration.file,
                });
            }
        };
        let settings = configuration.settings(&registry)?;
        let origin = origin(settings.scheme, &registry).map_err(&invalid)?;
        let metadata = described.as_ref().and_then(|mapping| mapping.metadata());
        let mut package = Package {
            name,
            wanted,
            registry,
            source: source(&origin, metadata),
            origin,
            what: String::new(),
        };
        package.what = package.in_words(&package.wanted);
        let _turn = self.once.turn(&package.what).await;
        match settings.protocol.as_deref() {
            Some("local") => self.local(&package, settings.root),
            None | Some("oci") => self.of_registry(&package, settings, metadata).await,
            Some(other) => Err(package.unknown(other)),
        }
    }
}

impl Package {
    fn in_words(&self, version: &impl fmt::Display) -> String {
        format!("the package {}@{version} of {}", self.name, self.registry)
    }

    fn unknown(&self, protocol: &str) -> FetchError {
        FetchError::Unusable {
            what: self.what.clone(),
            reason: format!(
                "its registry speaks `{protocol}`, and only registries that speak OCI, or folders that the user's configuration names, are read"
            ),
        }
    }
}

/// What a registry says of itself is its own matter, as its packages are; what the user says of it may be another place
/// tomorrow.
fn source(origin: &Origin, metadata: Option<&Metadata>) -> String {
    match metadata {
        None => origin.to_string(),
        Some(metadata) => {
            let (registry, prefix) = (metadata.registry(), metadata.prefix());
            format!("{origin} {registry:?} {prefix:?}")
        }
    }
}

/// The scheme that the user named, else http for this machine and https for every other.
fn origin(scheme: Option<Scheme>, registry: &str) -> Result<Origin, String> {
    let read = |scheme| {
        Origin::from_authority(scheme, registry).map_err(|error| format!("its registry: {error}"))
    };
    match scheme {
        Some(scheme) => read(scheme),
        None => {
            let secure = read(Scheme::Https)?;
            if secure.host.is_loopback() {
                read(Scheme::Http)
            } else {
                Ok(secure)
            }
        }
    }
}
