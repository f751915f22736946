//! Which powers one ask has and another has not, each as one line for a person.

use http::Method;

use super::{Ask, AskedOption, AskedRule};
use crate::{
    name::OptionName,
    option::OptionKind,
    path::PathPattern,
    rule::{Follow, PlanEffect},
};

/// Powers of `new` that nobody can see in `old`: first options by name, then rules in their order.
pub(super) fn gains(old: &Ask, new: &Ask) -> Vec<String> {
    let mut lines = Lines::default();
    for (name, option) in &new.options {
        option_gains(name, old.options.get(name), option, &mut lines);
    }
    for rule in &new.http {
        for path in &rule.paths {
            let slice = Slice::of(old, rule, path);
            slice.gains(&mut lines);
        }
    }
    sights(old, new, &mut lines);
    lines.0
}

/// What answers hid and hide no more. What a rule hides is hidden in the answer to every request that it means, whichever
/// rule lets it out; so it is seen where a new rule lets out such a request and none that means it hides this any more.
fn sights(old: &Ask, new: &Ask, lines: &mut Lines) {
    for rule in &old.http {
        for (path, hidden) in rule
            .paths
            .iter()
            .flat_map(|path| rule.hides.iter().map(move |h| (path, h)))
        {
            let seen = rule.methods.iter().filter(|method| {
                let of_method = || {
                    new.http
                        .iter()
                        .filter(|other| other.methods.contains(method))
                };
                let still = of_method().filter(|other| other.hides.contains(hidden));
                let still: Vec<&AskedRule> = still.collect();
                of_method().any(|other| {
                    let near = other.to.covers(&rule.to) || rule.to.covers(&other.to);
                    let mut met = other.paths.iter().filter(|met| near && met.may_meet(path));
                    let covered = |met: &PathPattern| {
                        still.iter().any(|by| {
                            let place = by.to.covers(&rule.to) || by.to.covers(&other.to);
                            place
                                && by
                                    .paths
                                    .iter()
                                    .any(|wide| wide.covers(path) || wide.covers(met))
                        })
                    };
                    met.any(|met| !covered(met))
                })
            });
            let seen: Vec<&Method> = seen.collect();
            if !seen.is_empty() {
                lines.add(format!(
                    "sees {hidden} of the answer to {}",
                    place(&seen, rule, path)
                ));
            }
        }
    }
}

/// `GET, POST {hippo-url}/api/**`
fn place(methods: &[&Method], rule: &AskedRule, path: &PathPattern) -> String {
    let methods: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    format!("{} {}{path}", methods.join(", "), rule.to)
}

/// Each line once, in the order of the first.
#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, line: String) {
        if !self.0.contains(&line) {
            self.0.push(line);
        }
    }
}

fn option_gains(
    name: &OptionName,
    old: Option<&AskedOption>,
    new: &AskedOption,
    lines: &mut Lines,
) {
    use OptionKind as Kind;
    let before = old.map(|option| &option.kind);
    if before != Some(&new.kind) {
        match (&new.kind, before) {
            (Kind::Secret, _) => lines.add(format!("takes a secret: --{name}")),
            (Kind::SigningKey, _) => lines.add(format!("signs with the key of --{name}")),
            (_, Some(Kind::SigningKey)) => {
                lines.add(format!("sees --{name}, which was a signing key"))
            }
            (_, Some(Kind::Secret)) => lines.add(format!("sees --{name}, which was a secret")),
            (Kind::Registry, _) => {
                lines.add(format!("takes the credential of a registry: --{name}"))
            }
            (Kind::File, _) => lines.add(format!("reads a file: --{name}")),
            (Kind::Directory, _) => lines.add(format!("reads a directory: --{name}")),
            (Kind::OutputDirectory, _) => lines.add(format!("writes to a directory: --{name}")),
            // Rules that were agreed to for another kind of place.
            (Kind::Url, Some(Kind::Registry)) => lines.add(format!("takes a URL: --{name}")),
            // What a rule does with a URL the rule says; of the others the plugin sees what was typed.
            _ => {}
        }
    }
    if new.login && !old.is_some_and(|option| option.login) {
        let then = match new.kind {
            Kind::Secret | Kind::SigningKey => "uses",
            _ => "sees",
        };
        lines.add(format!("asks for --{name} to log in, and {then} it"));
    }
    let env = old.map_or(&[][..], |option| &option.env);
    for variable in new.env.iter().filter(|variable| !env.contains(variable)) {
        lines.add(format!("reads the variable {variable}: --{name}"));
    }
    // The same text means another place where the kind is another one.
    let default = old
        .filter(|option| option.kind == new.kind)
        .and_then(|option| option.default.as_ref());
    if let Some(place) = new.default.as_ref().filter(|place| default != Some(place)) {
        lines.add(format!("chooses {place} where --{name} is not given"));
    }
}

/// Requests of one rule on one of its paths, and the old rules that mean this place and all of that path.
struct Slice<'a> {
    rule: &'a AskedRule,
    path: &'a PathPattern,
    near: Vec<&'a AskedRule>,
    /// Old rules that mean this place, on whatever path.
    there: Vec<&'a AskedRule>,
}

