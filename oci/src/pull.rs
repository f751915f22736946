//! Reading from a repository.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};

use crate::download::{Arrived, fetch};
use crate::registry::any_manifest;
use crate::{Body, Destination, Digest, Error, PullError, Registry, Sink, Transport, Wanted};

/// What registries take, too. In bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// A manifest as it lies in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Of `bytes`, computed here.
    pub digest: Digest,
    /// What the registry calls it; may be empty.
    pub media_type: String,
    /// 4 MiB at most.
    pub bytes: Vec<u8>,
}

impl<T: Transport> Registry<T> {
    /// The manifest, or index of manifests, under `reference`, a tag or a digest. By digest it is what was asked for, by
    /// tag what the registry's own digest says, where it says one.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn pull_manifest(&self, reference: &str) -> Result<Pulled, PullError> {
        let digest: Option<Digest> = reference.parse().ok();
        let wanted = Wanted {
            digest: digest.as_ref(),
            size: None,
            limit: LARGEST_MANIFEST,
        };
        let url = self.url(&format!("manifests/{reference}"));
        let mut bytes = Vec::new();
        let arrived = self.pull(&url, &any_manifest(), wanted, &mut bytes).await?;
        let header = |name| {
            arrived
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if digest.is_none()
            && let Some(said) = header("docker-content-digest".to_owned())
            && let Ok(wanted) = said.parse::<Digest>()
            && wanted != arrived.digest
        {
            return Err(PullError::Digest {
                request: format!("GET {url}"),
                wanted,
                came: arrived.digest,
            });
        }
        let media_type = header(CONTENT_TYPE.to_string())
            .unwrap_or_default()
            .to_owned();
        Ok(Pulled {
            digest: arrived.digest,
            media_type,
            bytes,
        })
    }

    /// Brings a blob of this repository into `to`: exactly `size` bytes with that digest. The registry's storage, to
    /// which it may lead, gets no credential.
    ///
    /// # Errors
    /// Why it is not there; `to` then holds a part of it, or something else.
    pub async fn pull_blob(
        &self,
        digest: &Digest,
        size: u64,
        to: &mut dyn Destination,
    ) -> Result<(), PullError> {
        let wanted = Wanted {
            digest: Some(digest),
            size: Some(size),
            limit: size,
        };
        let url = self.url(&format!("blobs/{digest}"));
        self.pull(&url, &HeaderMap::new(), wanted, to).await?;
        Ok(())
    }

    pub(crate) async fn pull(
        &self,
        url: &str,
        headers: &HeaderMap,
        wanted: Wanted<'_>,
        to: &mut dyn Destination,
    ) -> Result<Arrived, PullError> {
        let send = async |url: &str, headers: &HeaderMap, sink: &mut dyn Sink| {
            let body = Body::Empty;
            let answer = self.exchange_into(Method::GET, url, headers, body, Some(sink));
            self.meet(answer.await)
        };
        let hopeless = |error: &Error, _| self.is_hopeless(error);
        fetch(&self.transport, send, hopeless, url, headers, wanted, to).await
    }
}
