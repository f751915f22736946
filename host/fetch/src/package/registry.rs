//! Packages in a registry that speaks OCI: a version is the tag of that name, and its Wasm is the first layer.

use std::sync::Arc;

use semver::Version;
use spin_deployer_egress::Vault;
use spin_deployer_grants::Grant;
use spin_deployer_manifest::{Host, Reference, ReferenceError, Scheme};
use spin_deployer_oci::{Digest, Document, Error as RegistryError, PullError, Wanted, download};

use super::config::Settings;
use super::metadata::{self, Metadata};
use super::requirement::Requirement;
use super::{Package, origin};
use crate::repository::Repository;
use crate::way::Way;
use crate::{FetchError, Fetcher};

/// Where a package is, and which hosts on the way there the user named.
struct Place {
    reference: Reference,
    named: Vec<Host>,
}

impl Fetcher {
    /// One version in full is asked for once. A requirement is looked up each time, for there may be a new version; offline
    /// it is met by the highest that is here.
    pub(super) async fn of_registry(
        &self,
        package: &Package,
        settings: Settings,
        described: Option<&Metadata>,
    ) -> Result<String, FetchError> {
        let here = match &package.wanted {
            Requirement::Only(version) => self.recall(package, version).map(|(digest, _)| digest),
            Requirement::Highest(_) if self.offline => self.highest_here(package),
            Requirement::Highest(_) => None,
        };
        if let Some(digest) = here {
            return Ok(digest.to_string());
        }
        let place = self.place(package, &settings, described).await?;
        let repository = Repository::new(
            self,
            &package.what,
            &place.reference,
            &place.named,
            settings.credential,
        );
        let version = match &package.wanted {
            Requirement::Only(version) => version.clone(),
            Requirement::Highest(_) => {
                let tags = repository.tags().await?;
                // Others are no versions: `latest`, signatures.
                let versions = tags.iter().filter_map(|tag| Version::parse(tag).ok());
                package.wanted.choose(&package.what, versions.collect())?
            }
        };
        let (digest, size) = match self.recall(package, &version) {
            Some(here) => here,
            None => self.pulled(package, &repository, &version).await?,
        };
        self.remember(package, &version, &digest, size)?;
        Ok(digest.to_string())
    }

    async fn pulled(
        &self,
        package: &Package,
        repository: &Repository<'_>,
        version: &Version,
    ) -> Result<(Digest, u64), FetchError> {
        let (_, _, document) = repository.tagged(&version.to_string()).await?;
        let Document::Image { layers, .. } = document else {
            return Err(repository.unusable(format!("{version} is an index and no package")));
        };
        let Some(wasm) = layers.first() else {
            return Err(repository.unusable(format!("{version} has no layer")));
        };
        let what = package.in_words(version);
        repository.blob(&what, &wasm.digest, wasm.size).await?;
        Ok((wasm.digest.clone(), wasm.size))
    }

    async fn place(
        &self,
        package: &Package,
        settings: &Settings,
        described: Option<&Metadata>,
    ) -> Result<Place, FetchError> {
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
        Ok(Place { reference, named })
    }

    /// What the registry says about itself. Most say nothing, some show a page that is none of this.
    async fn well_known(&self, package: &Package, named: &[Host]) -> Result<Metadata, FetchError> {
        let grant = Grant::loading(package.origin.clone(), named, &self.policies);
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
                &package.origin,
                &package.registry,
                error.into(),
                self.cache.failed(),
            )),
            Err(_) => Ok(Metadata::default()),
        }
    }
}

impl Package {
    /// With its version as the tag, where only one is wanted: not every version can be a tag.
    fn reference(
        &self,
        scheme: Option<Scheme>,
        registry: &str,
        prefix: &str,
    ) -> Result<Reference, String> {
        let scheme = origin(scheme, registry)?.scheme;
        let (namespace, name) = (self.name.namespace(), self.name.name());
        let tag = match &self.wanted {
            Requirement::Only(version) => format!(":{version}"),
            Requirement::Highest(_) => String::new(),
        };
        format!("{scheme}://{registry}/{prefix}{namespace}/{name}{tag}")
            .parse()
            .map_err(|error: ReferenceError| error.to_string())
    }
}
