//! What a command about plugins returns: the documents of `--output json`. Fields are added, never changed.
//!
//! All texts of plugins, catalogs and registries are in here as they came: whoever shows them escapes them.

use std::path::PathBuf;

use serde::Serialize;
pub use spin_deployer_deploy::report::{Consent, PluginId, SCHEMA};
use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::{Ask, HttpRule, Manifest, OptionKind, OptionSpec};

use crate::component::{Component, Contract};

/// A plugin, as its manifest and its component tell.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    /// The manifest's name.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// `sha256:` and 64 hexadecimal digits over the component.
    pub digest: String,
    /// Of the component, in bytes.
    pub size: u64,
    /// One line.
    pub description: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// A URL.
    pub homepage: Option<String>,
    /// Versions of Spin that it is made for; `None` is all.
    pub spin_compatibility: Option<String>,
    /// Which version of the contract it is built for: `0.1`.
    pub interface: String,
    /// What it exports of the contract: `deployer`, `login`.
    pub exports: Vec<String>,
    /// What it imports.
    pub imports: Vec<String>,
    /// What the platform runs.
    pub app: AboutApp,
    /// Its flags.
    pub options: Vec<AboutOption>,
    /// Where it wants to send what.
    pub rules: Vec<AboutRule>,
    /// What a user agrees to, a line each.
    pub asks: Vec<String>,
}

/// What a platform runs. `None` is everything.
#[derive(Clone, Debug, Serialize)]
pub struct AboutApp {
    /// Types of triggers.
    pub triggers: Option<Vec<String>>,
    /// Spin's host requirements.
    pub host_requirements: Option<Vec<String>>,
    /// In bytes.
    pub max_size: Option<u64>,
    /// Whether it runs core modules.
    pub modules: bool,
}

/// One flag.
#[derive(Clone, Debug, Serialize)]
pub struct AboutOption {
    /// `shelf-url` is `--shelf-url`.
    pub name: String,
    /// `url`, `secret`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What stands for the value.
    pub value_name: String,
    /// One line.
    pub help: String,
    /// Whether there must be a value.
    pub required: bool,
    /// Variables that give one.
    pub env: Vec<String>,
    /// What it is where nobody gives one.
    pub default: Option<Vec<String>>,
    /// Of a choice.
    pub choices: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
pub struct AboutRule {
    /// `{shelf-url}`, `https://api.example.com`
    pub to: String,
    /// By which methods.
    pub methods: Vec<String>,
    /// On which paths.
    pub paths: Vec<String>,
    /// Which secrets go there.
    pub sends: Vec<String>,
    /// What goes out even in a plan.
    pub plan: Vec<String>,
    /// Which answers lead further.
    pub follows: Vec<String>,
    /// What of the answers the plugin does not see.
    pub hides: Vec<String>,
    /// The author's reason.
    pub why: String,
}

impl About {
    /// Everything that can be told without running it.
    pub fn of(component: &Component, contract: &Contract) -> Self {
        let Manifest {
            name,
            version,
            description,
            license,
            homepage,
            spin_compatibility,
            app,
            options,
            http,
        } = &component.manifest;
        Self {
            name: name.to_string(),
            version: version.to_string(),
            digest: component.digest.to_string(),
            size: component.size(),
            description: description.clone(),
            license: license.clone(),
            homepage: homepage.clone(),
            spin_compatibility: spin_compatibility.as_ref().map(ToString::to_string),
            interface: contract.version.clone(),
            exports: contract.exports.clone(),
            imports: component.made_of.interfaces.imports.clone(),
            app: AboutApp {
                triggers: app.triggers.clone(),
                host_requirements: app.host_requirements.clone(),
                max_size: app.max_size,
                modules: app.modules,
            },
            options: options.iter().map(AboutOption::of).collect(),
            rules: http.iter().map(AboutRule::of).collect(),
            asks: Ask::of(&component.manifest).powers(),
        }
    }
}

impl AboutOption {
    fn of(option: &OptionSpec) -> Self {
        Self {
            name: option.name.to_string(),
            kind: option.kind.name().to_owned(),
            value_name: match &option.value_name {
                Some(name) => name.clone(),
                None => option.kind.value_name().to_owned(),
            },
            help: option.help.clone(),
            required: option.required,
            env: option.variables().cloned().collect(),
            default: option.default.clone(),
            choices: match &option.kind {
                OptionKind::Choice(choices) => choices.clone(),
                _ => Vec::new(),
            },
        }
    }
}

impl AboutRule {
    fn of(rule: &HttpRule) -> Self {
        Self {
            to: rule.to.to_string(),
            methods: texts(&rule.methods),
            paths: texts(&rule.paths),
            sends: texts(&rule.sends),
            plan: texts(&rule.plan),
            follows: texts(&rule.follows),
            hides: texts(&rule.hides),
            why: rule.why.clone(),
        }
    }
}

fn texts(items: &[impl ToString]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// The answer of `plugins pack`.
#[derive(Clone, Debug, Serialize)]
pub struct PackReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was made.
    pub file: PathBuf,
    /// Who it is.
    pub plugin: PluginId,
    /// In bytes.
    pub size: u64,
    /// Whether there was another manifest in it.
    pub replaced: bool,
    /// What its author should know.
    pub warnings: Vec<String>,
}

/// The answer of `plugins check`.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The plugin.
    pub plugin: About,
    /// What a user reads who is about to agree.
    pub consent: Consent,
    /// What its author should know.
    pub warnings: Vec<String>,
}

