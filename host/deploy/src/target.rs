//! From a name to the plugin that serves it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use spin_deployer_app::Source;
use spin_deployer_manifest::{Manifest, section};
use spin_deployer_store::bundled;

use crate::bounded;
use crate::configuration::Configuration;
use crate::report::TargetSummary;
use crate::{Code, Environment, Error};

/// The target of a command that names none, where `deployer.toml` names none either.
const DEFAULT: &str = "local";

/// A plugin, and what `deployer.toml` says of its options.
#[derive(Clone)]
pub struct Target {
    /// What the user typed.
    pub name: String,
    /// What the plugin asks for.
    pub manifest: Manifest,
    /// `sha256:` and 64 hexadecimal digits over the component.
    pub digest: String,
    pub(crate) wasm: Cow<'static, [u8]>,
    /// Whether it came with this binary.
    pub(crate) bundled: bool,
    pub(crate) settings: BTreeMap<String, toml::Value>,
    /// Where relative paths in `settings` start.
    pub(crate) folder: PathBuf,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Target({}, {} {})",
            self.name, self.manifest.name, self.digest
        )
    }
}

impl Target {
    /// Finds a target: by `deployer.toml`, by a plugin's own name, or by the path of a `.wasm` file.
    /// `None` is `deployer.toml`'s default target, or `local`.
    ///
    /// # Errors
    /// No such target, a broken `deployer.toml`, a file that is no plugin.
    pub fn resolve(
        environment: &Environment,
        from: Option<&str>,
        name: Option<&str>,
    ) -> Result<Self, Error> {
        let configuration = Configuration::read(&folder(environment, from))?;
        let name = name
            .or(configuration.target.as_deref())
            .unwrap_or(DEFAULT)
            .to_owned();
        let (plugin, settings, base) = match configuration.table(&name)? {
            Some(table) => (
                table.plugin.clone(),
                table.options.clone(),
                configuration.folder.as_path(),
            ),
            None => (name.clone(), BTreeMap::new(), environment.cwd.as_path()),
        };
        let (wasm, digest, bundled) = if is_file(&plugin) {
            let (wasm, digest) = read_plugin(&base.join(&plugin))?;
            (wasm, digest, false)
        } else if let Some(found) = bundled::find(&plugin) {
            (Cow::Borrowed(found.wasm), found.digest.to_owned(), true)
        } else {
            return Err(unknown(&plugin, &configuration));
        };
        let text = section::extract(&wasm).map_err(|e| no_plugin(&plugin, &e))?;
        let manifest: Manifest = text.parse().map_err(|e| no_plugin(&plugin, &e))?;
        Ok(Self {
            name,
            manifest,
            digest,
            wasm,
            bundled,
            settings,
            folder: configuration.folder,
        })
    }

    /// Whether the plugin may take an option's value from this variable. The manifest of a file that nobody has looked
    /// at could name any token in the environment, so it gets none but those that are meant for plugins.
    pub(crate) fn may_read(&self, variable: &str) -> bool {
        self.bundled || variable.starts_with("SPIN_DEPLOYER_")
    }

    /// All targets that can be typed without a path.
    ///
    /// # Errors
    /// A broken `deployer.toml`.
    pub fn list(
        environment: &Environment,
        from: Option<&str>,
    ) -> Result<Vec<TargetSummary>, Error> {
        let configuration = Configuration::read(&folder(environment, from))?;
        let default = configuration
            .target
            .as_deref()
            .unwrap_or(DEFAULT)
            .to_owned();
        let unknown = "?".to_owned();
        let named = configuration.targets.iter().map(|(name, table)| {
            let plugin = table.as_ref().map_or(&unknown, |table| &table.plugin);
            (name, plugin, "deployer.toml")
        });
        let built_in = bundled::all()
            .iter()
            .map(|b| b.name.to_owned())
            .collect::<Vec<_>>();
        let built_in = built_in
            .iter()
            .filter(|name| !configuration.targets.contains_key(*name))
            .map(|name| (name, name, "built in"));
        named
            .chain(built_in)
            .map(|(name, plugin, origin)| {
                // One that cannot be used does not hide the others.
                let (description, digest) = match Self::resolve(environment, from, Some(name)) {
                    Ok(target) => (target.manifest.description, Some(target.digest)),
                    Err(error) => (format!("cannot be used: {error}"), None),
                };
                Ok(TargetSummary {
                    name: name.clone(),
                    plugin: plugin.clone(),
                    digest,
                    description,
                    from: origin.to_owned(),
                    default: *name == default,
                })
            })
            .collect()
    }
}

