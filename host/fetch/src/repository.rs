//! One repository of one registry, with what of it is in the cache.

use std::cell::OnceCell;
use std::sync::Arc;

use spin_deployer_egress::credentials::{self, Credential};
use spin_deployer_egress::{Audience, Vault};
use spin_deployer_grants::{Grant, Phase};
use spin_deployer_manifest::{Host, OptionName, Reference, Secret};
use spin_deployer_oci as oci;
use spin_deployer_oci::{Digest, Document, Pulled, Registry};

use crate::way::Way;
use crate::{FetchError, Fetcher};

/// What registries take, too. In bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// Under what the credential is kept in the vault, and stands in the audit.
const CREDENTIAL: &str = "registry";

/// A repository that is asked only for what is not here.
pub(crate) struct Repository<'a> {
    fetcher: &'a Fetcher,
    /// What is wanted from it, in the user's words.
    what: &'a str,
    reference: &'a Reference,
    named: &'a [Host],
    /// A credential that the user's configuration has for it.
    configured: Option<Credential>,
    registry: OnceCell<Registry<Way>>,
}

impl<'a> Repository<'a> {
    pub(crate) fn new(
        fetcher: &'a Fetcher,
        what: &'a str,
        reference: &'a Reference,
        named: &'a [Host],
        configured: Option<Credential>,
    ) -> Self {
        Self {
            fetcher,
            what,
            reference,
            named,
            configured,
            registry: OnceCell::new(),
        }
    }

    /// The manifest or index with this digest, from the cache if it is there.
    pub(crate) async fn document(&self, digest: &Digest) -> Result<Document, FetchError> {
        let cached = self.fetcher.cache.small(digest, LARGEST_MANIFEST);
        let bytes = match cached {
            Some(bytes) => bytes,
            None => self.manifest(digest.as_str()).await?.bytes,
        };
        self.parse(&bytes)
    }

    /// The manifest or index under a tag, as the registry has it now.
    pub(crate) async fn tagged(&self, tag: &str) -> Result<(Digest, u64, Document), FetchError> {
        let pulled = self.manifest(tag).await?;
        let document = self.parse(&pulled.bytes)?;
        Ok((pulled.digest, pulled.bytes.len() as u64, document))
    }

    /// All tags, as the registry has them now.
    pub(crate) async fn tags(&self) -> Result<Vec<String>, FetchError> {
        let tags = self.registry().await?.tags().await;
        tags.map_err(|error| self.failed(error))
    }

    /// Brings a blob into the cache, unless it is there. `what` is for whoever watches.
    pub(crate) async fn blob(
        &self,
        what: &str,
        digest: &Digest,
        size: u64,
    ) -> Result<(), FetchError> {
        let cache = &self.fetcher.cache;
        if cache.has(digest, size) {
            return Ok(());
        }
        let _turn = self.fetcher.once.turn(digest.as_str()).await;
        if cache.has(digest, size) {
            return Ok(());
        }
        if self.fetcher.offline {
            let what = what.to_owned();
            return Err(FetchError::Offline { what });
        }
        let limit = self.fetcher.bounds.content;
        if size > limit {
            let what = what.to_owned();
            return Err(FetchError::TooLarge { what, limit });
        }
        let registry = self.registry().await?;
        let mut incoming = self.fetcher.incoming(what, Some(size))?;
        registry
            .pull_blob(digest, size, &mut incoming)
            .await
            .map_err(|error| self.failed(error))?;
        cache.keep(incoming, digest)
    }

    async fn manifest(&self, reference: &str) -> Result<Pulled, FetchError> {
        let pulled = self.registry().await?.pull_manifest(reference).await;
        let pulled = pulled.map_err(|error| self.failed(error))?;
        let size = pulled.bytes.len() as u64;
        let taken = self.fetcher.budget.take(size);
        taken.map_err(|spent| spent.of(self.what))?;
        self.fetcher.cache.put(&pulled.bytes, &pulled.digest)?;
        Ok(pulled)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Document, FetchError> {
        Document::parse(bytes).map_err(|error| self.unusable(error.to_string()))
    }

    pub(crate) fn unusable(&self, reason: String) -> FetchError {
        FetchError::Unusable {
            what: self.what.to_owned(),
            reason,
        }
    }

    pub(crate) fn failed(&self, error: oci::PullError) -> FetchError {
        let registry = self.reference.registry();
        let origin = self.reference.origin();
        FetchError::of_pull(
            self.what,
            &origin,
            registry,
            error,
            self.fetcher.cache.failed(),
        )
    }

    /// The registry itself. Only with the first question is a credential looked for.
    async fn registry(&self) -> Result<&Registry<Way>, FetchError> {
        if let Some(registry) = self.registry.get() {
            return Ok(registry);
        }
        let name = self.name()?;
        let (origin, policies) = (self.reference.origin(), &self.fetcher.policies);
        let grant = Grant::loading_from_registry(origin, self.named, &name, policies);
        let (way, credential) = self.connect(grant, Phase::Load, &name).await?;
        let registry = Registry::reading(
            way,
            &self.reference.origin().to_string(),
            self.reference.repository(),
            credential,
        );
        Ok(self.registry.get_or_init(|| registry))
    }

    /// The registry for who also writes.
    pub(crate) async fn writable(&self) -> Result<Registry<Way>, FetchError> {
        let name = self.name()?;
        let origin = self.reference.origin();
        let grant = Grant::pushing(origin.clone(), &name, &self.fetcher.policies);
        let (way, credential) = self.connect(grant, Phase::Deploy, &name).await?;
        let repository = self.reference.repository();
        Ok(Registry::new(
            way,
            &origin.to_string(),
            repository,
            credential,
            &[],
        ))
    }

    /// The way there, and the placeholder of what proves who is asking.
    async fn connect(
        &self,
        grant: Grant,
        phase: Phase,
        name: &OptionName,
    ) -> Result<(Way, Option<oci::Credential>), FetchError> {
        let vault = Arc::new(Vault::default());
        let session = self
            .fetcher
            .session_in(phase, self.what, grant, Arc::clone(&vault))?;
        let origin = self.reference.origin();
        let keep = |secret: Secret| {
            vault
                .insert(name.as_str(), secret, Audience::Registry(origin.clone()))
                .map_err(|error| FetchError::Server {
                    what: self.what.to_owned(),
                    reason: error.to_string(),
                })
        };
        let credential = match self.credential().await? {
            None => None,
            Some(Credential::Password { username, password }) => {
                Some(oci::Credential::Password(username, keep(password)?))
            }
            Some(Credential::IdentityToken { token }) => {
                Some(oci::Credential::IdentityToken(keep(token)?))
            }
        };
        Ok((Way(session), credential))
    }

    async fn credential(&self) -> Result<Option<Credential>, FetchError> {
        if self.configured.is_some() {
            return Ok(self.configured.clone());
        }
        let registry = self.reference.registry();
        let repository = self.reference.repository();
        credentials::find(registry, repository, &self.fetcher.environment)
            .await
            .map_err(|source| FetchError::Credential {
                registry: registry.to_owned(),
                source,
            })
    }

    fn name(&self) -> Result<OptionName, FetchError> {
        CREDENTIAL.parse().map_err(|_| FetchError::Name {
            what: self.what.to_owned(),
            reason: format!("`{CREDENTIAL}` is no name"),
        })
    }
}
