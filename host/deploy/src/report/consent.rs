//! What a plugin asks for, as somebody reads it who is about to agree to it, or wants to know.

use serde::Serialize;
use spin_deployer_manifest::{HttpRule, Manifest, OptionKind, OptionSpec, RuleTarget};

use super::PluginId;

/// All that a plugin asks for, with its author's reasons. Text of the manifest's: whoever shows it escapes it.
#[derive(Clone, Debug, Serialize)]
pub struct Consent {
    /// Which plugin.
    pub plugin: PluginId,
    /// Where it comes from: `built in`, a reference in a registry, a path.
    pub source: String,
    /// Who signed it, where somebody did.
    pub signer: Option<String>,
    /// Where it sends what.
    pub places: Vec<ConsentPlace>,
    /// What of the user's it takes that is secret: passwords, tokens, registries' credentials, keys.
    pub secrets: Vec<ConsentSecret>,
    /// Files and folders of the user's.
    pub files: Vec<ConsentFile>,
    /// Variables of the user's that it takes options from.
    pub variables: Vec<ConsentVariable>,
    /// Where an earlier version was agreed to: each power that is new, `+ …`, or gone, `- …`.
    pub changes: Vec<String>,
}

/// Requests to one place.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentPlace {
    /// `https://api.example.com`, or `{hippo-url}` for what the user names there.
    pub to: String,
    /// Whether it is the author who chose the place, and not the user in each run.
    pub fixed: bool,
    /// Where the user names the place and need not: what it is then.
    pub default: Option<String>,
    /// `GET`, `POST`, …
    pub methods: Vec<String>,
    /// `/api/**`
    pub paths: Vec<String>,
    /// Options whose secret goes there.
    pub sends: Vec<String>,
    /// What it sends even in a plan: `POST /api/auth-tokens`.
    pub plan: Vec<String>,
    /// Answers that lead it further: `location`, `www-authenticate`, `routes`.
    pub follows: Vec<String>,
    /// The author's reason.
    pub why: String,
}

/// Something secret.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentSecret {
    /// The option's name.
    pub option: String,
    /// `secret`, `registry` for its credential, `signing-key` for what signs and is not seen.
    pub kind: String,
    /// Where it goes: the `to` of each place.
    pub to: Vec<String>,
    /// The author's words for it.
    pub help: String,
}

/// A file or folder.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentFile {
    /// The option's name.
    pub option: String,
    /// Whether it is also written to.
    pub writes: bool,
    /// What it is where the user names none.
    pub default: Option<String>,
    /// The author's words for it.
    pub help: String,
}

/// A variable.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentVariable {
    /// Its name.
    pub name: String,
    /// The option that is read from it.
    pub option: String,
}

impl Consent {
    /// All that this manifest asks for.
    pub fn of(
        manifest: &Manifest,
        digest: &str,
        source: impl Into<String>,
        signer: Option<&str>,
    ) -> Self {
        let options = || manifest.options.iter();
        Self {
            plugin: PluginId {
                name: manifest.name.to_string(),
                version: manifest.version.to_string(),
                digest: digest.to_owned(),
            },
            source: source.into(),
            signer: signer.map(str::to_owned),
            places: manifest
                .http
                .iter()
                .map(|rule| ConsentPlace::of(rule, manifest))
                .collect(),
            secrets: options()
                .filter_map(|option| ConsentSecret::of(option, manifest))
                .collect(),
            files: options().filter_map(ConsentFile::of).collect(),
            variables: options()
                .flat_map(|option| {
                    option.variables().map(|name| ConsentVariable {
                        name: name.clone(),
                        option: option.name.to_string(),
                    })
                })
                .collect(),
            changes: Vec::new(),
        }
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn default(option: &OptionSpec) -> Option<String> {
    option.default.as_ref()?.first().cloned()
}

impl ConsentPlace {
    fn of(rule: &HttpRule, manifest: &Manifest) -> Self {
        let default = match &rule.to {
            RuleTarget::Option(name) => manifest.option(name.as_str()).and_then(default),
            RuleTarget::Fixed(_) => None,
        };
        Self {
            to: rule.to.to_string(),
            fixed: matches!(rule.to, RuleTarget::Fixed(_)),
            default,
            methods: texts(&rule.methods),
            paths: texts(&rule.paths),
            sends: texts(&rule.sends),
            plan: texts(&rule.plan),
            follows: texts(&rule.follows),
            why: rule.why.clone(),
        }
    }
}

impl ConsentSecret {
    fn of(option: &OptionSpec, manifest: &Manifest) -> Option<Self> {
        let kind = match option.kind {
            OptionKind::Secret => "secret",
            OptionKind::Registry => "registry",
            OptionKind::SigningKey => "signing-key",
            _ => return None,
        };
        let rules = manifest.http.iter();
        let mut to: Vec<String> = rules
            .filter(|rule| rule.sends.contains(&option.name))
            .map(|rule| rule.to.to_string())
            .collect();
        to.dedup();
        Some(Self {
            option: option.name.to_string(),
            kind: kind.to_owned(),
            to,
            help: option.help.clone(),
        })
    }
}

impl ConsentFile {
    fn of(option: &OptionSpec) -> Option<Self> {
        let writes = match option.kind {
            OptionKind::File | OptionKind::Directory => false,
            OptionKind::OutputDirectory => true,
            _ => return None,
        };
        Some(Self {
            option: option.name.to_string(),
            writes,
            default: default(option),
            help: option.help.clone(),
        })
    }
}
