//! From a plugin's name to its component.
//!
//! The lock of the app decides on the digest, and where it says nothing the user: a plugin that they installed, or one in
//! this program. A name of a plugin in this program means that one wherever nobody said expressly that another one takes
//! its place.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::Line;
use spin_deployer_oci::Digest;
use spin_deployer_signature::{MAX_PROOF, MAX_SIGNATURE_FILE, Proof, minisign_file};
use spin_deployer_store::{
    Installed, LARGEST_COMPONENT as LARGEST, bundled, component_name, proof_name,
};

use crate::lock::{FILE, LockFile};
use crate::{Code, Environment, Error, bounded};

/// What a lock has as the source of a plugin in this program.
pub const BUILT_IN: &str = "built in";

/// Where targets and their plugins are looked for. The default is the working directory, and no folder of components.
#[derive(Clone, Copy, Debug, Default)]
pub struct Search<'a> {
    /// `-f`: beside which app `deployer.toml` and `deployer.lock` lie.
    pub from: Option<&'a str>,
    /// A folder with components that are named by their digests.
    pub vendor: Option<&'a Path>,
}

/// Where a plugin's component was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// In this program.
    BuiltIn,
    /// Among those that the user installed or fetched.
    Installed,
    /// In the folder of `--vendor`.
    Vendored,
    /// At a path that the user, their `deployer.toml` or the lock names.
    File,
}

/// A component, and what is known of where it comes from.
pub(crate) struct Component {
    pub(crate) wasm: Cow<'static, [u8]>,
    pub(crate) digest: Digest,
    pub(crate) found: Found,
    pub(crate) source: Line,
    pub(crate) signer: Option<Line>,
    /// What lies beside it and proves that.
    pub(crate) proof: Option<Proof>,
    /// Whether its user said that it takes the place of the plugin of this name in the program.
    pub(crate) overrides: bool,
}

/// The component of the plugin of this name. `None`: there is no such plugin.
///
/// # Errors
/// A lock or an installed plugin that cannot be used, or the lock names a component that is not here.
pub(crate) fn by_name(
    environment: &Environment,
    search: Search<'_>,
    name: &str,
) -> Result<Option<Component>, Error> {
    let built_in = bundled::find(name);
    let is_meant = |entry: &&LockedPlugin| built_in.is_none() || entry.overrides;
    let file = LockFile::beside(environment, search.from)?;
    if let Some(entry) = file.lock().plugins.get(name).filter(is_meant) {
        return locked(environment, search, &file, name, entry).map(Some);
    }
    if let Some(installed) = environment.installed()
        && let Some(entry) = installed.list()?.plugins.get(name).filter(is_meant)
    {
        let wasm = installed.component(&entry.digest)?.ok_or_else(|| {
            Error::new(
                Code::Usage,
                format!("the component of the installed plugin `{name}` is gone"),
            )
            .detail(
                installed
                    .component_file(&entry.digest)
                    .display()
                    .to_string(),
            )
            .help(format!(
                "`spin-deployer plugins install {}` puts it back",
                entry.source.as_str()
            ))
        })?;
        return Ok(Some(Component {
            wasm: Cow::Owned(wasm),
            proof: kept_proof(&installed, &entry.digest),
            digest: entry.digest.clone(),
            found: Found::Installed,
            source: entry.source.clone(),
            signer: entry.signer.clone(),
            overrides: entry.overrides,
        }));
    }
    built_in
        .map(|built_in| {
            Ok(Component {
                wasm: Cow::Borrowed(built_in.wasm),
                digest: built_in.digest.parse().map_err(internal)?,
                found: Found::BuiltIn,
                source: line(BUILT_IN)?,
                signer: None,
                proof: None,
                overrides: false,
            })
        })
        .transpose()
}

/// The component that the lock names, and no other one.
fn locked(
    environment: &Environment,
    search: Search<'_>,
    file: &LockFile,
    name: &str,
    entry: &LockedPlugin,
) -> Result<Component, Error> {
    // These very bytes are what the lock is about, so its signer is theirs, whatever else is known of them here.
    let component = |wasm: Vec<u8>, found: Found, proof: Option<Proof>| Component {
        wasm: Cow::Owned(wasm),
        digest: entry.digest.clone(),
        found,
        source: entry.source.clone(),
        signer: entry.signer.clone(),
        proof,
        overrides: entry.overrides,
    };
    if let Some(folder) = search.vendor
        && let Some(wasm) = vendored(folder, &entry.digest)?
    {
        let proof = bounded::read(&folder.join(proof_name(&entry.digest)), MAX_PROOF);
        let proof = proof.ok().and_then(|proof| Proof::from_json(&proof));
        return Ok(component(wasm, Found::Vendored, proof));
    }
    if let Some(installed) = environment.installed()
        && let Some(wasm) = installed.component(&entry.digest)?
    {
        let proof = kept_proof(&installed, &entry.digest);
        return Ok(component(wasm, Found::Installed, proof));
    }
    if is_file(entry.source.as_str()) {
        let folder = file.path().parent().unwrap_or(&environment.cwd);
        let path = folder.join(entry.source.as_str());
        if let Ok(wasm) = bounded::read(&path, LARGEST)
            && Digest::of(&wasm) == entry.digest
        {
            return Ok(component(wasm, Found::File, beside(&path)));
        }
    }
    let source = entry.source.as_str();
    Err(Error::new(
        Code::Usage,
        format!("plugin `{name}` of {FILE} is not here"),
    )
    .detail(format!(
        "{}\n{name} {} {}\nfrom {source}",
        file.path().display(),
        entry.version,
        entry.digest
    ))
    .help(format!(
        "`spin-deployer plugins fetch` gets it from {source}; where it has been fetched into a folder, add --vendor DIR"
    )))
}

