//! Images: a manifest, its configuration, and all layers.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use spin_deployer_manifest::Reference;
use spin_deployer_oci::{Descriptor, Digest, Document, IndexEntry};

use crate::repository::Repository;
use crate::{FetchError, Fetcher};

/// Blobs at a time: enough to hide the time between a request and its answer.
const PARALLEL: usize = 4;

impl Fetcher {
    /// Brings the image that `reference` names into the folder, with its manifest, its configuration and all layers, and
    /// returns the digest of its manifest. A tag is looked up anew each time; offline it is what it was the last time.
    /// Without tag and digest it is the tag `latest`. Of an index of images it is the one for Wasm.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn image(&self, reference: &Reference) -> Result<String, FetchError> {
        let what = format!("the image {reference}");
        let _turn = self.once.turn(&what).await;
        let named = [reference.origin().host];
        let repository = Repository::new(self, &what, reference, &named, None);
        let tag = reference.tag().unwrap_or("latest");
        let name = format!(
            "image {}/{}:{tag}",
            reference.origin(),
            reference.repository()
        );
        let (mut digest, mut document) = match reference.digest() {
            Some(digest) => {
                let digest = self.digest(&what, digest)?;
                let document = repository.document(&digest).await?;
                (digest, document)
            }
            None if self.offline => {
                let record = self.cache.recall(&name);
                let record = record.ok_or_else(|| FetchError::Offline { what: what.clone() })?;
                let document = repository.document(&record.digest).await?;
                (record.digest, document)
            }
            None => {
                let (digest, _, document) = repository.tagged(tag).await?;
                (digest, document)
            }
        };
        if let Document::Index(entries) = &document {
            let chosen = IndexEntry::choose(entries)
                .map_err(|error| repository.unusable(error.to_string()))?;
            digest = chosen.digest.clone();
            document = repository.document(&digest).await?;
        }
        let Document::Image { config, layers } = &document else {
            return Err(repository.unusable("it is an index of indexes".to_owned()));
        };
        let blobs = self.blobs(&repository, &what, config, layers)?;
        self.bring(&repository, &what, blobs).await?;
        if reference.digest().is_none() {
            self.cache.remember(&name, &digest, 0)?;
        }
        Ok(digest.to_string())
    }

    /// Every blob once, and not more of them than is fetched.
    fn blobs<'d>(
        &self,
        repository: &Repository<'_>,
        what: &str,
        config: &'d Descriptor,
        layers: &'d [Descriptor],
    ) -> Result<BTreeMap<&'d Digest, u64>, FetchError> {
        let mut blobs = BTreeMap::new();
        let mut total: u64 = 0;
        for blob in layers.iter().chain([config]) {
            match blobs.insert(&blob.digest, blob.size) {
                None => total = total.saturating_add(blob.size),
                Some(size) if size == blob.size => {}
                Some(size) => {
                    let (digest, other) = (&blob.digest, blob.size);
                    let reason = format!("its manifest has {digest} with {size} and {other} bytes");
                    return Err(repository.unusable(reason));
                }
            }
        }
        let limit = self.bounds.image;
        if total > limit {
            let what = what.to_owned();
            return Err(FetchError::TooLarge { what, limit });
        }
        Ok(blobs)
    }

    async fn bring(
        &self,
        repository: &Repository<'_>,
        what: &str,
        blobs: BTreeMap<&Digest, u64>,
    ) -> Result<(), FetchError> {
        let mut missing: Vec<(&Digest, u64)> = blobs
            .into_iter()
            .filter(|(digest, size)| !self.cache.has(digest, *size))
            .collect();
        // The longest first: the short ones fit in beside them.
        missing.sort_by_key(|(_, size)| Reverse(*size));
        stream::iter(missing)
            .map(|(digest, size)| Ok((format!("{what}, {digest}"), digest, size)))
            .try_for_each_concurrent(PARALLEL, |(what, digest, size)| async move {
                repository.blob(&what, digest, size).await
            })
            .await
    }
}
