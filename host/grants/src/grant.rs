//! The grant, and how a request is decided on.

use http::Method;
use spin_deployer_manifest::{
    Ask, Change, Follow, Host, HttpRule, Manifest, OptionName, OptionValue, Origin, OriginPattern,
    PathPattern, PlanEffect, Pointer, RuleTarget, Scheme, is_plain_path,
};

use crate::{
    phase::Phase,
    policy::Policies,
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
    /// Each of them has to allow a request too.
    policies: Policies,
}

impl Grant {
    /// Grants what the user named: a rule that points at an option becomes a rule for exactly the origin of that
    /// option's value, unless the value is the manifest's own default. Fixed places are not granted by naming.
    pub fn naming(manifest: &Manifest, values: &Values, policies: &Policies) -> Self {
        let mut grant = Self {
            policies: policies.clone(),
            ..Self::default()
        };
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

    /// Grants what the user named, and also the places that the author chose, fixed ones and defaults, because the
    /// user agreed to this manifest or to one that asked for no less. No such host counts as named but this machine,
    /// and none is spoken to in the clear but this machine.
    ///
    /// # Errors
    /// Where `agreed` does not cover what the manifest asks for: what is new in it and what is gone.
    pub fn agreed(
        manifest: &Manifest,
        values: &Values,
        agreed: &Ask,
        policies: &Policies,
    ) -> Result<Self, Vec<Change>> {
        let asked = Ask::of(manifest);
        if !agreed.covers(&asked) {
            return Err(agreed.difference(&asked));
        }
        let mut grant = Self::naming(manifest, values, policies);
        for (rule, place) in std::mem::take(&mut grant.withheld) {
            match rule.to.as_exact() {
                Some(here) if here.host.is_loopback() => grant.named.push(here.host.clone()),
                Some(there) if there.scheme == Scheme::Http => {
                    grant.withheld.push((rule, place));
                    continue;
                }
                _ => {}
            }
            grant.rules.push(rule);
        }
        Ok(grant)
    }

    /// Reading where this grant allows reading, at the same paths, without a secret: what the host itself asks there on a
    /// plugin's word. A place that is only spoken to by other methods stays in it, to be told so.
    #[must_use]
    pub fn only_reading(&self) -> Self {
        let reading = |rule: &Rule| Rule {
            methods: match rule.methods.contains(&Method::GET) {
                true => vec![Method::GET],
                false => Vec::new(),
            },
            sends: Vec::new(),
            plan: Vec::new(),
            follows: Vec::new(),
            why: "see whether the release answers".to_owned(),
            ..rule.clone()
        };
        Self {
            rules: self.rules.iter().map(reading).collect(),
            named: self.named.clone(),
            withheld: self.withheld.clone(),
            policies: self.policies.clone(),
        }
    }

    /// Reading from `origin`, without a secret: what the host itself does to load an app that refers to something
    /// there. Where an answer leads elsewhere the reading may go on. `named` are the hosts that the app, or the user's
    /// configuration, names: only these may be in a private network.
    #[must_use]
    pub fn loading(origin: Origin, named: &[Host], policies: &Policies) -> Self {
        let rule = Rule {
            to: OriginPattern::exact(origin),
            methods: vec![Method::GET, Method::HEAD],
            paths: vec![PathPattern::all()],
            sends: Vec::new(),
            plan: Vec::new(),
            follows: vec![Follow::Location],
            hides: Vec::new(),
            from: RuleOrigin::App,
            why: "load the app".to_owned(),
        };
        Self {
            rules: vec![rule],
            named: named.to_vec(),
            withheld: Vec::new(),
            policies: policies.clone(),
        }
    }

    /// The same from a registry, which may send to its token service for a token, with what is kept in the vault under
    /// the name `credential`.
    #[must_use]
    pub fn loading_from_registry(
        origin: Origin,
        named: &[Host],
        credential: &OptionName,
        policies: &Policies,
    ) -> Self {
        let mut grant = Self::loading(origin, named, policies);
        for rule in &mut grant.rules {
            rule.follows.push(Follow::WwwAuthenticate);
            rule.sends.push(credential.clone());
            // An identity token is shown in the body of a POST.
            rule.plan.push(PlanEffect::WwwAuthenticate(Method::POST));
        }
        grant
    }

    /// Pushing to a registry that the user named, by the host itself, with what is kept in the vault under the name
    /// `credential`.
    #[must_use]
    pub fn pushing(origin: Origin, credential: &OptionName, policies: &Policies) -> Self {
        let named = [origin.host.clone()];
        let mut grant = Self::loading_from_registry(origin, &named, credential, policies);
        for rule in &mut grant.rules {
            rule.methods
                .extend([Method::POST, Method::PUT, Method::PATCH]);
            rule.why = "push what the user named".to_owned();
        }
        grant
    }

    /// What is granted.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What the answer to this request hides from the plugin: of every rule that means it, or that a lax server may take it
    /// for one of, whichever lets it out.
    pub fn hides(&self, method: &Method, origin: &Origin, path: &str) -> Vec<Pointer> {
        let meaning = self.rules.iter().filter(|rule| {
            rule.to.matches(origin)
                && rule.methods.contains(method)
                && rule.paths.iter().any(|paths| paths.may_mean(path))
        });
        let mut hides: Vec<Pointer> = meaning.flat_map(|rule| rule.hides.clone()).collect();
        hides.sort();
        hides.dedup();
        hides
    }

    /// What even a phase that only reads may send beside GET and HEAD, a line each, for the user: `POST
    /// https://hippo.example.com/api/auth-tokens`. Without what a policy does not allow by its place or method.
    pub fn effects(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for rule in &self.rules {
            for (method, line) in rule.effects() {
                let here = rule.to.as_exact();
                let refused = here.is_some_and(|to| self.policies.allows(method, to).is_err());
                if !refused && !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// Whether the user named this very host. Only then may it be in a private network.
    pub fn names_host(&self, host: &Host) -> bool {
        self.named.contains(host)
    }

    /// Whether a request may go out. `path` is without the query. The rule that allows it also says which secrets may
    /// go with it and which answers may be followed.
    ///
    /// # Errors
    /// [`Refusal::Policy`] where a policy does not allow it, whatever is granted: then it may not go out by another way
    /// either. Otherwise the first of origin, method, path and phase that no rule allows together with those before it.
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
        let granted = self.granted(phase, method, origin, path, &request);
        match self.policies.allows(method, origin) {
            Ok(()) => granted,
            Err(policy) => Err(Refusal::Policy {
                request: request(),
                policy: Box::new(policy),
                granted: granted.is_ok(),
            }),
        }
    }

    /// A rule for another port or scheme of that host.
    fn near(&self, origin: &Origin) -> Option<&Rule> {
        self.rules.iter().find(|rule| {
            let exact = rule.to.as_exact();
            exact.is_some_and(|to| to.host == origin.host)
        })
    }

    fn granted(
        &self,
        phase: Phase,
        method: &Method,
        origin: &Origin,
        path: &str,
        request: &dyn Fn() -> Box<Request>,
    ) -> Result<&Rule, Refusal> {
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
                    None => Refusal::NoRule {
                        request: request(),
                        near: self.near(origin).cloned().map(Box::new),
                    },
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
