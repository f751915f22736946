//! An application from its `spin.toml`, an OCI layout or a registry, validated and hashed, ready to be deployed.
//!
//! [`load`] turns a [`Source`] into an [`App`] or into findings, all of them in one go. Spin's own loader is not a
//! library that can be depended on, so this is another one with the same result; where Spin checks nothing and the
//! mistake would show only on the platform, or where a manifest could publish files from outside of its folder, this
//! one refuses. Manifests of version 1 and 2 are read whole: Wasm from URLs and packages, dependencies, profiles, and
//! what a trigger adds to its component.
//!
//! Everything is native and synchronous, and memory is constant: contents stay where they are and are read through
//! [`Content::open`], which notices when a file is not any more what was hashed. Nothing outside of the folder of
//! the app or layout can be read, whatever a manifest or a link in it says. What lies elsewhere is asked of [`Ports`],
//! once and only for an app without errors, and believed as far as its digest goes.
//!
//! ```no_run
//! use spin_deployer_app::{LoadOptions, Ports, Source, load};
//!
//! let source = Source::parse(Some("examples/hello"), &std::env::current_dir().unwrap()).unwrap();
//! match load(&source, &LoadOptions::default(), &Ports::default()) {
//!     Ok(app) => println!("{} {}", app.name(), app.fingerprint()),
//!     Err(error) => eprintln!("{error}"),
//! }
//! ```

mod app;
mod archive;
mod build;
mod composition;
mod content;
mod files;
mod finding;
mod folder;
mod found;
mod hash;
mod layout;
mod local;
mod locked;
mod manifest;
mod memory;
mod ports;
mod remote;
mod source;
mod wasm;

use std::path::PathBuf;

pub use self::app::{App, Component, File, Needs, Wasm};
pub use self::archive::ArchiveError;
pub use self::build::{BuildCommand, build_commands};
pub use self::content::{Content, ContentError, Reader};
pub use self::finding::{Finding, Level, LoadError};
use self::layout::Place;
pub use self::memory::{DigestMemory, FileMemory, FileStamp, MadeMemory, NoMemory};
pub use self::ports::{
    NoRemotes, NoTriggerComposer, Ports, Remote, RemoteError, Remotes, TriggerComposer,
};
pub use self::source::Source;

/// What a user may say about loading.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// In place of the app's own name: for previews and stages.
    pub name: Option<String>,
    /// In place of the app's own version.
    pub version: Option<String>,
    /// The build profile, for manifests: what `profile.<name>` of a component replaces.
    pub profile: Option<String>,
    /// Where archives are written; made when it is not there. `None`, or where that fails, is the system's folder.
    /// They have no name there.
    pub temporary: Option<PathBuf>,
    /// What becomes of an app that cannot be composed.
    pub composition: Composition,
    /// Core modules without dependencies stay what they are: for platforms of before components.
    pub keep_modules: bool,
}

/// What becomes of an app whose components cannot be composed with their dependencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Composition {
    /// It is not loaded.
    #[default]
    Required,
    /// It is loaded as it is, with the errors among [`App::findings`]: for looking at it. No Spin is run.
    Reported,
}

/// By which platforms know an app, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// What [`App::name`] would be.
    pub name: String,
    /// What [`App::version`] would be.
    pub version: Option<String>,
}

/// Name and version of an app, without its Wasm or files having to be there: only `spin.toml` or the locked
/// application is read.
///
/// # Errors
/// What is wrong with these two, or keeps them from being found.
pub fn identify(
    source: &Source,
    options: &LoadOptions,
    ports: &Ports<'_>,
) -> Result<Identity, LoadError> {
    let own = options.checked(match source {
        Source::Manifest(path) => local::identify(path, options),
        Source::OciLayout { directory, name } => {
            let name = name.as_deref();
            layout::identify(Place::Layout { directory, name }, options)
        }
        Source::Registry(reference) => layout::from_registry(reference, ports.remotes, |place| {
            layout::identify(place, options)
        }),
    })?;
    Ok(Identity {
        name: options.name.clone().unwrap_or(own.name),
        version: options.version.clone().or(own.version),
    })
}

/// Loads an app: reads it, checks it, hashes what belongs to it.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(source: &Source, options: &LoadOptions, ports: &Ports<'_>) -> Result<App, LoadError> {
    options.checked(match source {
        Source::Manifest(path) => local::load(path, options, ports),
        Source::OciLayout { directory, name } => {
            let name = name.as_deref();
            layout::load(Place::Layout { directory, name }, options, ports)
        }
        Source::Registry(reference) => layout::from_registry(reference, ports.remotes, |place| {
            layout::load(place, options, ports)
        }),
    })
}

impl LoadOptions {
    /// Adds what is wrong with name and version to what came of them.
    fn checked<T>(&self, result: Result<T, LoadError>) -> Result<T, LoadError> {
        let given = [("name", &self.name), ("version", &self.version)];
        let mut findings: Vec<_> = given
            .into_iter()
            .filter_map(|(what, given)| {
                let given = given.as_deref()?;
                let problem = unusable(given)?;
                let message = format!("the {what} to use in place of the app's {problem}");
                Some(Finding::error("invalid-name", None, &message, ""))
            })
            .collect();
        if findings.is_empty() {
            return result;
        }
        findings.extend(result.err().into_iter().flat_map(|error| error.findings));
        Err(LoadError { findings })
    }
}

/// What is wrong with a name, as the end of a sentence about it.
fn unusable(name: &str) -> Option<&'static str> {
    if name.trim().is_empty() {
        Some("is empty")
    } else if name.contains(char::is_control) {
        Some("has control characters in it")
    } else {
        None
    }
}
