//! One component in a registry, in the layout that `wkg` and `oras` push, and who signed it.

use semver::Version;
use spin_deployer_manifest::Reference;
use spin_deployer_oci::{Descriptor, Digest, Document, Image, PullError, TagState, media};
use spin_deployer_signature::{MAX_PAYLOAD, SignatureError, candidates, cosign_tag};

use crate::repository::Repository;
use crate::{FetchError, Fetcher};

/// A component in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Of its manifest: what a signature is about.
    pub manifest: Digest,
    /// Of the component.
    pub component: Digest,
    /// Of the component, in bytes.
    pub size: u64,
}

/// A signature of `cosign`'s: who made it is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// What was signed.
    pub payload: Vec<u8>,
    /// Of the payload, in base64.
    pub signature: String,
}

impl Fetcher {
    /// Brings the component that `reference` names into the folder. A tag is looked up anew each time; without tag and
    /// digest it is the tag `latest`. Nothing but an artifact of one component is taken.
    ///
    /// # Errors
    /// Why it is not here.
    pub async fn artifact(&self, reference: &Reference) -> Result<Artifact, FetchError> {
        let what = format!("the plugin {reference}");
        let _turn = self.once.turn(&what).await;
        let named = [reference.origin().host];
        let repository = Repository::new(self, &what, reference, &named, None);
        let (manifest, document) = match reference.digest() {
            Some(digest) => {
                let digest = self.digest(&what, digest)?;
                let document = repository.document(&digest).await?;
                (digest, document)
            }
            None => {
                let tag = reference.tag().unwrap_or("latest");
                let (digest, _, document) = repository.tagged(tag).await?;
                (digest, document)
            }
        };
        let layer = only_component(document).map_err(|reason| repository.unusable(reason))?;
        repository.blob(&what, &layer.digest, layer.size).await?;
        Ok(Artifact {
            manifest,
            component: layer.digest,
            size: layer.size,
        })
    }

    /// All tags of a repository, as the registry has them now.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub async fn tags(&self, reference: &Reference) -> Result<Vec<String>, FetchError> {
        let what = format!("the tags of {reference}");
        let named = [reference.origin().host];
        let repository = Repository::new(self, &what, reference, &named, None);
        repository.tags().await
    }

    /// What `cosign` signed of that manifest, as it lies beside it. None where nobody did.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn signatures(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<Signature>, FetchError> {
        let what = format!("the signature of {reference}");
        let named = [reference.origin().host];
        let repository = Repository::new(self, &what, reference, &named, None);
        let document = match repository.tagged(&cosign_tag(manifest)).await {
            Ok((_, _, document)) => document,
            Err(FetchError::NotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let all = match candidates(&document) {
            Ok(all) => all,
            Err(SignatureError::Missing(_)) => return Ok(Vec::new()),
            Err(error) => return Err(repository.unusable(error.to_string())),
        };
        let mut found = Vec::new();
        for one in all {
            repository.blob(&what, &one.payload, one.size).await?;
            let payload = self.content(&one.payload, MAX_PAYLOAD);
            found.extend(payload.map(|payload| Signature {
                payload,
                signature: one.signature,
            }));
        }
        Ok(found)
    }

    /// Pushes an artifact to the place that the user named, and under its tag if it has one.
    ///
    /// # Errors
    /// Why it is not there.
    pub async fn push(&self, reference: &Reference, image: &Image) -> Result<(), FetchError> {
        let what = format!("the plugin {reference}");
        let named = [reference.origin().host];
        let repository = Repository::new(self, &what, reference, &named, None);
        let registry = repository.writable().await?;
        let failed = |error| repository.failed(PullError::Exchange(error));
        let tags: Vec<String> = reference.tag().map(str::to_owned).into_iter().collect();
        let survey = registry.survey(image, &tags, &[]).await.map_err(failed)?;
        let is_taken = |(tag, state): &(String, TagState)| {
            Version::parse(tag).is_ok() && matches!(state, TagState::Other(_))
        };
        if survey.tags.iter().any(is_taken) {
            return Err(FetchError::Taken { what });
        }
        registry.push_blobs(image, &survey).await.map_err(failed)?;
        if !survey.manifest {
            let digest = image.digest.as_str();
            registry.tag(image, digest).await.map_err(failed)?;
        }
        for (tag, state) in &survey.tags {
            if *state != TagState::Same {
                registry.tag(image, tag).await.map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn only_component(document: Document) -> Result<Descriptor, String> {
    let Document::Image { config, layers } = document else {
        return Err("it is an index of several, and a plugin is one component".to_owned());
    };
    let kinds = [media::COMPONENT_CONFIG, media::EMPTY_CONFIG];
    if !kinds.contains(&config.media_type.as_str()) {
        return Err(format!(
            "its configuration is of type `{}`, and that of a component is `{}`",
            config.media_type,
            media::COMPONENT_CONFIG
        ));
    }
    match <[Descriptor; 1]>::try_from(layers) {
        Ok([only]) if only.media_type == media::COMPONENT => Ok(only),
        Ok([other]) => Err(format!(
            "its layer is of type `{}`, and a component is `{}`",
            other.media_type,
            media::COMPONENT
        )),
        Err(layers) => Err(format!(
            "it has {} layers, and a plugin is one component",
            layers.len()
        )),
    }
}
