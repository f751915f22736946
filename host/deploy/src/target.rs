//! From a name to the plugin that serves it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use spin_deployer_app::Source;
use spin_deployer_grants::{Grant, LockedPlugin, Policies, Values};
use spin_deployer_manifest::{Ask, Change, Line, Manifest, section};
use spin_deployer_oci::Digest;
use spin_deployer_signature::Proof;
use spin_deployer_store::bundled;

use crate::configuration::Configuration;
use crate::lock::FILE;
use crate::report::TargetSummary;
use crate::resolution::{self, Component, Found, Search};
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
    /// Of the component.
    pub digest: Digest,
    /// Where the component was found.
    pub found: Found,
    /// Where it comes from, as a lock says it.
    pub source: Line,
    /// Who signed it, as the lock or what is installed says; see [`Self::proven_signer`].
    pub signer: Option<Line>,
    /// What lies beside the component and proves who did.
    pub(crate) proof: Option<Proof>,
    /// Whether its user said that it takes the place of the plugin of this name in the program.
    pub(crate) overrides: bool,
    pub(crate) wasm: Cow<'static, [u8]>,
    /// What was agreed to, all that the manifest asks for. `None`: nothing, and it gets what the user names.
    pub(crate) agreed: Option<Ask>,
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
    /// No such target, a broken `deployer.toml` or `deployer.lock`, a component that is not here, a file that is no plugin.
    pub fn resolve(
        environment: &Environment,
        search: Search<'_>,
        name: Option<&str>,
    ) -> Result<Self, Error> {
        let configuration = Configuration::read(&folder(environment, search.from))?;
        let name = name
            .or(configuration.target.as_deref())
            .unwrap_or(DEFAULT)
            .to_owned();
        let table = configuration.table(&name)?;
        let of = table.map(|_| name.as_str());
        let (plugin, settings, base) = match table {
            Some(table) => (
                table.plugin.clone(),
                table.options.clone(),
                configuration.folder.as_path(),
            ),
            None => (name.clone(), BTreeMap::new(), environment.cwd.as_path()),
        };
        let is_file = resolution::is_file(&plugin);
        let component = match is_file {
            true => resolution::by_path(base, &plugin, &configuration.folder)?,
            false => resolution::by_name(environment, search, &plugin)?
                .ok_or_else(|| unknown(environment, &plugin, &configuration, of))?,
        };
        let is_named = !is_file;
        let target = Self::of(
            name,
            &plugin,
            is_named,
            component,
            settings,
            configuration.folder,
        )?;
        target.with_agreement(environment)
    }

    /// `is_named`: it is known by its name, which it has to bear then.
    fn of(
        name: String,
        plugin: &str,
        is_named: bool,
        component: Component,
        settings: BTreeMap<String, toml::Value>,
        folder: PathBuf,
    ) -> Result<Self, Error> {
        let text = section::extract(&component.wasm).map_err(|e| no_plugin(plugin, &e))?;
        let manifest: Manifest = text.parse().map_err(|e| no_plugin(plugin, &e))?;
        if is_named && manifest.name.as_str() != plugin {
            let message = format!(
                "the plugin that is known as `{plugin}` calls itself `{}`",
                manifest.name
            );
            return Err(Error::new(Code::Usage, message).detail(component.digest.to_string()));
        }
        let Component {
            wasm,
            digest,
            found,
            source,
            signer,
            proof,
            overrides,
        } = component;
        Ok(Self {
            name,
            manifest,
            digest,
            found,
            source,
            signer,
            proof,
            overrides,
            wasm,
            agreed: None,
            settings,
            folder,
        })
    }

    fn with_agreement(mut self, environment: &Environment) -> Result<Self, Error> {
        self.agreed = self.agreed_before(environment)?;
        Ok(self)
    }

    /// The plugin of this name, whatever targets are called. `None`: there is none.
    ///
    /// # Errors
    /// As [`Self::resolve`].
    pub fn of_plugin(
        environment: &Environment,
        search: Search<'_>,
        plugin: &str,
    ) -> Result<Option<Self>, Error> {
        let folder = folder(environment, search.from);
        let name = plugin.to_owned();
        resolution::by_name(environment, search, plugin)?
            .map(|component| Self::of(name, plugin, true, component, BTreeMap::new(), folder))
            .transpose()
    }

    /// The component.
    pub fn component(&self) -> &[u8] {
        &self.wasm
    }

    /// Who signed it, where what lies beside it proves that.
    pub fn proven_signer(&self) -> Option<&Line> {
        let signer = self.signer.as_ref()?;
        let key = signer.as_str().parse().ok()?;
        let proof = self.proof.as_ref()?;
        proof.verify(&key, &self.wasm).ok()?;
        Some(signer)
    }

    /// Where it comes from, said in the same way in every folder.
    pub(crate) fn whole_source(&self) -> String {
        let source = self.source.as_str();
        let whole = (self.found == Found::File)
            .then(|| std::path::absolute(self.folder.join(source)).ok())
            .flatten();
        whole.map_or_else(|| source.to_owned(), |path| path.display().to_string())
    }

    /// What this user has agreed to of this very component, where it asks for more than what they name.
    fn agreed_before(&self, environment: &Environment) -> Result<Option<Ask>, Error> {
        let asks = Ask::of(&self.manifest);
        if !self.wants_more(&asks) {
            return Ok(None);
        }
        if let Some(installed) = environment.installed() {
            let mut plugins = installed.list()?.plugins;
            let entry = plugins.remove(self.manifest.name.as_str());
            if let Some(entry) = entry
                && entry.digest == self.digest
                && entry.asks.covers(&asks)
            {
                return Ok(Some(entry.asks));
            }
        }
        let before = match environment.agreed() {
            Some(agreed) => agreed.get(&self.digest)?,
            None => None,
        };
        let before = before.map(|agreed| agreed.asks);
        Ok(before.filter(|before| before.covers(&asks)))
    }

    /// Whether the plugin asks for more than it gets by what the user names: places that its author chose, or variables that
    /// are not meant for plugins.
    pub(crate) fn wants_more(&self, asks: &Ask) -> bool {
        asks.chooses_places() || asks.variables().any(|name| !self.is_for_plugins(name))
    }

    /// What a lock says of this plugin, where that was agreed to.
    pub(crate) fn entry(&self) -> LockedPlugin {
        let asks = Ask::of(&self.manifest);
        LockedPlugin {
            source: self.source.clone(),
            version: self.manifest.version.clone(),
            digest: self.digest.clone(),
            signer: self.signer.clone(),
            overrides: self.overrides,
            asks: match self.agreed.is_some() {
                true => asks,
                false => asks.with_variables(|name| self.is_for_plugins(name)),
            },
        }
    }

    /// Whether an entry of this name is about this plugin. A file can bear the name of a plugin in this program: neither is
    /// another version of the other.
    pub(crate) fn is_meant_by(&self, entry: &LockedPlugin) -> bool {
        let is_ours = bundled::find(self.manifest.name.as_str()).is_some();
        let is_built_in = entry.source.as_str() == resolution::BUILT_IN;
        !is_ours || is_built_in == (self.found == Found::BuiltIn)
    }

    /// What the plugin may send with these values.
    ///
    /// # Errors
    /// What was agreed to is less than what the manifest asks for.
    pub(crate) fn grant(&self, values: &Values, policies: &Policies) -> Result<Grant, Vec<Change>> {
        match &self.agreed {
            Some(agreed) => Grant::agreed(&self.manifest, values, agreed, policies),
            None => Ok(Grant::naming(&self.manifest, values, policies)),
        }
    }

    /// Whether the plugin may take an option's value from this variable. The manifest of a file that nobody has looked
    /// at could name any token in the environment, so it gets none but those that are meant for plugins.
    pub(crate) fn may_read(&self, variable: &str) -> bool {
        self.agreed.is_some() || self.is_for_plugins(variable)
    }

    /// Whether nobody has to agree to that: variables of a plugin in this program are the program's own.
    pub(crate) fn is_for_plugins(&self, variable: &str) -> bool {
        self.found == Found::BuiltIn || variable.starts_with("SPIN_DEPLOYER_")
    }

    /// All targets that can be typed without a path.
    ///
    /// # Errors
    /// A broken `deployer.toml`, or plugins that cannot be listed.
    pub fn list(
        environment: &Environment,
        search: Search<'_>,
    ) -> Result<Vec<TargetSummary>, Error> {
        let configuration = Configuration::read(&folder(environment, search.from))?;
        let default = configuration
            .target
            .as_deref()
            .unwrap_or(DEFAULT)
            .to_owned();
        let mut named: BTreeMap<String, (String, &str)> = BTreeMap::new();
        let installed = match environment.installed() {
            Some(installed) => installed.list()?,
            None => Default::default(),
        };
        let installed = installed
            .plugins
            .into_keys()
            .map(|name| (name.to_string(), "installed"));
        let built_in = bundled::all()
            .iter()
            .map(|b| (b.name.to_owned(), "built in"));
        for (name, origin) in built_in.chain(installed) {
            named.entry(name.clone()).or_insert((name, origin));
        }
        for (name, table) in &configuration.targets {
            let plugin = table.as_ref().map_or("?", |table| &table.plugin);
            named.insert(name.clone(), (plugin.to_owned(), "deployer.toml"));
        }
        // Those of the app first.
        let (own, others): (Vec<_>, Vec<_>) = named
            .into_iter()
            .partition(|(name, _)| configuration.targets.contains_key(name));
        own.into_iter()
            .chain(others)
            .map(|(name, (plugin, origin))| {
                // One that cannot be used does not hide the others.
                let resolved = Self::resolve(environment, search, Some(&name));
                let overrides =
                    |target: &Self| origin == "built in" && target.found != Found::BuiltIn;
                let origin = match resolved.as_ref().is_ok_and(overrides) {
                    true => "installed",
                    false => origin,
                };
                let (description, digest) = match resolved {
                    Ok(target) => (target.manifest.description, Some(target.digest.to_string())),
                    Err(error) => (format!("cannot be used: {error}"), None),
                };
                Ok(TargetSummary {
                    default: name == default,
                    name,
                    plugin,
                    digest,
                    description,
                    from: origin.to_owned(),
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

/// `sha256:` and 64 hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
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

/// `of`: the table of `deployer.toml` that wants it.
fn unknown(
    environment: &Environment,
    plugin: &str,
    configuration: &Configuration,
    of: Option<&str>,
) -> Error {
    // It has been read before this.
    let installed = environment
        .installed()
        .and_then(|installed| installed.list().ok());
    let installed = installed.unwrap_or_default().plugins;
    let known: Vec<&str> = configuration
        .targets
        .keys()
        .map(String::as_str)
        .chain(bundled::all().iter().map(|b| b.name))
        .chain(
            installed
                .keys()
                .map(spin_deployer_manifest::PluginName::as_str),
        )
        .collect();
    let nearest = nearest(plugin, known.iter().copied());
    let message = match of {
        Some(target) => format!(
            "target `{target}` is with plugin `{plugin}`, which is neither installed nor in {FILE}"
        ),
        None => format!("no target is called `{plugin}`"),
    };
    let error = Error::new(Code::Usage, message);
    match nearest {
        Some(name) => error.help(format!("did you mean `{name}`?")),
        None if of.is_some() => error.help(format!(
            "`spin-deployer plugins install` beside spin.toml installs it and writes {FILE}; on other machines, and in CI, that has to be there too"
        )),
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
#[allow(clippy::unwrap_used)]
impl Target {
    /// A target whose component is never run.
    pub(crate) fn sample(manifest: &str, found: Found) -> Self {
        let manifest: Manifest = manifest.parse().unwrap();
        Self {
            name: manifest.name.to_string(),
            digest: Digest::of(manifest.name.as_str().as_bytes()),
            manifest,
            found,
            source: "./plugin.wasm".to_owned().try_into().unwrap(),
            signer: None,
            proof: None,
            overrides: false,
            wasm: Cow::Borrowed(&[]),
            agreed: None,
            settings: BTreeMap::new(),
            folder: "/app".into(),
        }
    }
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
        let environment = Environment::capture().unwrap();
        let unknown = |typed: &str| unknown(&environment, typed, &Configuration::default(), None);
        let help = |typed: &str| unknown(typed).help.unwrap();
        assert!(help(".").contains("-f ."));
        assert!(help("ghcr.io/acme/hello:v1").contains("--reference ghcr.io/acme/hello:v1"));
        assert!(help("kubernetes").contains("targets here are"));
    }
}
