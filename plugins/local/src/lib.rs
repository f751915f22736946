//! Keeps releases of a Spin application in an OCI image layout on disk.
//!
//! Each release is a manifest in the layout's index, named by its number; the active one is named `latest`, so that other
//! tools find it (`skopeo inspect oci:.deployer:latest`). Contents are written first and the index last, at
//! one stroke: whenever a run ends, the layout is what it was before or what it was to become.

mod layout;
mod release;

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use spin_deployer_oci::{Annotations, Image, media, timestamp};
use spin_deployer_sdk::{
    Action, Change, Deployer, Error, Release, Releases, Result, Step, app, oci, options,
};

use layout::Layout;

struct Local;

/// Of a deploy that did not get as far as a release.
const LEFT: &str = "what an unfinished deploy left";

spin_deployer_sdk::export!(Local: deployer, releases);

impl Deployer for Local {
    async fn plan() -> Result<Vec<Change>> {
        let layout = open()?;
        let image = oci::assemble(Annotations::new(), false)?;
        let mut changes = Vec::new();
        for layer in contents(&image) {
            let descriptor = &layer.descriptor;
            let action = if layout.has(&descriptor.digest, descriptor.size) {
                Action::Keep
            } else {
                Action::Create
            };
            changes.push(
                Change::new(action, kind(&descriptor.media_type), &layer.name)
                    .detail(descriptor.digest.as_str())
                    .bytes(descriptor.size),
            );
        }
        match layout.active() {
            Some(active) if active.digest == image.digest => {
                let number = active.number.to_string();
                changes.push(
                    Change::new(Action::Keep, "release", number).detail("the app has not changed"),
                );
            }
            active => {
                let number = layout.next_number().to_string();
                let from =
                    active.map_or_else(|| "none".to_owned(), |active| active.number.to_string());
                changes.push(
                    Change::new(Action::Create, "release", &number).detail(image.digest.as_str()),
                );
                let action = if active.is_some() {
                    Action::Update
                } else {
                    Action::Create
                };
                changes.push(
                    Change::new(action, "name", "latest").detail(format!("{from} -> {number}")),
                );
            }
        }
        Ok(changes)
    }

    async fn deploy() -> Result<Release> {
        let mut layout = open()?;
        let image = oci::assemble(Annotations::new(), false)?;
        layout.prepare()?;
        let step = Step::start("Write layers");
        let mut missing = Vec::new();
        for layer in contents(&image) {
            let descriptor = &layer.descriptor;
            if layout.has(&descriptor.digest, descriptor.size) {
                if layer.bytes.is_none() {
                    step.skip(descriptor.size);
                }
                continue;
            }
            if layer.bytes.is_none() {
                step.expect(descriptor.size);
            }
            missing.push(layer);
        }
        for layer in missing {
            match &layer.bytes {
                Some(bytes) => layout.write(&layer.descriptor.digest, bytes)?,
                None => {
                    layout
                        .save(&app::open(layer.descriptor.digest.as_str())?)
                        .await?
                }
            }
        }
        layout.write(&image.digest, &image.manifest)?;
        step.done();
        if let Some(active) = layout
            .active()
            .filter(|active| active.digest == image.digest)
        {
            return Ok(active.as_release(true));
        }
        let created = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let release = release::Kept {
            number: layout.next_number(),
            app: app::name(),
            version: app::version(),
            created: created.and_then(|now| timestamp::rfc3339(now.as_secs())),
            digest: image.digest.clone(),
            size: image.manifest.len() as u64,
        };
        let step = Step::start(&format!("Make release {} the active one", release.number));
        layout.activate(&release)?;
        step.done();
        Ok(release.as_release(true))
    }
}

impl Releases for Local {
    async fn history(limit: u32) -> Result<Vec<Release>> {
        let layout = open()?;
        let active = layout.active().map(|active| active.number);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let newest_first = layout.releases().iter().rev().take(limit);
        Ok(newest_first
            .map(|kept| kept.as_release(active == Some(kept.number)))
            .collect())
    }

    async fn rollback(id: String) -> Result<Release> {
        let mut layout = open()?;
        let release = release::find(layout.releases(), &id)?.clone();
        if !layout.has(&release.digest, release.size) {
            return Err(
                Error::failed(format!("release {} is damaged", release.number))
                    .detail(format!("the layout has no {}", release.digest))
                    .hint("deploy the app again"),
            );
        }
        layout.activate(&release)?;
        Ok(release.as_release(true))
    }

    async fn removal() -> Result<Vec<Change>> {
        let layout = open()?;
        let active = layout.active().map(|active| active.number);
        let mut changes: Vec<Change> = layout
            .releases()
            .iter()
            .rev()
            .map(|kept| {
                let change = Change::new(Action::Delete, "release", kept.number.to_string());
                match active == Some(kept.number) {
                    true => change.detail("the active one"),
                    false => change,
                }
            })
            .collect();
        if layout.is_unfinished() {
            changes.push(Change::new(Action::Delete, "layout", LEFT));
        }
        Ok(changes)
    }

    async fn destroy() -> Result<Vec<String>> {
        let layout = open()?;
        let left = layout.is_unfinished().then(|| LEFT.to_owned());
        let removed = layout.destroy()?.into_iter();
        Ok(removed
            .map(|number| format!("release {number}"))
            .chain(left)
            .collect())
    }
}

fn open() -> Result<Layout> {
    Layout::open(options::required("directory", options::path)?, app::name())
}

/// Every content of the image, once.
fn contents(image: &Image) -> impl Iterator<Item = &spin_deployer_oci::Layer> {
    let mut seen = BTreeSet::new();
    image
        .contents()
        .filter(move |layer| seen.insert(&layer.descriptor.digest))
}

fn kind(media_type: &str) -> &'static str {
    match media_type {
        media::WASM => "component",
        media::DATA => "file",
        media::ARCHIVE => "archive",
        _ => "layer",
    }
}
