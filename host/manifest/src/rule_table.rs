//! A rule as TOML has it, and how it is checked against the options of its document.

use serde::Deserialize;
use toml::Spanned;

use crate::{
    document_error::{self, Problem},
    name::OptionName,
    option::{OptionKind, OptionSpec},
    path::PathPattern,
    pointer::Pointer,
    rule::{Follow, HttpRule, MOST_HIDDEN, PlanEffect, RuleError, RuleTarget, parse_method},
    text::Line,
};

type Located<T> = document_error::Located<T, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RuleTable {
    pub(crate) to: Spanned<RuleTarget>,
    pub(crate) methods: Spanned<Vec<MethodText>>,
    pub(crate) paths: Option<Spanned<Vec<PathPattern>>>,
    #[serde(default)]
    pub(crate) sends: Vec<Spanned<OptionName>>,
    #[serde(default)]
    pub(crate) plan: Vec<Spanned<PlanEffect>>,
    #[serde(default)]
    pub(crate) follows: Vec<Follow>,
    #[serde(default)]
    pub(crate) hides: Vec<Spanned<Pointer>>,
    pub(crate) why: Line,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MethodText(pub(crate) http::Method);

impl TryFrom<String> for MethodText {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        parse_method(&text).map(Self)
    }
}

/// The options of a document and their kinds.
pub(crate) struct Declared<'a>(pub(crate) Vec<(&'a OptionName, &'a OptionKind)>);

impl<'a> Declared<'a> {
    pub(crate) fn of(options: &'a [OptionSpec]) -> Self {
        Self(options.iter().map(|o| (&o.name, &o.kind)).collect())
    }

    /// The kind of the option that stands at `key`.
    pub(crate) fn kind(
        &self,
        key: &'static str,
        name: &Spanned<OptionName>,
    ) -> Located<&'a OptionKind> {
        let found = self.0.iter().find(|(known, _)| *known == name.get_ref());
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let problem = Problem::Undeclared {
                key,
                name: name.get_ref().clone(),
                declared: self.0.iter().map(|(name, _)| (*name).clone()).collect(),
            };
            (name.span(), problem)
        })
    }

    fn fitting(
        &self,
        key: &'static str,
        name: &Spanned<OptionName>,
        fits: fn(&OptionKind) -> bool,
        expected: &'static str,
    ) -> Located<()> {
        let kind = self.kind(key, name)?;
        if fits(kind) {
            return Ok(());
        }
        let problem = Problem::WrongKind {
            key,
            name: name.get_ref().clone(),
            kind: kind.name(),
            expected,
        };
        Err((name.span(), problem))
    }
}

impl RuleTable {
    /// The rule, once everything that it names is there.
    pub(crate) fn rule(self, options: &Declared<'_>) -> Located<HttpRule> {
        if let RuleTarget::Option(name) = self.to.get_ref() {
            let name = Spanned::new(self.to.span(), name.clone());
            options.fitting("to", &name, OptionKind::has_origin, "`url` or `registry`")?;
        }
        for name in &self.sends {
            let expected = "`secret` or `registry` (its credential)";
            options.fitting("sends", name, OptionKind::has_secret, expected)?;
        }
        if self.methods.get_ref().is_empty() {
            return Err((self.methods.span(), Problem::Empty("methods")));
        }
        let methods: Vec<_> = self
            .methods
            .into_inner()
            .into_iter()
            .map(|method| method.0)
            .collect();
        for effect in &self.plan {
            let at = effect.span();
            let effect = effect.get_ref();
            if !methods.contains(effect.method()) {
                return Err((at, Problem::EffectMethod(effect.method().to_string())));
            }
            if matches!(effect, PlanEffect::WwwAuthenticate(_))
                && !self.follows.contains(&Follow::WwwAuthenticate)
            {
                return Err((at, Problem::EffectFollow(effect.to_string())));
            }
        }
        if let Some(beyond) = self.hides.get(MOST_HIDDEN) {
            let (key, most) = ("hides", MOST_HIDDEN);
            return Err((beyond.span(), Problem::TooMany { key, most }));
        }
        let paths = match self.paths {
            None => vec![PathPattern::all()],
            Some(paths) if paths.get_ref().is_empty() => {
                return Err((paths.span(), Problem::Empty("paths")));
            }
            Some(paths) => paths.into_inner(),
        };
        Ok(HttpRule {
            to: self.to.into_inner(),
            methods,
            paths,
            sends: self.sends.into_iter().map(Spanned::into_inner).collect(),
            plan: self.plan.into_iter().map(Spanned::into_inner).collect(),
            follows: self.follows,
            hides: self.hides.into_iter().map(Spanned::into_inner).collect(),
            why: self.why.0,
        })
    }
}