impl<'a> Slice<'a> {
    fn of(old: &'a Ask, rule: &'a AskedRule, path: &'a PathPattern) -> Self {
        let there = old.http.iter().filter(|o| o.to.covers(&rule.to));
        let there: Vec<&AskedRule> = there.collect();
        let means = |o: &&AskedRule| o.paths.iter().any(|wide| wide.covers(path));
        let near = there.iter().copied().filter(means).collect();
        Self {
            rule,
            path,
            near,
            there,
        }
    }

    /// Whether one old rule allows all that this rule allows with that method.
    fn is_covered(&self, method: &Method) -> bool {
        self.with(method).any(|old| {
            let rule = self.rule;
            rule.sends.iter().all(|secret| old.sends.contains(secret))
                && rule.follows.iter().all(|follow| self.follows(old, *follow))
                && self
                    .effects(method)
                    .all(|effect| self.has_effect(old, effect))
        })
    }

    fn with(&self, method: &Method) -> impl Iterator<Item = &'a AskedRule> {
        let near = self.near.iter().copied();
        near.filter(move |old| old.methods.contains(method))
    }

    /// An upload goes on at `Location` by any method of its rule.
    fn follows(&self, old: &AskedRule, follow: Follow) -> bool {
        let all = || {
            self.rule
                .methods
                .iter()
                .all(|method| old.methods.contains(method))
        };
        old.follows.contains(&follow) && (follow != Follow::Location || all())
    }

    /// The effects that a request with this method can have in a plan. One of the token service can follow any request.
    fn effects(&self, method: &Method) -> impl Iterator<Item = &'a PlanEffect> {
        self.rule.plan.iter().filter(move |effect| match effect {
            PlanEffect::Path(of, path) => of == method && path.may_meet(self.path),
            PlanEffect::WwwAuthenticate(_) => true,
        })
    }

    fn has_effect(&self, old: &AskedRule, effect: &PlanEffect) -> bool {
        old.plan.iter().any(|known| match (known, effect) {
            // An effect is of paths that its rule means too, so that either may be the narrower one.
            (PlanEffect::Path(by, wide), PlanEffect::Path(method, path)) => {
                by == method && (wide.covers(path) || wide.covers(self.path))
            }
            _ => known == effect,
        })
    }

    fn gains(&self, lines: &mut Lines) {
        let methods = self.rule.methods.iter();
        let uncovered: Vec<&Method> = methods.filter(|method| !self.is_covered(method)).collect();
        if uncovered.is_empty() {
            return;
        }
        let to = &self.rule.to;
        let (known, new): (Vec<&Method>, Vec<&Method>) = uncovered
            .iter()
            .partition(|method| self.with(method).next().is_some());
        let mut gained = Vec::new();
        if !new.is_empty() {
            gained.push(self.place(&new));
        }
        // What goes to that place anyway is told again only of requests that went there without it.
        let attribute = |has: &dyn Fn(&AskedRule) -> bool, short: String, long: String| {
            if !self.there.iter().any(|old| has(old)) {
                return Some(short);
            }
            let lacks = |method: &&Method| !self.with(method).any(has);
            let methods: Vec<&Method> = known.iter().copied().filter(lacks).collect();
            (!methods.is_empty()).then(|| format!("{long} {}", self.place(&methods)))
        };
        for secret in &self.rule.sends {
            gained.extend(attribute(
                &|old| old.sends.contains(secret),
                format!("sends {secret} to {to}"),
                format!("sends {secret} with"),
            ));
        }
        for follow in &self.rule.follows {
            let (short, long) = match follow {
                Follow::Location | Follow::WwwAuthenticate => (
                    format!("follows {follow} of {to}"),
                    format!("follows {follow} of"),
                ),
                Follow::Routes => (
                    format!("waits for the addresses that {to} names"),
                    "waits for the addresses that are named by".to_owned(),
                ),
            };
            gained.extend(attribute(&|old| old.follows.contains(follow), short, long));
        }
        for effect in &self.rule.plan {
            match effect {
                PlanEffect::Path(method, path) => {
                    let gains = uncovered.contains(&method)
                        && path.may_meet(self.path)
                        && !self.with(method).any(|old| self.has_effect(old, effect));
                    gained.extend(gains.then(|| format!("{method} {to}{path} even in a plan")));
                }
                PlanEffect::WwwAuthenticate(method) => gained.extend(attribute(
                    &|old| old.plan.contains(effect),
                    format!("{method} to the token service of {to} even in a plan"),
                    format!("{method} to the token service even in a plan after"),
                )),
            }
        }
        if gained.is_empty() {
            // Some old rule has each of these, and none of them has all.
            gained.push(format!(
                "{} together with: {}",
                self.place(&uncovered),
                self.attributes()
            ));
        }
        for line in gained {
            lines.add(line);
        }
    }

    fn place(&self, methods: &[&Method]) -> String {
        place(methods, self.rule, self.path)
    }

    fn attributes(&self) -> String {
        let rule = self.rule;
        let sends = rule.sends.iter().map(|secret| format!("sends {secret}"));
        let follows = rule.follows.iter().map(|follow| match follow {
            Follow::Location | Follow::WwwAuthenticate => format!("follows {follow}"),
            Follow::Routes => "waits for the addresses that are named".to_owned(),
        });
        let plan = rule
            .plan
            .iter()
            .map(|effect| format!("{effect} even in a plan"));
        let all: Vec<String> = sends.chain(follows).chain(plan).collect();
        all.join(", ")
    }
}
