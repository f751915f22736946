//! What can be wrong with the files of a catalog.

use semver::Version;
use spin_deployer_manifest::PluginName;
use spin_deployer_publish::quote;

/// The version of the format.
pub(crate) const SCHEMA: i64 = 1;

/// What is wrong with a file of a catalog. Which one the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// More than anybody needs.
    #[error("it has {bytes} bytes, and {most} are the most")]
    TooLarge {
        /// As it is.
        bytes: usize,
        /// As it may be.
        most: usize,
    },
    /// No JSON, an unknown key, a missing one, or a text that does not become the type of its key.
    #[error("{0}")]
    Json(String),
    /// Nothing says which version of this format it is.
    #[error(
        "it does not say the version of its format, `\"schema\": {SCHEMA}`: is this the address of a catalog?"
    )]
    NoSchema,
    /// A format of another version.
    #[error(
        "it is a catalog of schema {0}, and schema {SCHEMA} is the one that is understood: use a release of spin-deployer that knows it"
    )]
    Schema(i64),
    /// For the other kind of plugin.
    #[error(
        "it is a plugin of Spin itself, a program in `packages`, and no component to deploy with: install it with `spin plugins install`"
    )]
    SpinPlugin,
    /// A text that nobody would read.
    #[error("`{key}` has {bytes} bytes, and {most} are the most")]
    TooLong {
        /// Where it stands.
        key: &'static str,
        /// As it is.
        bytes: usize,
        /// As it may be.
        most: usize,
    },
    /// More entries than anybody has.
    #[error("there are {count} {what}, and {most} are the most")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// As there are.
        count: usize,
        /// As there may be.
        most: usize,
    },
    /// A plugin in no version.
    #[error("plugin `{0}` has no version")]
    NoVersions(PluginName),
    /// The same version twice.
    #[error("plugin `{0}` has the version {1} twice")]
    Twice(PluginName, Version),
    /// A version with build metadata.
    #[error(
        "the version {0} has build metadata, what follows the `+`, by which versions have no order: leave it out"
    )]
    BuildMetadata(Version),
}

/// Goes on only where a text has at most `most` bytes.
pub(crate) fn bounded(key: &'static str, text: &str, most: usize) -> Result<(), CatalogError> {
    match text.len() {
        bytes if bytes > most => Err(CatalogError::TooLong { key, bytes, most }),
        _ => Ok(()),
    }
}

/// What the reader of JSON says, which may repeat what a stranger wrote.
pub(crate) fn json(error: &serde_json::Error) -> CatalogError {
    CatalogError::Json(quote(&error.to_string()))
}

/// Two that should say the same, and do not. Nothing of it is to be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{first} says {what} {said}, and {second} says {other}: the catalog is broken; tell who keeps it"
)]
pub struct Inconsistency {
    /// `the index`, `the catalog`.
    pub first: &'static str,
    /// The file of the version, or the component itself.
    pub second: &'static str,
    /// `name`, `version`, `digest`.
    pub what: &'static str,
    /// What the first one says.
    pub said: String,
    /// What the second one says.
    pub other: String,
}

/// The first of what two say that differs.
pub(crate) fn compare(
    first: &'static str,
    second: &'static str,
    said: impl IntoIterator<Item = (&'static str, String, String)>,
) -> Result<(), Inconsistency> {
    let mut said = said.into_iter();
    match said.find(|(_, said, other)| said != other) {
        None => Ok(()),
        Some((what, said, other)) => Err(Inconsistency {
            first,
            second,
            what,
            said,
            other,
        }),
    }
}
