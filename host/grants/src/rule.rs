//! A rule of the manifest once it is known which place it means.

use std::fmt;

use http::Method;
use spin_deployer_manifest::{
    Follow, HttpRule, OptionName, OriginPattern, PathPattern, PlanEffect, Pointer,
};

/// Requests to one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where to.
    pub to: OriginPattern,
    /// At least one, but in a grant for reading alone where the rule allows no reading.
    pub methods: Vec<Method>,
    /// A request needs one of these.
    pub paths: Vec<PathPattern>,
    /// Options whose secret may be sent there.
    pub sends: Vec<OptionName>,
    /// What is let out beside GET and HEAD in a phase that only reads.
    pub plan: Vec<PlanEffect>,
    /// Answers whose addresses count as allowed.
    pub follows: Vec<Follow>,
    /// Places in JSON answers whose texts the plugin gets placeholders for.
    pub hides: Vec<Pointer>,
    /// How the manifest names the place.
    pub from: RuleOrigin,
    /// The author's reason, one line.
    pub why: String,
}

/// How the manifest names the place of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleOrigin {
    /// It is the value of this option.
    Option(OptionName),
    /// It stands in the manifest.
    Fixed,
    /// No manifest of a plugin has it: the app, or the user's configuration, refers to something there.
    App,
}

impl Rule {
    pub(crate) fn new(asked: &HttpRule, to: OriginPattern, from: RuleOrigin) -> Self {
        Self {
            to,
            methods: asked.methods.clone(),
            paths: asked.paths.clone(),
            sends: asked.sends.clone(),
            plan: asked.plan.clone(),
            follows: asked.follows.clone(),
            hides: asked.hides.clone(),
            from,
            why: asked.why.clone(),
        }
    }

    /// What a phase that only reads lets out beside GET and HEAD, with its place: `POST https://hippo.example.com/login`,
    /// `POST to the token service of https://ghcr.io`.
    pub(crate) fn effects(&self) -> impl Iterator<Item = (&Method, String)> {
        self.plan.iter().map(|effect| match effect {
            PlanEffect::Path(method, path) => (method, format!("{method} {}{path}", self.to)),
            PlanEffect::WwwAuthenticate(method) => {
                let line = format!("{method} to the token service of {}", self.to);
                (method, line)
            }
        })
    }

    /// Whether a phase that only reads lets this out.
    pub(crate) fn reads(&self, method: &Method, path: &str) -> bool {
        matches!(*method, Method::GET | Method::HEAD)
            || self.plan.iter().any(|effect| match effect {
                PlanEffect::Path(allowed, paths) => allowed == method && paths.matches(path),
                // Of an address that an answer names, which is not this rule's place.
                PlanEffect::WwwAuthenticate(_) => false,
            })
    }
}

/// The rule as a manifest has it: TOML, ready to paste.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.from {
            RuleOrigin::Option(name) => format!("{{{name}}}"),
            RuleOrigin::Fixed | RuleOrigin::App => self.to.to_string(),
        };
        write!(
            f,
            "[[http]]\nto = {}\nmethods = {}",
            quoted(to),
            array(&self.methods)
        )?;
        write!(f, "\npaths = {}", array(&self.paths))?;
        for (key, values) in [
            ("sends", array(&self.sends)),
            ("plan", array(&self.plan)),
            ("follows", array(&self.follows)),
            ("hides", array(&self.hides)),
        ] {
            if values != "[]" {
                write!(f, "\n{key} = {values}")?;
            }
        }
        write!(f, "\nwhy = {}", quoted(&self.why))
    }
}

pub(crate) fn quoted(text: impl fmt::Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}

pub(crate) fn array<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(quoted).collect();
    format!("[{}]", items.join(", "))
}
