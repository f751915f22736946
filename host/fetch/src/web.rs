//! A content, or a document, at a URL.

use std::sync::Arc;

use http::HeaderValue;
use spin_deployer_egress::{Audience, Vault};
use spin_deployer_grants::Grant;
use spin_deployer_manifest::{Origin, Secret};
use spin_deployer_oci::{Digest, PullError, Wanted, download_as};
use url::{Position, Url};

use crate::way::Way;
use crate::{FetchError, Fetcher};

/// Under what a token is kept in the vault, and stands in the audit.
const TOKEN: &str = "token";

/// A token, and the only place that gets it.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Of the URLs with which it goes.
    pub origin: Origin,
    /// The token.
    pub token: Secret,
}

impl Fetcher {
    /// Brings what `url` leads to into the folder. It has to have `digest`.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn url(&self, url: &Url, digest: &str) -> Result<(), FetchError> {
        self.url_as(url, digest, None).await
    }

    /// The same with a token, where `url` is at its place.
    ///
    /// # Errors
    /// As [`Self::url`].
    pub async fn url_as(
        &self,
        url: &Url,
        digest: &str,
        bearer: Option<&Bearer>,
    ) -> Result<(), FetchError> {
        let (what, origin) = place(url)?;
        let digest = self.digest(&what, digest)?;
        let _turn = self.once.turn(digest.as_str()).await;
        let name = format!("content {digest}");
        if self.is_here(&name, &digest)? {
            return Ok(());
        }
        let (way, authorization) = self.way(&what, &origin, bearer)?;
        let wanted = Wanted {
            digest: Some(&digest),
            size: None,
            limit: self.bounds.content,
        };
        let mut incoming = self.incoming(&what, None)?;
        let url = &url[..Position::AfterQuery];
        let size = download_as(&way, url, authorization.as_ref(), wanted, &mut incoming).await;
        let size = size.map_err(|error| {
            let host = origin.host.to_string();
            FetchError::of_pull(&what, &origin, &host, error, self.cache.failed())
        })?;
        self.cache.keep(incoming, &digest)?;
        self.cache.remember(&name, &digest, size)
    }

    /// What is at `url` now, at most `limit` bytes; it is not kept. `None` where nothing is there.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn document(
        &self,
        url: &Url,
        limit: u64,
        bearer: Option<&Bearer>,
    ) -> Result<Option<Vec<u8>>, FetchError> {
        let (what, origin) = place(url)?;
        let (way, authorization) = self.way(&what, &origin, bearer)?;
        let wanted = Wanted {
            digest: None,
            size: None,
            limit,
        };
        let mut bytes = Vec::new();
        let url = &url[..Position::AfterQuery];
        match download_as(&way, url, authorization.as_ref(), wanted, &mut bytes).await {
            Ok(size) => {
                let taken = self.budget.take(size);
                taken.map_err(|spent| spent.of(&what))?;
                Ok(Some(bytes))
            }
            Err(PullError::NotFound { .. }) => Ok(None),
            Err(error) => {
                let host = origin.host.to_string();
                let kept = self.cache.failed();
                Err(FetchError::of_pull(&what, &origin, &host, error, kept))
            }
        }
    }

    /// The way to one origin, and what is shown there.
    fn way(
        &self,
        what: &str,
        origin: &Origin,
        bearer: Option<&Bearer>,
    ) -> Result<(Way, Option<HeaderValue>), FetchError> {
        let vault = Arc::new(Vault::default());
        let invalid = |reason: String| FetchError::Name {
            what: what.to_owned(),
            reason,
        };
        let shown = match bearer.filter(|bearer| bearer.origin == *origin) {
            None => None,
            Some(bearer) => {
                let audience = Audience::Origin(origin.clone());
                let placeholder = vault
                    .insert(TOKEN, bearer.token.clone(), audience)
                    .map_err(|error| invalid(error.to_string()))?;
                let shown = HeaderValue::try_from(format!("Bearer {placeholder}"));
                Some(shown.map_err(|error| invalid(error.to_string()))?)
            }
        };
        let named = [origin.host.clone()];
        let grant = Grant::loading(origin.clone(), &named, &self.policies);
        Ok((Way(self.session(what, grant, vault)?), shown))
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

/// What is said of a URL, and where it is. A query may hold a permission.
fn place(url: &Url) -> Result<(String, Origin), FetchError> {
    let origin = Origin::of(url).map_err(|error| FetchError::Name {
        what: url[Position::BeforeHost..Position::AfterPath].to_owned(),
        reason: error.to_string(),
    })?;
    Ok((url[..Position::AfterPath].to_owned(), origin))
}
