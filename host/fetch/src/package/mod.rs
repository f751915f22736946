//! Packages, as `wkg` finds them: a version of `acme:shop` is the tag of that name in the repository `acme/shop` of a
//! registry, and its Wasm is the first layer.

mod config;
mod local;
mod metadata;
mod name;

use std::sync::Arc;

use spin_deployer_egress::Vault;
use spin_deployer_grants::Grant;
use spin_deployer_manifest::{Host, Origin, Reference, Scheme};
use spin_deployer_oci::{Digest, Document, Error as RegistryError, PullError, Wanted, download};

use crate::repository::Repository;
use crate::way::Way;
use crate::{FetchError, Fetcher};
use config::{Configuration, Settings};
use metadata::Metadata;
use name::PackageName;

/// One version of a package in one registry.
struct Package {
    name: PackageName,
    version: semver::Version,
    /// `example.com`, `localhost:5000`.
    registry: String,
    origin: Origin,
    /// In the user's words.
    what: String,
}

impl Fetcher {
    /// Brings the Wasm of a package into the folder and returns its digest. `registry` is `example.com`; `None` is what
    /// the user's configuration says for the package. `version` is one version in full.
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
        let number = version.strip_prefix('=').unwrap_or(version).trim();
        let version = semver::Version::parse(number)
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
        let what = format!("the package {name}@{version} of {registry}");
        let package = Package {
            name,
            version,
            registry,
            origin,
            what,
        };
        let _turn = self.once.turn(&package.what).await;
        match settings.protocol.as_deref() {
            Some("local") => self.local(&package, settings.root),
            None | Some("oci") => {
                let metadata = described.as_ref().and_then(|mapping| mapping.metadata());
                self.remembered(&package, settings, metadata).await
            }
            Some(other) => Err(package.unknown(other)),
        }
    }

    async fn remembered(
        &self,
        package: &Package,
        settings: Settings,
        metadata: Option<&Metadata>,
    ) -> Result<String, FetchError> {
        let Package {
            name,
            version,
            origin,
            ..
        } = package;
        let key = format!("package {origin} {name}@{version}");
        if let Some(record) = self.cache.recall(&key)
            && self.cache.has(&record.digest, record.size)
        {
            return Ok(record.digest.to_string());
        }
        let (digest, size) = self.pulled(package, settings, metadata).await?;
        self.cache.remember(&key, &digest, size)?;
        Ok(digest.to_string())
    }

    async fn pulled(
        &self,
        package: &Package,
        settings: Settings,
        described: Option<&Metadata>,
    ) -> Result<(Digest, u64), FetchError> {
        let mut named = vec![package.origin.host.clone()];
        let metadata = match described {
            Some(described) => described.clone(),
            None => self.well_known(package, &named).await?,
        };
        if settings.protocol.is_none()
            && let Some(other) = metadata.protocol().filter(|protocol| *protocol != "oci")
        {
            return Err(package.unknown(other));
        }
        let registry = metadata.registry().unwrap_or(&package.registry);
        let reference = package
            .reference(settings.scheme, registry, metadata.prefix())
            .map_err(|reason| FetchError::Name {
                what: package.what.clone(),
                reason,
            })?;
        // What the user wrote the user named; what the registry says of itself nobody did.
        if described.is_some() {
            named.push(reference.origin().host);
        }
        let repository =
            Repository::new(self, &package.what, &reference, &named, settings.credential);
        let tag = reference.tag().unwrap_or_default();
        let (_, _, document) = repository.tagged(tag).await?;
        let Document::Image { layers, .. } = document else {
            return Err(repository.unusable("it is an index and no package".to_owned()));
        };
        let Some(wasm) = layers.first() else {
            return Err(repository.unusable("it has no layer".to_owned()));
        };
        repository
            .blob(&package.what, &wasm.digest, wasm.size)
            .await?;
        Ok((wasm.digest.clone(), wasm.size))
    }

    /// What the registry says about itself. Most say nothing, some show a page that is none of this.
    async fn well_known(&self, package: &Package, named: &[Host]) -> Result<Metadata, FetchError> {
        let grant = Grant::loading(package.origin.clone(), named);
        let session = self.session(&package.what, grant, Arc::<Vault>::default())?;
        let wanted = Wanted {
            digest: None,
            size: None,
            limit: metadata::LARGEST,
        };
        let url = format!("{}{}", package.origin, metadata::WELL_KNOWN);
        let mut text = Vec::new();
        match download(&Way(session), &url, wanted, &mut text).await {
            Ok(_) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
            Err(PullError::Exchange(
                error @ (RegistryError::Transport { .. } | RegistryError::Busy { .. }),
            )) => Err(FetchError::of_pull(
                &package.what,
                &package.registry,
                error.into(),
                self.cache.failed(),
            )),
            Err(_) => Ok(Metadata::default()),
        }
    }
}

impl Package {
    fn unknown(&self, protocol: &str) -> FetchError {
        FetchError::Unusable {
            what: self.what.clone(),
            reason: format!(
                "its registry speaks `{protocol}`, and only registries that speak OCI, or folders that the user's configuration names, are read"
            ),
        }
    }

    fn reference(
        &self,
        scheme: Option<Scheme>,
        registry: &str,
        prefix: &str,
    ) -> Result<Reference, String> {
        let scheme = origin(scheme, registry)?.scheme;
        let (namespace, name) = (self.name.namespace(), self.name.name());
        let version = &self.version;
        format!("{scheme}://{registry}/{prefix}{namespace}/{name}:{version}")
            .parse()
            .map_err(|error: spin_deployer_manifest::ReferenceError| error.to_string())
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