/// The answer of `plugins new`.
#[derive(Clone, Debug, Serialize)]
pub struct NewReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The folder.
    pub folder: PathBuf,
    /// What is in it.
    pub files: Vec<String>,
}

/// Where a plugin came from and who signed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// What to install it from again; `None` of one that is in the program.
    pub source: Option<String>,
    /// `minisign:…`, `cosign:…`, where somebody signed it.
    pub signer: Option<String>,
}

/// The answer of `plugins show`.
#[derive(Clone, Debug, Serialize)]
pub struct ShowReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The plugin.
    pub plugin: About,
    /// What a user reads who is about to agree.
    pub consent: Consent,
    /// `built-in`, `installed`, `locked` or `file`.
    pub from: &'static str,
    /// Where it came from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The manifest, as its author wrote it.
    pub manifest: String,
}

/// The answer of `plugins install`, and a line of that of `plugins upgrade`.
#[derive(Clone, Debug, Serialize)]
pub struct InstallReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What is there now.
    pub plugin: PluginId,
    /// Where it came from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// What its author wrote under the signature, where there was one with a comment.
    pub comment: Option<String>,
    /// What was there before, where it was another one.
    pub replaced: Option<PluginId>,
    /// Whether it was there already, and nothing was done.
    pub unchanged: bool,
    /// The lock that names it now.
    pub lock: Option<PathBuf>,
}

/// The answer of `plugins uninstall`.
#[derive(Clone, Debug, Serialize)]
pub struct UninstallReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What is gone.
    pub removed: Vec<PluginId>,
    /// The lock of the app that names one of them still.
    pub lock: Option<PathBuf>,
}

/// One plugin of `plugins list`.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// The manifest's name.
    pub name: String,
    /// The manifest's version.
    pub version: String,
    /// Of the component.
    pub digest: String,
    /// `built-in`, `installed`, `locked`: by the lock of the app alone.
    pub from: &'static str,
    /// Where it came from.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Whether it takes the place of one that is in the program.
    pub overrides: bool,
    /// A newer version that is there, where somebody asked and there is one.
    pub newer: Option<String>,
    /// Why that could not be told.
    pub unknown: Option<String>,
}

/// The answer of `plugins list`.
#[derive(Clone, Debug, Serialize)]
pub struct ListReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// By name.
    pub plugins: Vec<Listed>,
}

/// One thing that `plugins verify` looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// `component`, `vendored`, `compiled` or `built-in`.
    pub kind: &'static str,
    /// The plugin's name, where it has one.
    pub name: Option<String>,
    /// What it should be.
    pub digest: Option<String>,
    /// The file.
    pub file: Option<PathBuf>,
    /// What is wrong with it. `None`: nothing.
    pub problem: Option<String>,
}

