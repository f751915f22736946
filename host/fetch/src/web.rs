//! A content at a URL.

use std::sync::Arc;

use spin_deployer_egress::Vault;
use spin_deployer_grants::Grant;
use spin_deployer_manifest::Origin;
use spin_deployer_oci::{Digest, Wanted, download};
use url::{Position, Url};

use crate::way::Way;
use crate::{FetchError, Fetcher};

impl Fetcher {
    /// Brings what `url` leads to into the folder. It has to have `digest`.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn url(&self, url: &Url, digest: &str) -> Result<(), FetchError> {
        // A query may hold a permission.
        let what = url[..Position::AfterPath].to_owned();
        let invalid = |reason: String| FetchError::Name {
            what: url[Position::BeforeHost..Position::AfterPath].to_owned(),
            reason,
        };
        let origin = Origin::of(url).map_err(|error| invalid(error.to_string()))?;
        let digest = self.digest(&what, digest)?;
        let _turn = self.once.turn(digest.as_str()).await;
        let name = format!("content {digest}");
        if self.is_here(&name, &digest)? {
            return Ok(());
        }
        let named = [origin.host.clone()];
        let grant = Grant::loading(origin.clone(), &named, &self.policies);
        let way = Way(self.session(&what, grant, Arc::<Vault>::default())?);
        let wanted = Wanted {
            digest: Some(&digest),
            size: None,
            limit: self.bounds.content,
        };
        let mut incoming = self.incoming(&what, None)?;
        let size = download(&way, &url[..Position::AfterQuery], wanted, &mut incoming)
            .await
            .map_err(|error| {
                let host = origin.host.to_string();
                FetchError::of_pull(&what, &origin, &host, error, self.cache.failed())
            })?;
        self.cache.keep(incoming, &digest)?;
        self.cache.remember(&name, &digest, size)
    }

    /// Whether the content is there with the size that it had. One whose size nobody remembers is read once.
    fn is_here(&self, name: &str, digest: &Digest) -> Result<bool, FetchError> {
        if let Some(record) = self.cache.recall(name) {
            return Ok(record.digest == *digest && self.cache.has(digest, record.size));
        }
        match self.cache.verified(digest) {
            Some(size) => self.cache.remember(name, digest, size).map(|()| true),
            None => Ok(false),
        }
    }
}
