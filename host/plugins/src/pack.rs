//! `plugins pack`: puts a manifest into a component.

use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::{Manifest, ManifestError, section};

use crate::component::{self, Component, LARGEST};
use crate::report::{PackReport, PluginId, SCHEMA};
use crate::{check, files};

/// What to pack.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The component, as the compiler made it.
    pub file: PathBuf,
    /// The manifest.
    pub manifest: PathBuf,
    /// Where to; `NAME.wasm` here where nobody says.
    pub out: Option<PathBuf>,
    /// Whether a manifest that is in it already is replaced.
    pub force: bool,
}

/// Packs a plugin: all of a file or none of it, the same bytes for the same component and manifest. Paths start in
/// `folder`.
///
/// # Errors
/// No component, no manifest, one that is there already, or something that no user could install.
pub fn pack(folder: &Path, request: &Pack) -> Result<PackReport, Error> {
    let file = folder.join(&request.file);
    let shown = request.file.display().to_string();
    let text = manifest(folder, &request.manifest)?;
    let mut wasm = files::read(&file, LARGEST)?;
    let unusable = |error: section::SectionError| {
        Error::new(Code::Usage, format!("{shown} cannot be packed")).detail(error.to_string())
    };
    let replaced = match section::extract(&wasm) {
        Err(section::SectionError::Missing) => false,
        Err(error @ (section::SectionError::Wasm(_) | section::SectionError::CoreModule)) => {
            return Err(unusable(error));
        }
        _ if request.force => {
            wasm = section::strip(&wasm).map_err(unusable)?;
            true
        }
        Ok(there) if there == text => {
            wasm = section::strip(&wasm).map_err(unusable)?;
            false
        }
        _ => {
            let message = format!("{shown} has a manifest in it already");
            return Err(Error::new(Code::Usage, message)
                .help("replace it with --force, or pack what the compiler made"));
        }
    };
    let packed = section::embed(&wasm, &text).map_err(unusable)?;
    let plugin = Component::of(&shown, packed)?;
    plugin.fits()?;
    if plugin.size() > LARGEST {
        let message = format!("{shown} has more than {LARGEST} bytes");
        return Err(Error::new(Code::Usage, message).help("leave out what it does not need"));
    }
    let out = match &request.out {
        Some(out) => out.clone(),
        None => PathBuf::from(format!("{}.wasm", plugin.manifest.name)),
    };
    files::write(&folder.join(&out), &plugin.wasm)?;
    Ok(PackReport {
        schema: SCHEMA,
        file: out,
        size: plugin.size(),
        replaced,
        warnings: check::warnings(&plugin),
        plugin: id(&plugin),
    })
}

/// Who a plugin is.
pub(crate) fn id(plugin: &component::Component) -> PluginId {
    PluginId {
        name: plugin.manifest.name.to_string(),
        version: plugin.manifest.version.to_string(),
        digest: plugin.digest.to_string(),
    }
}

fn manifest(folder: &Path, path: &Path) -> Result<String, Error> {
    let shown = path.display().to_string();
    let missing = || {
        Error::new(Code::Usage, format!("there is no {shown}"))
            .help("name the plugin's manifest with --manifest")
    };
    let text = files::read_text(&folder.join(path), section::MAX_SIZE as u64)?;
    let text = text.ok_or_else(missing)?;
    text.parse::<Manifest>().map_err(|error: ManifestError| {
        Error::new(Code::Usage, format!("{shown} is no manifest")).detail(format!(
            "{shown}:{}:{}: {}",
            error.line, error.column, error.problem
        ))
    })?;
    Ok(text)
}
