//! Why a request may not go out, in words for the user.

use std::fmt;

use http::Method;
use spin_deployer_manifest::{Origin, OriginPattern, PathPattern, PlanEffect, RuleTarget};

use crate::{
    phase::Phase,
    policy::PolicyRefusal,
    rule::{Rule, RuleOrigin, quoted},
};

/// What a plugin wanted to send. The query is not part of it: there could be a secret in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// During which call.
    pub phase: Phase,
    /// As sent.
    pub method: Method,
    /// Where to.
    pub origin: Origin,
    /// As sent, percent-encoding and all.
    pub path: String,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.origin, self.path)
    }
}

/// The first thing about a request that a policy or all rules do not allow. `Display` is one line that names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A policy refuses it, whatever is granted.
    #[error("{request}: {policy}")]
    Policy {
        /// What was refused.
        request: Box<Request>,
        /// Which policy, and why.
        policy: Box<PolicyRefusal>,
        /// Whether it would go out but for the policy.
        granted: bool,
    },
    /// No rule for that place.
    #[error("{request}: {}", nobody_means(request, near.as_deref()))]
    NoRule {
        /// What was refused.
        request: Box<Request>,
        /// A rule for another port or scheme of the same host.
        near: Option<Box<Rule>>,
    },
    /// The manifest asks for that place, and the user did not name it.
    #[error("{request}: the plugin asks to talk to {}, {}", request.origin, unnamed(from))]
    NotNamed {
        /// What was refused.
        request: Box<Request>,
        /// How the manifest names the place.
        from: RuleOrigin,
        /// The manifest's text for it: an option's default, or what is fixed.
        place: String,
    },
    /// A rule for that place, but not by that method.
    #[error("{request}: the plugin may talk to {}, but no rule allows it {} there", request.origin, request.method)]
    Method {
        /// What was refused.
        request: Box<Request>,
        /// A rule for that place.
        rule: Box<Rule>,
    },
    /// A path that another reader could take for another path.
    #[error(
        "{request}: the path has a dot segment or a character that no path has, and no rule allows that"
    )]
    Disguise {
        /// What was refused.
        request: Box<Request>,
    },
    /// A rule for that place and method, but not on that path.
    #[error("{request}: the plugin may {} at {}, but no rule allows it the path {}", request.method, request.origin, request.path)]
    Path {
        /// What was refused.
        request: Box<Request>,
        /// A rule for that place and method.
        rule: Box<Rule>,
    },
    /// Allowed, but not in a phase that only reads.
    #[error("{request}: `{}` only reads, and {} could change something", request.phase, request.method)]
    Phase {
        /// What was refused.
        request: Box<Request>,
        /// The rule that allows it in other phases.
        rule: Box<Rule>,
    },
}

fn nobody_means(request: &Request, near: Option<&Rule>) -> String {
    let origin = &request.origin;
    match (request.phase, near.and_then(|rule| apart(rule, origin))) {
        (Phase::Load, _) => format!(
            "neither the app nor an answer that may be followed leads to {origin}; from https nothing leads to http"
        ),
        (_, Some(apart)) => apart,
        (_, None) => format!(
            "the plugin may not talk to {origin}, because no rule of its manifest means that place"
        ),
    }
}

/// What is there and what was wanted: `the user named https://x:443, not port 8443`.
fn apart(rule: &Rule, wanted: &Origin) -> Option<String> {
    let there = rule.to.as_exact()?;
    let named = match rule.from {
        RuleOrigin::Option(_) | RuleOrigin::App => "the user named",
        RuleOrigin::Fixed => "the plugin's manifest names",
    };
    let Origin { scheme, host, port } = wanted;
    let default = *port == scheme.default_port();
    Some(match there.scheme == *scheme {
        true => format!("{named} {scheme}://{host}:{}, not port {port}", there.port),
        false if default || *port == there.port => format!("{named} {there}, not {scheme}"),
        false => format!("{named} {there}, not {scheme} at port {port}"),
    })
}

