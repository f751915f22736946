//! `plugins push`: a plugin as an artifact in a registry, where `wkg` and `oras` find it too.

use std::path::PathBuf;
use std::str::FromStr as _;

use spin_deployer_deploy::{Code, Error, Workbench};
use spin_deployer_manifest::{Manifest, Reference};

use crate::component::{Component, LARGEST};
use crate::pack::id;
use crate::report::{PushReport, SCHEMA};

/// What to push, and where to.
#[derive(Clone, Debug)]
pub struct Push {
    /// A plugin's file.
    pub file: PathBuf,
    /// `ghcr.io/acme/shelf:1.0.0`
    pub reference: String,
}

/// Pushes a plugin with the credential that this machine has for the registry.
///
/// # Errors
/// It is no plugin, its version is not that of the tag, or the registry does not take it.
pub async fn push(workbench: &Workbench, request: &Push) -> Result<PushReport, Error> {
    let component = Component::open(&workbench.environment().cwd.join(&request.file))?;
    component.fits()?;
    let manifest = &component.manifest;
    let reference = Reference::from_str(&request.reference).map_err(|error| {
        Error::new(Code::Usage, "that is no place in a registry").detail(error.to_string())
    })?;
    if reference.digest().is_some() {
        return Err(Error::new(
            Code::Usage,
            "what is pushed has a tag, and gets its digest there",
        ));
    }
    let version = manifest.version.to_string();
    let reference = match reference.tag() {
        Some(tag) => {
            // Who asks for a version by its tag gets that version.
            if semver::Version::parse(tag).is_ok() && tag != version {
                let message = format!("the tag {tag} is a version, and this is {version}");
                return Err(Error::new(Code::Usage, message).help(format!(
                    "push it as `…:{version}`, or change the version in plugin.toml"
                )));
            }
            reference
        }
        None => reference.with_tag(&version).map_err(|_| {
            Error::new(Code::Usage, format!("the version {version} can be no tag"))
                .help("name a tag behind the repository, as in `…:latest`")
        })?,
    };
    let plugin = id(&component);
    let annotations = annotations(manifest);
    let image =
        spin_deployer_oci::component(component.wasm, &component.made_of.interfaces, annotations)
            .map_err(|error| {
                Error::new(Code::Failed, "it cannot be packed").detail(error.to_string())
            })?;
    let fetching = workbench.fetching(LARGEST)?;
    let pushed = fetching.fetcher().push(&reference, &image).await;
    fetching.done(pushed)?;
    let pinned = reference.with_digest(image.digest.as_str());
    Ok(PushReport {
        schema: SCHEMA,
        plugin,
        reference: pinned.map_or_else(|_| reference.to_string(), |pinned| pinned.to_string()),
        artifact: image.digest.to_string(),
    })
}

fn annotations(manifest: &Manifest) -> spin_deployer_oci::Annotations {
    let texts = [
        ("title", Some(manifest.name.to_string())),
        ("version", Some(manifest.version.to_string())),
        ("description", Some(manifest.description.clone())),
        ("licenses", manifest.license.clone()),
        ("url", manifest.homepage.clone()),
    ];
    texts
        .into_iter()
        .filter_map(|(key, text)| Some((format!("org.opencontainers.image.{key}"), text?)))
        .collect()
}
