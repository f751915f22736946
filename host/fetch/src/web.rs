//! A content, or a document, at a URL.

use std::sync::Arc;

use http::HeaderValue;
use spin_deployer_egress::{Audience, Vault};
use spin_deployer_grants::Grant;
use spin_deployer_manifest::{Host, Origin, Secret};
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
        let (_, origin) = place(url)?;
        self.url_as(url, digest, None, &[origin.host]).await
    }

    /// The same with a token, where `url` is at its place. `named` are the hosts that the user named: no other one may be
    /// in a private network, nor that of `url`.
    ///
    /// # Errors
    /// As [`Self::url`].
    pub async fn url_as(
        &self,
        url: &Url,
        digest: &str,
        bearer: Option<&Bearer>,
        named: &[Host],
    ) -> Result<(), FetchError> {
        let (what, origin) = place(url)?;
        let digest = self.digest(&what, digest)?;
        let _turn = self.once.turn(digest.as_str()).await;
        let name = format!("content {digest}");
        if self.is_here(&name, &digest)? {
            return Ok(());
        }
        let (way, authorization) = self.way(&what, &origin, bearer, named)?;
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
            let error = FetchError::of_pull(&what, &origin, &host, error, self.cache.failed());
            led(error, &origin, named)
        })?;
        self.cache.keep(incoming, &digest)?;
        self.cache.remember(&name, &digest, size)
    }

    /// What is at `url` now, at most `limit` bytes; it is not kept. `None` where nothing is there. `named` are the hosts
    /// that the user named, as for [`Self::url_as`].
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn document(
        &self,
        url: &Url,
        limit: u64,
        bearer: Option<&Bearer>,
        named: &[Host],
    ) -> Result<Option<Vec<u8>>, FetchError> {
        let (what, origin) = place(url)?;
        let (way, authorization) = self.way(&what, &origin, bearer, named)?;
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
                let error = FetchError::of_pull(&what, &origin, &host, error, kept);
                Err(led(error, &origin, named))
            }
        }
    }

    /// The way to one origin, and what is shown there.
    fn way(
        &self,
        what: &str,
        origin: &Origin,
        bearer: Option<&Bearer>,
        named: &[Host],
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
        let grant = Grant::loading(origin.clone(), named, &self.policies);
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

/// Somebody led to a host that the user did not name, as a redirect does.
fn led(error: FetchError, origin: &Origin, named: &[Host]) -> FetchError {
    match error {
        FetchError::Refused { what, reason, .. } if !named.contains(&origin.host) => {
            FetchError::Refused {
                what,
                reason,
                redirected: true,
            }
        }
        error => error,
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