/// The folder that holds `deployer.toml`: that of the app, or the working directory.
pub(crate) fn folder(environment: &Environment, from: Option<&str>) -> PathBuf {
    match Source::parse(from, &environment.cwd) {
        Ok(Source::Manifest(path)) => path.parent().unwrap_or(&environment.cwd).to_owned(),
        _ => environment.cwd.clone(),
    }
}

fn is_file(plugin: &str) -> bool {
    Path::new(plugin).extension().is_some_and(|e| e == "wasm")
}

/// The largest component that is read, so that a wrong path does not fill the memory. In bytes.
const LARGEST_PLUGIN: u64 = 256 << 20;

fn read_plugin(path: &Path) -> Result<(Cow<'static, [u8]>, String), Error> {
    let error = |e: std::io::Error| {
        Error::new(
            Code::Usage,
            format!("cannot read the plugin {}", path.display()),
        )
        .detail(e.to_string())
    };
    let wasm = bounded::read(path, LARGEST_PLUGIN).map_err(error)?;
    let digest = sha256(&wasm);
    Ok((Cow::Owned(wasm), digest))
}

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn no_plugin(plugin: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Usage, format!("`{plugin}` is not a plugin")).detail(why.to_string())
}

fn unknown(plugin: &str, configuration: &Configuration) -> Error {
    let known: Vec<&str> = configuration
        .targets
        .keys()
        .map(String::as_str)
        .chain(bundled::all().iter().map(|b| b.name))
        .collect();
    let nearest = nearest(plugin, known.iter().copied());
    let error = Error::new(Code::Usage, format!("no target is called `{plugin}`"));
    match nearest {
        Some(name) => error.help(format!("did you mean `{name}`?")),
        // What other tools take in this place.
        None if Path::new(plugin).is_dir() || plugin.ends_with(".toml") => {
            error.help(format!("an app is named with -f: `-f {plugin}`"))
        }
        None if plugin.contains('/') && !plugin.starts_with(['.', '/']) => {
            error.help(format!("a registry is named with its own option: `-t oci --reference {plugin}`"))
        }
        None => error.help(format!(
            "targets here are {}; a plugin in a file is named by its path, as in `-t ./plugin.wasm`",
            known.join(", ")
        )),
    }
}

/// The candidate that a typing mistake most likely meant.
pub(crate) fn nearest<'a>(
    typed: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    candidates
        // Two letters swapped are one mistake, which a similarity over a short word does not see.
        .map(|c| match strsim::damerau_levenshtein(&typed, c) {
            0 | 1 => (1.0, c),
            _ => (strsim::jaro_winkler(&typed, c), c),
        })
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_mistakes_are_understood() {
        let known = ["local", "oci", "staging"];
        for (typed, meant) in [
            ("oic", Some("oci")),
            ("OCI", Some("oci")),
            ("stagin", Some("staging")),
            ("hippo", None),
        ] {
            assert_eq!(nearest(typed, known.into_iter()), meant, "{typed}");
        }
    }

    #[test]
    fn what_belongs_elsewhere_is_sent_there() {
        let help = |typed: &str| unknown(typed, &Configuration::default()).help.unwrap();
        assert!(help(".").contains("-f ."));
        assert!(help("ghcr.io/acme/hello:v1").contains("--reference ghcr.io/acme/hello:v1"));
        assert!(help("kubernetes").contains("targets here are"));
    }
}
