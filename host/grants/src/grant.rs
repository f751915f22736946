//! The grant, and how a request is decided on.

use http::Method;
use spin_deployer_manifest::{
    Follow, Host, HttpRule, Manifest, OptionName, OptionValue, Origin, OriginPattern, PathPattern,
    PlanEffect, RuleTarget, is_plain_path,
};

use crate::{
    phase::Phase,
    refusal::{Refusal, Request},
    rule::{Rule, RuleOrigin},
    values::Values,
};

/// What one plugin may send in one run. The default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    rules: Vec<Rule>,
    /// Hosts that the user named, whatever the rules say now.
    named: Vec<Host>,
    /// What the manifest asks for and nobody gave, with the manifest's text for the place: only to tell the user so.
    withheld: Vec<(Rule, String)>,
}

impl Grant {
    /// Grants what the user named: a rule that points at an option becomes a rule for exactly the origin of that
    /// option's value, unless the value is the manifest's own default. Fixed places are not granted by naming.
    pub fn naming(manifest: &Manifest, values: &Values) -> Self {
        let mut grant = Self::default();
        for asked in &manifest.http {
            match resolve(asked, values) {
                Some((rule, None)) => {
                    let host = rule.to.as_exact().map(|origin| origin.host.clone());
                    grant.named.extend(host);
                    grant.rules.push(rule);
                }
                Some((rule, Some(text))) => grant.withheld.push((rule, text)),
                None => {}
            }
        }
        grant
    }

    /// Reading from `origin` and nothing else, without a secret: what the host itself asks there on a plugin's word.
    /// `None` where no rule leads there, because then nobody has named the place.
    #[must_use]
    pub fn only_reading(&self, origin: Origin) -> Option<Self> {
        let granted = self.rules.iter().find(|rule| rule.to.matches(&origin))?;
        let rule = Rule {
            to: OriginPattern::exact(origin),
            methods: vec![Method::GET],
            paths: vec![PathPattern::all()],
            sends: Vec::new(),
            plan: Vec::new(),
            follows: Vec::new(),
            from: granted.from.clone(),
            why: "see whether the release answers".to_owned(),
        };
        Some(Self {
            rules: vec![rule],
            named: self.named.clone(),
            withheld: Vec::new(),
        })
    }

    /// Reading from `origin`, without a secret: what the host itself does to load an app that refers to something
    /// there. Where an answer leads elsewhere the reading may go on. `named` are the hosts that the app, or the user's
    /// configuration, names: only these may be in a private network.
    #[must_use]
    pub fn loading(origin: Origin, named: &[Host]) -> Self {
        let rule = Rule {
            to: OriginPattern::exact(origin),
            methods: vec![Method::GET, Method::HEAD],
            paths: vec![PathPattern::all()],
            sends: Vec::new(),
            plan: Vec::new(),
            follows: vec![Follow::Location],
            from: RuleOrigin::App,
            why: "load the app".to_owned(),
        };
        Self {
            rules: vec![rule],
            named: named.to_vec(),
            withheld: Vec::new(),
        }
    }

    /// The same from a registry, which may send to its token service for a token, with what is kept in the vault under
    /// the name `credential`.
    #[must_use]
    pub fn loading_from_registry(origin: Origin, named: &[Host], credential: &OptionName) -> Self {
        let mut grant = Self::loading(origin, named);
        for rule in &mut grant.rules {
            rule.follows.push(Follow::WwwAuthenticate);
            rule.sends.push(credential.clone());
            // An identity token is shown in the body of a POST.
            rule.plan.push(PlanEffect::WwwAuthenticate(Method::POST));
        }
        grant
    }

    /// What is granted.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether the user named this very host. Only then may it be in a private network.
    pub fn names_host(&self, host: &Host) -> bool {
        self.named.contains(host)
    }

    /// Whether a request may go out. `path` is without the query. The rule that allows it also says which secrets may
    /// go with it and which answers may be followed.
    ///
    /// # Errors
    /// The first of origin, method, path and phase that no rule allows together with those before it.
    pub fn decide(
        &self,
        phase: Phase,
        method: &Method,
        origin: &Origin,
        path: &str,
    ) -> Result<&Rule, Refusal> {
        let request = || {
            Box::new(Request {
                phase,
                method: method.clone(),
                origin: origin.clone(),
                path: path.to_owned(),
            })
        };
        let there: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.to.matches(origin))
            .collect();
        let Some(first) = there.first() else {
            return Err(
                match self
                    .withheld
                    .iter()
                    .find(|(rule, _)| rule.to.matches(origin))
                {
                    Some((rule, place)) => Refusal::NotNamed {
                        request: request(),
                        from: rule.from.clone(),
                        place: place.clone(),
                    },
                    None => Refusal::NoRule { request: request() },
                },
            );
        };
        let method_fits: Vec<&Rule> = there
            .iter()
            .copied()
            .filter(|rule| rule.methods.contains(method))
            .collect();
        let Some(second) = method_fits.first() else {
            return Err(Refusal::Method {
                request: request(),
                rule: Box::new((*first).clone()),
            });
        };
        if !is_plain_path(path) {
            return Err(Refusal::Disguise { request: request() });
        }
        let path_fits: Vec<&Rule> = method_fits
            .iter()
            .copied()
            .filter(|rule| rule.paths.iter().any(|paths| paths.matches(path)))
            .collect();
        let Some(third) = path_fits.first() else {
            return Err(Refusal::Path {
                request: request(),
                rule: Box::new((*second).clone()),
            });
        };
        path_fits
            .iter()
            .copied()
            .find(|rule| !phase.read_only() || rule.reads(method, path))
            .ok_or_else(|| Refusal::Phase {
                request: request(),
                rule: Box::new((*third).clone()),
            })
    }
}

/// The rule for the place that it means in this run, with the manifest's text for that place if the user did not name
/// it. `None`: the option has no value, so the rule means no place.
fn resolve(asked: &HttpRule, values: &Values) -> Option<(Rule, Option<String>)> {
    match &asked.to {
        RuleTarget::Fixed(pattern) => Some((
            Rule::new(asked, pattern.clone(), RuleOrigin::Fixed),
            Some(pattern.to_string()),
        )),
        RuleTarget::Option(name) => {
            let resolved = values.get(name)?;
            let place = match &resolved.value {
                OptionValue::Url(url) => url.to_string(),
                OptionValue::Registry(reference) => reference.to_string(),
                _ => return None,
            };
            let to = OriginPattern::exact(resolved.value.origin()?);
            let rule = Rule::new(asked, to, RuleOrigin::Option(name.clone()));
            Some((rule, (!resolved.source.is_user()).then_some(place)))
        }
    }
}
