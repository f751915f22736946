//! Where the app goes, as the options say.

use spin_deployer_oci::{Annotations, Credential, Image, Registry, timestamp};
use spin_deployer_sdk::transport::WasiHttp;
use spin_deployer_sdk::{Error, Result, options};

use crate::errors;

pub(crate) struct Target {
    pub(crate) registry: Registry<WasiHttp>,
    /// `ghcr.io/acme/shop`
    pub(crate) name: String,
    /// Never empty.
    pub(crate) tags: Vec<String>,
    pub(crate) mount_from: Vec<String>,
    origin: String,
    host: String,
}

impl Target {
    pub(crate) fn named() -> Result<Self> {
        let reference = options::required("reference", options::registry)?;
        if reference.digest.is_some() {
            return Err(Error::invalid_option(
                "reference",
                "a digest is what a push results in, not where it goes",
            )
            .hint("leave out everything from the @ on"));
        }
        let mut tags = vec![reference.tag.unwrap_or_else(|| "latest".to_owned())];
        for tag in options::list("tag")? {
            if !is_tag(&tag) {
                return Err(Error::invalid_option("tag", format!("`{tag}` is no tag"))
                    .hint("letters, digits, `_`, `.` and `-`, at most 128, not beginning with `.` or `-`"));
            }
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let mount_from = options::list("mount-from")?;
        if let Some(wrong) = mount_from.iter().find(|name| !is_repository(name)) {
            return Err(
                Error::invalid_option("mount-from", format!("`{wrong}` is no repository")).hint(
                    "a repository of the same registry, without the registry's name: acme/base",
                ),
            );
        }
        let credential = reference.credential.map(|credential| match credential {
            options::Credential::Password((user, password)) => Credential::Password(user, password),
            options::Credential::IdentityToken(token) => Credential::IdentityToken(token),
        });
        let registry = Registry::new(
            WasiHttp::default(),
            &reference.origin,
            &reference.repository,
            credential,
            &mount_from,
        );
        Ok(Self {
            registry,
            name: format!("{}/{}", reference.registry, reference.repository),
            tags,
            mount_from,
            origin: reference.origin,
            host: reference.registry,
        })
    }

    pub(crate) fn image(&self) -> Result<Image> {
        let mut annotations: Annotations = options::pairs("annotation")?.into_iter().collect();
        if let Some(seconds) = options::text("source-date-epoch")? {
            let created = seconds
                .trim()
                .parse()
                .ok()
                .and_then(timestamp::rfc3339)
                .ok_or_else(|| {
                    Error::invalid_option("source-date-epoch", format!("`{seconds}` is no time"))
                        .hint("whole seconds since 1970, as `date +%s` prints them")
                })?;
            annotations
                .entry("org.opencontainers.image.created".to_owned())
                .or_insert(created);
        }
        spin_deployer_sdk::oci::assemble(annotations, options::flag("archive-layers")?)
    }

    /// What went wrong, in the user's words.
    pub(crate) fn explain(&self, error: spin_deployer_oci::Error) -> Error {
        errors::of_registry(error, &self.host, &self.origin, &self.name)
    }
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(word)
        && text.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn is_repository(text: &str) -> bool {
    text.split('/').all(|part| {
        let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(end)
            && part.ends_with(end)
            && part.chars().all(|c| end(c) || "._-".contains(c))
    })
}
