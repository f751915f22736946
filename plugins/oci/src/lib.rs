//! Pushes a Spin application to an OCI registry.
//!
//! The image is assembled and the protocol spoken by `spin-deployer-oci`; what is here is what the user sees: options,
//! steps, plan and errors.

mod errors;
mod target;

use std::collections::BTreeSet;

use spin_deployer_oci::{Error as RegistryError, Image, Presence, Survey, TagState, media};
use spin_deployer_sdk::{Action, Change, Deployer, Release, Result, Step};

use target::Target;

struct Oci;

spin_deployer_sdk::export!(Oci: deployer);

impl Deployer for Oci {
    async fn plan() -> Result<Vec<Change>> {
        let target = Target::named()?;
        let image = target.image()?;
        let survey = check(&target, &image).await?;
        let mut changes = Vec::new();
        let mut seen = BTreeSet::new();
        for layer in image.contents() {
            let descriptor = &layer.descriptor;
            if !seen.insert(&descriptor.digest) {
                continue;
            }
            let (action, detail) = match survey.blobs.get(&descriptor.digest) {
                Some(Presence::Present) => (Action::Keep, "the registry has it".to_owned()),
                Some(Presence::Elsewhere(from)) => (Action::Create, format!("mounted from {from}")),
                _ => (Action::Upload, descriptor.digest.to_string()),
            };
            let kind = kind(&descriptor.media_type);
            changes.push(
                Change::new(action, kind, &layer.name)
                    .detail(detail)
                    .bytes(descriptor.size),
            );
        }
        for (tag, state) in &survey.tags {
            let (action, detail) = match state {
                TagState::Same => (Action::Keep, "names this image already".to_owned()),
                TagState::New => (Action::Create, image.digest.to_string()),
                TagState::Other(None) => (Action::Update, format!("-> {}", image.digest)),
                TagState::Other(Some(old)) => {
                    (Action::Update, format!("{old} -> {}", image.digest))
                }
            };
            changes.push(Change::new(action, "tag", tag).detail(detail));
        }
        Ok(changes)
    }

    async fn deploy() -> Result<Release> {
        let target = Target::named()?;
        let image = target.image()?;
        let survey = check(&target, &image).await?;
        push(&target, &image, &survey).await?;
        for (tag, state) in &survey.tags {
            if *state == TagState::Same {
                continue;
            }
            let step = Step::start(&format!("Tag {tag}"));
            match target.registry.tag(&image, tag).await {
                // The registry had the manifest, and has lost its layers since: cleaned up between then and now.
                Err(RegistryError::MissingBlob(_)) if survey.manifest => {
                    let absent = Survey {
                        blobs: Default::default(),
                        ..survey.clone()
                    };
                    push(&target, &image, &absent).await?;
                    target.registry.tag(&image, tag).await
                }
                tagged => tagged,
            }
            .map_err(|error| target.explain(error))?;
            step.done();
        }
        let mut release = Release::new(image.digest.as_str());
        release.version = target.tags.first().cloned();
        release.artifact = Some(format!("{}@{}", target.name, image.digest));
        release.created = image
            .annotations
            .get("org.opencontainers.image.created")
            .cloned();
        Ok(release)
    }
}

async fn check(target: &Target, image: &Image) -> Result<Survey> {
    let step = Step::start("Check what the registry has");
    let survey = target
        .registry
        .survey(image, &target.tags, &target.mount_from)
        .await
        .map_err(|error| target.explain(error))?;
    step.done();
    Ok(survey)
}

async fn push(target: &Target, image: &Image, survey: &Survey) -> Result<()> {
    let step = Step::start("Push layers");
    let mut seen = BTreeSet::new();
    for layer in image.contents() {
        let descriptor = &layer.descriptor;
        if !seen.insert(&descriptor.digest) {
            continue;
        }
        // The plugin's own bytes are no contents of the app: the host does not count them.
        if layer.bytes.is_some() {
            continue;
        }
        match survey.blobs.get(&descriptor.digest) {
            Some(Presence::Present | Presence::Elsewhere(_)) => step.skip(descriptor.size),
            _ => step.expect(descriptor.size),
        }
    }
    target
        .registry
        .push_blobs(image, survey)
        .await
        .map_err(|error| target.explain(error))?;
    step.done();
    Ok(())
}

fn kind(media_type: &str) -> &'static str {
    match media_type {
        media::WASM => "component",
        media::DATA => "file",
        media::ARCHIVE => "archive",
        _ => "layer",
    }
}