/// The answer of `plugins verify`.
#[derive(Clone, Debug, Serialize)]
pub struct VerifyReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether all is as it should be.
    pub ok: bool,
    /// Everything that was looked at.
    pub checked: Vec<Verified>,
}

impl VerifyReport {
    /// What is not as it should be.
    pub fn problems(&self) -> impl Iterator<Item = &Verified> {
        self.checked.iter().filter(|one| one.problem.is_some())
    }
}

/// One plugin of `plugins fetch`.
#[derive(Clone, Debug, Serialize)]
pub struct Fetched {
    /// Its name in the lock.
    pub name: String,
    /// Of the component.
    pub digest: String,
    /// Where it is now; `None` of one that is in the program.
    pub file: Option<PathBuf>,
    /// Whether it was there before.
    pub was_here: bool,
}

/// The answer of `plugins fetch`.
#[derive(Clone, Debug, Serialize)]
pub struct FetchReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The lock.
    pub lock: PathBuf,
    /// By name.
    pub plugins: Vec<Fetched>,
}

/// One plugin of `plugins upgrade`.
#[derive(Clone, Debug, Serialize)]
pub struct Upgraded {
    /// Its name.
    pub name: String,
    /// What it was.
    pub from: String,
    /// What it is, or with `--dry-run` would be. The same where there is nothing newer.
    pub to: String,
    /// Of the component that it is.
    pub digest: String,
    /// What it asks for that it did not, with `+`, and what it asks for no more, with `-`.
    pub difference: Vec<String>,
    /// Whether something was done, or with `--dry-run` would be.
    pub changes: bool,
    /// Why it stays as it is, or what newer one it did not become because of this Spin.
    pub note: Option<String>,
    /// Why it could not be upgraded.
    pub error: Option<Failure>,
}

/// Why something of several failed, in the words of an error of its own.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Decides the exit status, where it is the first.
    pub code: Code,
    /// That of `code`.
    pub exit_code: u8,
    /// One sentence.
    pub message: String,
    /// Where and why.
    pub detail: Option<String>,
    /// What to do next.
    pub help: Option<String>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            code: error.code,
            exit_code: error.code.exit_code(),
            message: error.message,
            detail: error.detail,
            help: error.help,
        }
    }
}

/// The answer of `plugins upgrade`.
#[derive(Clone, Debug, Serialize)]
pub struct UpgradeReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// By name.
    pub plugins: Vec<Upgraded>,
}

impl UpgradeReport {
    /// What failed, by name.
    pub fn failures(&self) -> impl Iterator<Item = (&str, &Failure)> {
        let plugins = self.plugins.iter();
        plugins.filter_map(|plugin| Some((plugin.name.as_str(), plugin.error.as_ref()?)))
    }
}

/// The answer of `plugins push`.
#[derive(Clone, Debug, Serialize)]
pub struct PushReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was pushed.
    pub plugin: PluginId,
    /// Where it is, by its digest: what to sign, and what to install.
    pub reference: String,
    /// Of the artifact's manifest.
    pub artifact: String,
}

/// One plugin of a catalog.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The newest version.
    pub version: String,
    /// One line.
    pub description: String,
    /// The catalog that has it.
    pub catalog: String,
    /// Whether a plugin of that name is installed.
    pub installed: bool,
}

/// The answer of `plugins search`.
#[derive(Clone, Debug, Serialize)]
pub struct SearchReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// By name, then in the order of the catalogs.
    pub plugins: Vec<Found>,
}

/// One catalog.
#[derive(Clone, Debug, Serialize)]
pub struct CatalogSummary {
    /// What the user calls it.
    pub name: String,
    /// Where it is.
    pub location: String,
    /// Whether a token goes with each request to it.
    pub token: bool,
}

/// The answer of `catalog list`, `add` and `remove`: what there is now.
#[derive(Clone, Debug, Serialize)]
pub struct CatalogsReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// In the order in which they are asked.
    pub catalogs: Vec<CatalogSummary>,
}

/// The answer of `catalog build`.
#[derive(Clone, Debug, Serialize)]
pub struct BuildReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The folder.
    pub folder: PathBuf,
    /// What was written, relative to it.
    pub files: Vec<String>,
    /// What is in it.
    pub plugins: Vec<PluginId>,
}