fn kept_proof(installed: &Installed, digest: &Digest) -> Option<Proof> {
    Proof::from_json(&installed.proof(digest)?)
}

/// The signature file of a plugin's file.
fn beside(path: &Path) -> Option<Proof> {
    let text = bounded::read(&minisign_file(path), MAX_SIGNATURE_FILE as u64).ok()?;
    Some(Proof::Minisign(String::from_utf8(text).ok()?))
}

/// # Errors
/// It is there, and cannot be read or has another digest.
fn vendored(folder: &Path, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
    let path = folder.join(component_name(digest));
    let unusable = |code: Code, why: String| {
        Error::new(
            code,
            format!("the component {} cannot be used", path.display()),
        )
        .detail(why)
        .help(format!(
            "`spin-deployer plugins fetch --vendor {}` puts the right one there",
            folder.display()
        ))
    };
    match bounded::read(&path, LARGEST) {
        Ok(wasm) if Digest::of(&wasm) == *digest => Ok(Some(wasm)),
        Ok(wasm) => Err(unusable(
            Code::Denied,
            format!("its digest is {}", Digest::of(&wasm)),
        )),
        Err(e) if e.kind() == io::ErrorKind::NotFound && folder.is_dir() => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let message = format!("there is no folder {}", folder.display());
            Err(Error::new(Code::Usage, message).help(format!(
                "name the one that has the components after --vendor; `spin-deployer plugins fetch --vendor {}` makes it",
                folder.display()
            )))
        }
        Err(e) => Err(unusable(Code::Usage, e.to_string())),
    }
}

/// The component at a path, which starts at `base`. `folder`: that of the lock.
///
/// # Errors
/// It cannot be read.
pub(crate) fn by_path(base: &Path, path: &str, folder: &Path) -> Result<Component, Error> {
    let full = base.join(path);
    let wasm = bounded::read(&full, LARGEST).map_err(|e| {
        Error::new(
            Code::Usage,
            format!("cannot read the plugin {}", full.display()),
        )
        .detail(e.to_string())
    })?;
    Ok(Component {
        digest: Digest::of(&wasm),
        wasm: Cow::Owned(wasm),
        found: Found::File,
        source: line(&written(&full, path, folder))?,
        signer: None,
        proof: beside(&full),
        // A path says which file is meant, and not what its name means elsewhere.
        overrides: false,
    })
}

/// How a lock in `folder` names a file: from there where it lies below, so that it is the same on every machine.
fn written(full: &Path, typed: &str, folder: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (full, folder): (PathBuf, PathBuf) = (absolute(full), absolute(folder));
    match full.strip_prefix(&folder) {
        Ok(below) => {
            let parts = below
                .components()
                .map(|part| part.as_os_str().to_string_lossy());
            format!("./{}", parts.collect::<Vec<_>>().join("/"))
        }
        Err(_) => typed.to_owned(),
    }
}

/// Whether a plugin is named by the path of its file.
pub(crate) fn is_file(plugin: &str) -> bool {
    Path::new(plugin).extension().is_some_and(|e| e == "wasm")
}

fn line(text: &str) -> Result<Line, Error> {
    // A path can have control characters in it.
    let shown = |c: char| if c.is_control() { '?' } else { c };
    let text: String = text.chars().map(shown).collect();
    Line::try_from(text).map_err(internal)
}

fn internal(why: impl std::fmt::Display) -> Error {
    Error::new(Code::Usage, why.to_string())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/app/plugin.wasm", "/app", "./plugin.wasm")]
    #[case("/app/./target/plugin.wasm", "/app", "./target/plugin.wasm")]
    #[case("/elsewhere/plugin.wasm", "/app", "typed")]
    fn a_lock_names_a_file_of_the_app_from_its_own_folder(
        #[case] full: &str,
        #[case] folder: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(
            written(Path::new(full), "typed", Path::new(folder)),
            expected
        );
    }
}
