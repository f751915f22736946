//! What a user is asked to agree to: of a manifest all that gives power, and nothing that its author may reword.
//!
//! Kept beside what was agreed to, it answers whether another version of the plugin needs to ask again. Two powers are
//! compared as requests: each that the new rules let out has to be one that a single old rule lets out, with the same
//! secrets, the same answers followed, and the same effects in a plan. What answers hid from the plugin has to stay
//! hidden, whichever rule lets the request out. What several old rules allow together, and what
//! is true but hard to see, counts as new.
//!
//! ```
//! use spin_deployer_manifest::{Ask, Manifest};
//!
//! let version = |paths: &str| -> Result<Ask, Box<dyn std::error::Error>> {
//!     let manifest: Manifest = format!(r#"
//!         name = "api"
//!         version = "0.1.0"
//!         description = "Calls an API"
//!         http = [{{ to = "https://api.example.com", methods = ["PUT"], paths = ["{paths}"], why = "say so" }}]
//!     "#).parse()?;
//!     Ok(Ask::of(&manifest))
//! };
//! let (old, new) = (version("/v1/**")?, version("/v2/**")?);
//! assert!(old.covers(&version("/v1/apps/*")?) && !old.covers(&new));
//! let lines: Vec<String> = old.difference(&new).iter().map(ToString::to_string).collect();
//! assert_eq!(lines, ["+ PUT https://api.example.com/v2/**", "- PUT https://api.example.com/v1/**"]);
//! assert_eq!(new.to_string().parse::<Ask>()?, new);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod gains;

use std::{collections::BTreeMap, fmt};

use http::Method;
use serde::Serialize;

use crate::{
    document::Manifest,
    name::OptionName,
    option::OptionKind,
    path::PathPattern,
    pointer::Pointer,
    rule::{Follow, HttpRule, METHODS, PlanEffect, RuleTarget},
};

/// What a manifest asks for, in one order and without reasons and descriptions. The default asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ask {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<OptionName, AskedOption>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    http: Vec<AskedRule>,
}

/// What an option can bring to the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct AskedOption {
    /// A choice has no texts.
    #[serde(rename = "type", serialize_with = "as_text")]
    kind: OptionKind,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "one_or_list")]
    env: Vec<String>,
    /// Only where it is a place: of the network or of the disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    /// Whether a login asks for it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    login: bool,
}

/// A rule without its reason; each list sorted, nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct AskedRule {
    to: RuleTarget,
    #[serde(serialize_with = "as_texts")]
    methods: Vec<Method>,
    paths: Vec<PathPattern>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sends: Vec<OptionName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    plan: Vec<PlanEffect>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    follows: Vec<Follow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hides: Vec<Pointer>,
}

impl Ask {
    /// What this manifest asks for.
    pub fn of(manifest: &Manifest) -> Self {
        let options = manifest.options.iter().map(|option| {
            let kind = match &option.kind {
                OptionKind::Choice(_) => OptionKind::Choice(Vec::new()),
                kind => kind.clone(),
            };
            let default = option.default.as_deref().filter(|_| is_place(&kind));
            let asked = AskedOption {
                env: option.variables().cloned().collect(),
                default: default.and_then(|texts| texts.first().cloned()),
                kind,
                login: option.login,
            };
            (option.name.clone(), asked)
        });
        Self::new(options.collect(), manifest.http.iter().cloned())
    }

    /// Whether who agreed to this has agreed to all of `new`. `false` also where that cannot be proven.
    pub fn covers(&self, new: &Self) -> bool {
        gains::gains(self, new).is_empty()
    }

    /// What `new` has and this has not, then what this has and `new` has not. Nothing, exactly if each covers the other.
    pub fn difference(&self, new: &Self) -> Vec<Change> {
        let gained = gains::gains(self, new).into_iter().map(Change::Gained);
        let lost = gains::gains(new, self).into_iter().map(Change::Lost);
        gained.chain(lost).collect()
    }

    /// What somebody who agreed to nothing yet is asked to agree to.
    pub fn powers(&self) -> Vec<String> {
        gains::gains(&Self::default(), self)
    }

    /// Whether the author chose places: fixed ones of rules, or defaults of options. Nobody names these, so somebody has to
    /// agree to them. A default directory for output is none of them: it lies below the app.
    pub fn chooses_places(&self) -> bool {
        let is_fixed = |rule: &AskedRule| matches!(rule.to, RuleTarget::Fixed(_));
        let is_chosen = |option: &AskedOption| {
            option.default.is_some() && option.kind != OptionKind::OutputDirectory
        };
        self.http.iter().any(is_fixed) || self.options.values().any(is_chosen)
    }

    /// The variables that options are read from.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.options
            .values()
            .flat_map(|option| option.env.iter().map(String::as_str))
    }

    /// The same with no other variables than those to `keep`.
    #[must_use]
    pub fn with_variables(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut ask = self.clone();
        for option in ask.options.values_mut() {
            option.env.retain(|variable| keep(variable));
        }
        ask
    }

    fn new(
        options: BTreeMap<OptionName, AskedOption>,
        rules: impl Iterator<Item = HttpRule>,
    ) -> Self {
        let mut http: Vec<AskedRule> = rules.map(AskedRule::from).collect();
        http.sort_by_cached_key(|rule| {
            let methods: Vec<_> = rule.methods.iter().map(position).collect();
            let plan: Vec<_> = rule.plan.iter().map(ToString::to_string).collect();
            let (paths, sends) = (rule.paths.clone(), rule.sends.clone());
            (
                rule.to.to_string(),
                paths,
                methods,
                sends,
                plan,
                rule.follows.clone(),
                rule.hides.clone(),
            )
        });
        http.dedup();
        Self { options, http }
    }
}

impl From<HttpRule> for AskedRule {
    fn from(mut rule: HttpRule) -> Self {
        rule.methods.sort_by_key(position);
        rule.methods.dedup();
        rule.paths.sort();
        rule.paths.dedup();
        rule.sends.sort();
        rule.sends.dedup();
        rule.plan.sort_by_cached_key(ToString::to_string);
        rule.plan.dedup();
        rule.follows.sort();
        rule.follows.dedup();
        rule.hides.sort();
        rule.hides.dedup();
        Self {
            to: rule.to,
            methods: rule.methods,
            paths: rule.paths,
            sends: rule.sends,
            plan: rule.plan,
            follows: rule.follows,
            hides: rule.hides,
        }
    }
}

fn position(method: &Method) -> usize {
    METHODS
        .iter()
        .position(|known| known == method)
        .unwrap_or(METHODS.len())
}

/// Whether a default of this kind is a place that the author chooses.
fn is_place(kind: &OptionKind) -> bool {
    matches!(
        kind,
        OptionKind::Url
            | OptionKind::Registry
            | OptionKind::File
            | OptionKind::Directory
            | OptionKind::OutputDirectory
    )
}

/// A power that one of two has, in one line: `+ PUT https://api.example.com/v2/**`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Only the new one has it.
    Gained(String),
    /// Only the old one has it.
    Lost(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gained(power) => write!(f, "+ {power}"),
            Self::Lost(power) => write!(f, "- {power}"),
        }
    }
}

/// As manifests have it: one name is a text.
fn one_or_list<S: serde::Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    match names {
        [name] => name.serialize(serializer),
        names => names.serialize(serializer),
    }
}

fn as_text<S: serde::Serializer>(
    value: &impl fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_texts<S: serde::Serializer>(
    values: &[impl fmt::Display],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}