fn unnamed(from: &RuleOrigin) -> String {
    match from {
        RuleOrigin::Option(name) => {
            format!("which is only the default of its option `{name}`: name it yourself to let it")
        }
        RuleOrigin::Fixed | RuleOrigin::App => {
            "which stands in its manifest, and nobody agreed to that yet".to_owned()
        }
    }
}

impl Refusal {
    /// What was refused.
    pub fn request(&self) -> &Request {
        match self {
            Self::Policy { request, .. }
            | Self::NoRule { request, .. }
            | Self::NotNamed { request, .. }
            | Self::Method { request, .. }
            | Self::Disguise { request }
            | Self::Path { request, .. }
            | Self::Phase { request, .. } => request,
        }
    }

    /// What would allow it, as TOML ready to paste: a rule of the plugin's manifest, or for a place that only its
    /// default names the line of the target in `deployer.toml`, or the line of a policy, with who could write it there.
    /// `None` where nothing would.
    pub fn suggestion(&self) -> Option<String> {
        if let Self::Policy {
            policy, granted, ..
        } = self
        {
            let line = policy.line().filter(|_| *granted)?;
            let (key, file) = (policy.key(), policy.policy());
            return Some(format!(
                "# only an administrator can add this to `{key}` of {file}\n{line}"
            ));
        }
        let Request {
            phase,
            method,
            origin,
            path,
        } = self.request();
        // What the host itself may read no rule of a plugin decides.
        if *phase == Phase::Load {
            return None;
        }
        let here: PathPattern = path.parse().unwrap_or_else(|_| PathPattern::all());
        match self {
            Self::NoRule { near, .. } => {
                let near = near.as_deref().and_then(|rule| nearly(rule, origin));
                // No rule can name a place that is spoken to in the clear, only the user can.
                let rule = origin.to_string().parse::<RuleTarget>().is_ok().then(|| {
                    Rule {
                        to: OriginPattern::exact(origin.clone()),
                        methods: vec![method.clone()],
                        paths: vec![here.clone()],
                        plan: effects(*phase, method, &here),
                        sends: Vec::new(),
                        follows: Vec::new(),
                        hides: Vec::new(),
                        from: RuleOrigin::Fixed,
                        why: "…".into(),
                    }
                    .to_string()
                });
                let lines: Vec<String> = near.into_iter().chain(rule).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            Self::NotNamed { from, place, .. } => match from {
                RuleOrigin::Option(name) => Some(format!("{name} = {}", quoted(place))),
                RuleOrigin::Fixed | RuleOrigin::App => None,
            },
            Self::Policy { .. } | Self::Disguise { .. } => None,
            Self::Method { rule, .. } | Self::Path { rule, .. } | Self::Phase { rule, .. } => {
                let mut rule = Rule::clone(rule);
                if !rule.methods.contains(method) {
                    rule.methods.push(method.clone());
                }
                if !rule.paths.iter().any(|paths| paths.matches(path)) {
                    rule.paths.push(here.clone());
                }
                if !rule.reads(method, path) {
                    rule.plan.extend(effects(*phase, method, &here));
                }
                Some(rule.to_string())
            }
        }
    }
}

/// The option that the user may have meant another port or scheme with, as a comment of TOML.
fn nearly(rule: &Rule, wanted: &Origin) -> Option<String> {
    let (RuleOrigin::Option(name), Some(named)) = (&rule.from, rule.to.as_exact()) else {
        return None;
    };
    Some(format!(
        "# `{name}` is at {named}; if {wanted} is meant, name that"
    ))
}

/// What a rule has to list so that a phase that only reads lets the request out.
fn effects(phase: Phase, method: &Method, path: &PathPattern) -> Vec<PlanEffect> {
    let harmless = matches!(*method, Method::GET | Method::HEAD);
    if phase.read_only() && !harmless {
        vec![PlanEffect::Path(method.clone(), path.clone())]
    } else {
        Vec::new()
    }
}
