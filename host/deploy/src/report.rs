//! What a command returns: the documents of `--output json`. Fields are added, never changed.

mod consent;

use std::path::PathBuf;

use serde::Serialize;
use spin_deployer_app::Finding;
use spin_deployer_store::Binding;

pub use consent::{Consent, ConsentFile, ConsentPlace, ConsentSecret, ConsentVariable};

/// The version of these documents, their first field.
pub const SCHEMA: u32 = 1;

/// The plugin that ran.
#[derive(Clone, Debug, Serialize)]
pub struct PluginId {
    /// Its manifest's name.
    pub name: String,
    /// Its manifest's version.
    pub version: String,
    /// `sha256:` and 64 hexadecimal digits over the component.
    pub digest: String,
}

/// The app that it ran for.
#[derive(Clone, Debug, Serialize)]
pub struct AppId {
    /// The app's name.
    pub name: String,
    /// The app's version, where it has one.
    pub version: Option<String>,
    /// Equal apps, equal fingerprint.
    pub fingerprint: String,
}

/// One line of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// `create`, `update`, `upload`, `keep` or `delete`.
    pub action: Action,
    /// What kind of thing: `layer`, `tag`, `release`.
    pub kind: String,
    /// Which one.
    pub name: String,
    /// Why, or from what to what.
    pub detail: Option<String>,
    /// How many bytes would be sent.
    pub bytes: Option<u64>,
}

/// What a deploy would do with a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is there and differs.
    Update,
    /// Its bytes are not there yet.
    Upload,
    /// It is there and stays.
    Keep,
    /// It is there and goes.
    Delete,
}

/// Where a part of the app answers.
#[derive(Clone, Debug, Serialize)]
pub struct Route {
    /// The trigger or component.
    pub name: String,
    /// Its address.
    pub url: String,
}

/// What a deploy leaves on the platform.
#[derive(Clone, Debug, Serialize)]
pub struct Release {
    /// The platform's own identifier.
    pub id: String,
    /// The app's version or tag.
    pub version: Option<String>,
    /// What is deployed, immutable.
    pub artifact: Option<String>,
    /// RFC 3339, UTC.
    pub created: Option<String>,
    /// Whether this is what the platform runs.
    pub active: bool,
    /// What the platform calls its state, in the platform's word: `running`, `dead`.
    pub state: Option<String>,
    /// Where it answers.
    pub routes: Vec<Route>,
}

/// What went over the wire.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Transferred {
    /// Bytes of contents that were sent or written.
    pub bytes: u64,
    /// Bytes of contents that the platform had.
    pub skipped_bytes: u64,
    /// HTTP requests.
    pub requests: u64,
}

/// The answer of `plan`.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name.
    pub target: String,
    /// The plugin that ran.
    pub plugin: PluginId,
    /// The app.
    pub app: AppId,
    /// What would happen, in the plugin's order.
    pub changes: Vec<Change>,
    /// What this plan itself may have sent beside GET and HEAD, by the plugin's rules: `POST
    /// https://hippo.example.com/api/auth-tokens`.
    pub effects: Vec<String>,
    /// What of that it did send, without the values of queries.
    pub sent: Vec<String>,
    /// Warnings about the app.
    pub findings: Vec<Finding>,
}

impl PlanReport {
    /// Whether a deploy would change anything.
    pub fn changes_something(&self) -> bool {
        self.changes.iter().any(|c| c.action != Action::Keep)
    }
}

/// The answer of `deploy`.
#[derive(Clone, Debug, Serialize)]
pub struct DeployReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name.
    pub target: String,
    /// The plugin that ran.
    pub plugin: PluginId,
    /// The app.
    pub app: AppId,
    /// What is there now.
    pub release: Release,
    /// What went over the wire.
    pub transferred: Transferred,
    /// Whether the release answers; `None` where the platform runs nothing or nobody waited.
    pub ready: Option<bool>,
    /// From the start of the command.
    pub seconds: f64,
    /// The `deployer.lock` that this wrote or changed; `None`: none.
    pub lock: Option<PathBuf>,
    /// Warnings about the app.
    pub findings: Vec<Finding>,
}

