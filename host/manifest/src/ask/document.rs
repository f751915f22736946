//! What was agreed to, as a file keeps it: a document of its own, or a table in another one.
//!
//! ```toml
//! [options.hippo-token]
//! type = "secret"
//! env = "HIPPO_TOKEN"
//!
//! [options.hippo-url]
//! type = "url"
//!
//! [[http]]
//! to = "{hippo-url}"
//! methods = ["GET", "POST"]
//! paths = ["/api/**"]
//! sends = ["hippo-token"]
//! ```

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Spanned;

use super::{Ask, AskedOption, is_place};
use crate::{
    document::variables,
    document_error::{self, ManifestError, Problem, read_toml},
    name::OptionName,
    option::OptionKind,
    path::PathPattern,
    pointer::Pointer,
    rule::{Follow, PlanEffect, RuleTarget},
    rule_table::{Declared, MethodText, RuleTable},
    tables::Variables,
    text::Line,
};

type Located<T> = document_error::Located<T, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    options: BTreeMap<OptionName, OptionTable>,
    #[serde(default)]
    http: Vec<AskedTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionTable {
    r#type: Spanned<String>,
    env: Option<Spanned<Variables>>,
    default: Option<Spanned<Line>>,
    #[serde(default)]
    login: bool,
}

/// `paths` has no default here: a line that got lost must not widen what was agreed to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedTable {
    to: Spanned<RuleTarget>,
    methods: Spanned<Vec<MethodText>>,
    paths: Spanned<Vec<PathPattern>>,
    #[serde(default)]
    sends: Vec<Spanned<OptionName>>,
    #[serde(default)]
    plan: Vec<Spanned<PlanEffect>>,
    #[serde(default)]
    follows: Vec<Follow>,
    #[serde(default)]
    hides: Vec<Spanned<Pointer>>,
}

impl Document {
    fn ask(self) -> Located<Ask> {
        let mut options = BTreeMap::new();
        for (name, table) in self.options {
            options.insert(name, table.option()?);
        }
        let declared = Declared(options.iter().map(|(name, o)| (name, &o.kind)).collect());
        let rules = self.http.into_iter().map(|table| {
            let table = RuleTable {
                to: table.to,
                methods: table.methods,
                paths: Some(table.paths),
                sends: table.sends,
                plan: table.plan,
                follows: table.follows,
                hides: table.hides,
                why: Line(String::new()),
            };
            table.rule(&declared)
        });
        let rules = rules.collect::<Located<Vec<_>>>()?;
        Ok(Ask::new(options, rules.into_iter()))
    }
}

impl OptionTable {
    fn option(self) -> Located<AskedOption> {
        let at = self.r#type.span();
        let kind = OptionKind::named(self.r#type.get_ref())
            .ok_or_else(|| (at, Problem::Kind(self.r#type.into_inner())))?;
        let default = match self.default {
            Some(text) if !is_place(&kind) => {
                return Err((text.span(), Problem::IdleDefault(kind.name())));
            }
            default => default.map(|text| text.into_inner().0),
        };
        Ok(AskedOption {
            kind,
            env: self.env.map(variables).transpose()?.unwrap_or_default(),
            default,
            login: self.login,
        })
    }
}

impl FromStr for Ask {
    type Err = ManifestError;

    /// Reads what `Display` wrote, in any order and layout.
    fn from_str(text: &str) -> Result<Self, ManifestError> {
        read_toml(text, Problem::Document)
            .and_then(Document::ask)
            .map_err(|(at, problem)| ManifestError::at(text, &at, problem))
    }
}

/// As a table of another document of TOML.
impl<'de> Deserialize<'de> for Ask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        document
            .ask()
            .map_err(|(_, problem)| D::Error::custom(problem))
    }
}

/// TOML, the same for all that are equal.
impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string(self).map_err(|_| fmt::Error)?)
    }
}
