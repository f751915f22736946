//! A whole image on its way into a repository: what is there, what is not, and in which order it goes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use spin_deployer_publish::concurrently;

use crate::upload::{Blob, upload};
use crate::{Digest, Error, Image, Registry, Transport};

/// Requests and uploads at a time.
const PARALLEL: usize = 8;

/// What a registry has of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Each tag that was asked about.
    pub tags: Vec<(String, TagState)>,
    /// Each blob of the image: its layers and its configuration.
    pub blobs: BTreeMap<Digest, Presence>,
    /// Whether the manifest itself is there.
    pub manifest: bool,
}

/// What a tag names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagState {
    /// This image: nothing is to be done.
    Same,
    /// Another, whose digest the registry may say.
    Other(Option<Digest>),
    /// Nothing.
    New,
}

/// Where a blob is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// In this repository.
    Present,
    /// In that repository of the same registry, from where it can be mounted.
    Elsewhere(String),
    /// Nowhere that was asked.
    Missing,
}

impl<T: Transport> Registry<T> {
    /// Asks what the registry has of `image`, with HEAD requests only. Where it has the manifest it has the blobs, and
    /// they are not asked about.
    ///
    /// # Errors
    /// Where the registry does not say.
    pub async fn survey(
        &self,
        image: &Image,
        tags: &[String],
        mount_from: &[String],
    ) -> Result<Survey, Error> {
        let asked = tags.iter().map(|tag| async move {
            Ok(match self.manifest(tag).await? {
                None => TagState::New,
                Some(Some(digest)) if digest == image.digest => TagState::Same,
                Some(other) => TagState::Other(other),
            })
        });
        let states = concurrently(PARALLEL, asked).await?;
        let tags: Vec<(String, TagState)> = tags.iter().cloned().zip(states).collect();
        let manifest = tags.iter().any(|(_, state)| *state == TagState::Same)
            || self.manifest(image.digest.as_str()).await?.is_some();
        let blobs = if manifest {
            image
                .blobs()
                .map(|(digest, _)| (digest.clone(), Presence::Present))
                .collect()
        } else {
            self.survey_blobs(image, mount_from).await?
        };
        Ok(Survey {
            tags,
            blobs,
            manifest,
        })
    }

    async fn survey_blobs(
        &self,
        image: &Image,
        mount_from: &[String],
    ) -> Result<BTreeMap<Digest, Presence>, Error> {
        let unique: BTreeMap<&Digest, Blob<'_>> = image.blobs().collect();
        let asked = unique.keys().map(|&digest| async move {
            if self.blob(digest).await? {
                return Ok((digest.clone(), Presence::Present));
            }
            for other in mount_from {
                // Not to be allowed to read there is no reason not to push here.
                if self.blob_in(other, digest).await.unwrap_or(false) {
                    return Ok((digest.clone(), Presence::Elsewhere(other.clone())));
                }
            }
            Ok((digest.clone(), Presence::Missing))
        });
        Ok(concurrently(PARALLEL, asked).await?.into_iter().collect())
    }

    /// Uploads or mounts every blob that the survey did not find.
    ///
    /// # Errors
    /// The first that occurs; uploads that are under way are given up, and go on where they were the next time that the
    /// registry allows it.
    pub async fn push_blobs(&self, image: &Image, survey: &Survey) -> Result<(), Error> {
        let unique: BTreeMap<&Digest, Blob<'_>> = image.blobs().collect();
        let mut blobs: Vec<(Blob<'_>, &Presence)> = unique
            .into_iter()
            .map(|(digest, blob)| (blob, survey.blobs.get(digest).unwrap_or(&Presence::Missing)))
            .filter(|(_, presence)| **presence != Presence::Present)
            .collect();
        // The longest first: the short ones fit in beside them.
        blobs.sort_by_key(|(blob, _)| Reverse(blob.size));
        let uploads = blobs.into_iter().map(|(blob, presence)| {
            let mount_from = match presence {
                Presence::Elsewhere(other) => Some(other.as_str()),
                Presence::Present | Presence::Missing => None,
            };
            upload(self, blob, mount_from)
        });
        concurrently(PARALLEL, uploads).await?;
        Ok(())
    }

    /// Stores the manifest of `image` under its digest or one tag; its blobs must be there.
    ///
    /// # Errors
    /// Where the registry does not take it. [`Error::MissingBlob`] tells that blobs are not there any more.
    pub async fn tag(&self, image: &Image, reference: &str) -> Result<(), Error> {
        self.put_manifest(reference, &image.manifest, &image.digest)
            .await
    }
}
