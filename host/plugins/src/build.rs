//! `catalog build`: the files of a catalog, out of a folder of plugins.
//!
//! The plugins lie in the folder or below it, each with its signature beside it where it has one (`FILE.minisig`), and
//! stay where they are. Written are the index and a file for each version. A version that was published before stays as it
//! is, which is decided in `published`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use spin_deployer_catalog::{self as catalog, Entry, INDEX, Location, OfferedSignature};
use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_signature::{MAX_SIGNATURE_FILE, PublicKey, verify_minisign};

use crate::component::Component;
use crate::files;
use crate::pack::id;
use crate::published::Published;
use crate::report::{BuildReport, PluginId, SCHEMA};
use crate::signer;

/// Folders in folders, and no deeper.
const DEEPEST: usize = 4;

/// What to build.
#[derive(Clone, Debug)]
pub struct Build {
    /// The folder of the plugins, which becomes the catalog.
    pub folder: PathBuf,
    /// The publisher's key of minisign, with which each plugin is signed.
    pub key: Option<String>,
}

/// Writes the files.
///
/// # Errors
/// Something in the folder is no plugin, two of one version, a bad signature, a version that was published would change or
/// be lost, or a file cannot be written. Then the index is as it was.
pub fn build(environment: &Environment, request: &Build) -> Result<BuildReport, Error> {
    let folder = environment.cwd.join(&request.folder);
    let key = request.key.as_deref();
    let key = key
        .map(|key| signer::key(key, &environment.cwd))
        .transpose()?;
    let published = Published::of(&folder)?;
    let mut found = Vec::new();
    collect(&folder, &mut Vec::new(), &mut found)?;
    if found.is_empty() {
        let message = format!("there is no plugin in {}", request.folder.display());
        return Err(Error::new(Code::Usage, message)
            .help("put packed plugins there: `spin-deployer plugins pack` makes them"));
    }
    let mut plugins = BTreeMap::new();
    let mut entries = Vec::new();
    for path in found {
        let component = Component::open(&folder.join(&path))?;
        component.fits()?;
        entries.push(entry(&folder, &path, &component, key.as_ref())?);
        let id = id(&component);
        plugins.insert((id.name.clone(), component.manifest.version.clone()), id);
    }
    for entry in published.beside(&entries, &folder)? {
        let id = PluginId {
            name: entry.name.to_string(),
            version: entry.version.to_string(),
            digest: entry.component.digest.to_string(),
        };
        plugins.insert((id.name.clone(), entry.version.clone()), id);
        entries.push(entry);
    }
    let written = catalog::build(entries).map_err(|error| {
        Error::new(Code::Usage, "these plugins make no catalog").detail(error.to_string())
    })?;
    // The index last: until then nobody is led to anything that is not there.
    let (index, others): (Vec<_>, Vec<_>) =
        written.iter().partition(|(path, _)| path.as_str() == INDEX);
    for (path, bytes) in others.into_iter().chain(index) {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(|error| {
            let message = format!("cannot write {}", parent.display());
            Error::new(Code::Failed, message).detail(error.to_string())
        })?;
        files::write(&path, bytes)?;
    }
    Ok(BuildReport {
        schema: SCHEMA,
        folder: request.folder.clone(),
        files: written.into_keys().collect(),
        plugins: plugins.into_values().collect(),
    })
}

fn entry(
    folder: &Path,
    path: &str,
    component: &Component,
    key: Option<&PublicKey>,
) -> Result<Entry, Error> {
    let wrong =
        |why: String| Error::new(Code::Usage, format!("{path} cannot be in a catalog")).detail(why);
    let place = |path: &str| {
        path.parse::<Location>()
            .map_err(|error| wrong(error.to_string()))
    };
    let beside = format!("{path}.minisig");
    let text = files::read_text(&folder.join(&beside), MAX_SIGNATURE_FILE as u64)?;
    let signature = match (key, text) {
        (None, None) => None,
        (Some(key), Some(text)) => {
            verify_minisign(key, &component.wasm, &text).map_err(|error| {
                Error::new(Code::Denied, format!("{beside} is no good signature"))
                    .detail(error.to_string())
            })?;
            Some(OfferedSignature {
                key: key.clone(),
                url: place(&beside)?,
            })
        }
        (Some(_), None) => {
            let message = format!("{path} is not signed");
            return Err(
                Error::new(Code::Usage, message).help(format!("sign it: minisign -S -m {path}"))
            );
        }
        (None, Some(_)) => {
            let message = format!("there is a signature, {beside}, and no key to check it with");
            return Err(
                Error::new(Code::Usage, message).help("name the public half: --key minisign.pub")
            );
        }
    };
    let described = catalog::Component {
        url: place(path)?,
        digest: component.digest.clone(),
        size: Some(component.size()),
        signature,
    };
    Entry::of(&component.manifest, described).map_err(|error| wrong(error.to_string()))
}

/// Paths of all plugins, with `/` between their parts, in one order.
fn collect(folder: &Path, parts: &mut Vec<String>, found: &mut Vec<String>) -> Result<(), Error> {
    let at = folder.join(parts.join("/"));
    let unreadable = |error: std::io::Error| {
        Error::new(Code::Usage, format!("cannot read {}", at.display())).detail(error.to_string())
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(&at).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        if let Some(name) = entry.file_name().to_str() {
            names.push((name.to_owned(), kind));
        }
    }
    names.sort_by(|one, two| one.0.cmp(&two.0));
    for (name, kind) in names {
        let is_wasm = Path::new(&name).extension().is_some_and(|e| e == "wasm");
        parts.push(name);
        if kind.is_dir() && parts.len() < DEEPEST {
            collect(folder, parts, found)?;
        } else if kind.is_file() && is_wasm {
            found.push(parts.join("/"));
        }
        parts.pop();
    }
    Ok(())
}