/// The answer of `status`, `history` and `rollback`.
#[derive(Clone, Debug, Serialize)]
pub struct ReleasesReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name.
    pub target: String,
    /// The plugin that ran.
    pub plugin: PluginId,
    /// Newest first: all that were asked for (`history`), or the active one if any (`status`, `rollback`).
    pub releases: Vec<Release>,
}

/// The answer of `destroy`.
#[derive(Clone, Debug, Serialize)]
pub struct DestroyReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name.
    pub target: String,
    /// The plugin that ran.
    pub plugin: PluginId,
    /// What was to be removed, before it was. None, where the plugin could not tell.
    pub planned: Option<Vec<Change>>,
    /// What is gone, in the plugin's words.
    pub removed: Vec<String>,
}

/// A saved secret, without the secret.
#[derive(Clone, Debug, Serialize)]
pub struct SavedId {
    /// Whose it is: `built-in NAME`, or a digest.
    pub plugin: String,
    /// Its option.
    pub option: String,
    /// The only places where it may go.
    pub origins: Vec<String>,
}

impl From<Binding> for SavedId {
    fn from(binding: Binding) -> Self {
        Self {
            plugin: binding.plugin,
            option: binding.option,
            origins: binding.origins.into_iter().collect(),
        }
    }
}

/// Where secrets are saved.
#[derive(Clone, Debug, Serialize)]
pub struct SecretStore {
    /// `file`.
    pub kind: &'static str,
    /// The file.
    pub path: PathBuf,
}

/// The answer of `login`.
#[derive(Clone, Debug, Serialize)]
pub struct LoginReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name.
    pub target: String,
    /// The plugin that ran.
    pub plugin: PluginId,
    /// Whether the plugin logged in; else the user gave what was saved.
    pub logged_in: bool,
    /// Who the platform says this is.
    pub account: Option<String>,
    /// RFC 3339, UTC; `None` where nobody said.
    pub expires: Option<String>,
    /// What was saved.
    pub saved: Vec<SavedId>,
    /// What was saved before, for the same places, and is removed because it cannot be used together with that.
    pub replaced: Vec<SavedId>,
    /// Where.
    pub store: SecretStore,
}

/// The answer of `logout`.
#[derive(Clone, Debug, Serialize)]
pub struct LogoutReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The target's name; `None` of `--all`.
    pub target: Option<String>,
    /// What was removed.
    pub removed: Vec<SavedId>,
    /// How many others are still saved.
    pub left: usize,
}

/// The answer of `key create` and `key show`.
#[derive(Clone, Debug, Serialize)]
pub struct KeyReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Where the private key is.
    pub file: PathBuf,
    /// The public key, 32 bytes in base64.
    pub public_key: String,
    /// What the user should know of the file: that others can read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A file of the app.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedFile {
    /// Where the component finds it.
    pub path: String,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A component's Wasm.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedWasm {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// A component of the app.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedComponent {
    /// Its id.
    pub id: String,
    /// Its code, as it was given.
    pub wasm: InspectedWasm,
    /// What is deployed in its place: with its dependencies in it, or made a component. Absent where it is the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composed: Option<InspectedWasm>,
    /// Its files, by path.
    pub files: Vec<InspectedFile>,
}

/// The answer of `inspect`.
#[derive(Clone, Debug, Serialize)]
pub struct InspectReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The locked app as Spin writes it, with `{app}` for the app's folder and `{mount}` for the folder into which
    /// Spin would copy the files.
    pub locked: serde_json::Value,
    /// What would be sent.
    pub components: Vec<InspectedComponent>,
    /// The app's fingerprint, where every component is one.
    pub fingerprint: String,
    /// The same for a target that runs modules as they are, as its plugin's `app.modules` says. Absent where it is no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint_with_modules: Option<String>,
    /// Warnings about the app, and errors where it cannot be composed.
    pub findings: Vec<Finding>,
}

/// One line of `targets`.
#[derive(Clone, Debug, Serialize)]
pub struct TargetSummary {
    /// What to type after `-t`.
    pub name: String,
    /// The plugin behind it.
    pub plugin: String,
    /// `sha256:` and 64 hexadecimal digits over its component, as a policy names it; `None` where it cannot be used.
    pub digest: Option<String>,
    /// The plugin's description.
    pub description: String,
    /// `deployer.toml`, or `built in`.
    pub from: String,
    /// Whether `deploy` uses it when no target is given.
    pub default: bool,
}
