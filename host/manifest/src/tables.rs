//! The tables of a manifest as TOML has them: every text already of its type, nothing checked between them yet.

use semver::{Version, VersionReq};
use serde::Deserialize;
use toml::Spanned;

use crate::{
    name::{OptionName, PluginName},
    rule_table::RuleTable,
    text::Line,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Document {
    pub(crate) name: PluginName,
    pub(crate) version: Version,
    pub(crate) description: Line,
    pub(crate) license: Option<Line>,
    pub(crate) homepage: Option<Line>,
    pub(crate) spin_compatibility: Option<VersionReq>,
    #[serde(default)]
    pub(crate) app: AppTable,
    #[serde(default)]
    pub(crate) options: Vec<OptionTable>,
    #[serde(default)]
    pub(crate) http: Vec<RuleTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AppTable {
    pub(crate) triggers: Option<Vec<Line>>,
    pub(crate) host_requirements: Option<Vec<Line>>,
    pub(crate) max_size: Option<ByteSize>,
    #[serde(default)]
    pub(crate) modules: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OptionTable {
    pub(crate) name: Spanned<OptionName>,
    pub(crate) env: Option<Spanned<Variables>>,
    pub(crate) r#type: Spanned<String>,
    pub(crate) choices: Option<Vec<Line>>,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) default: Option<Spanned<DefaultValue>>,
    #[serde(default)]
    pub(crate) conflicts_with: Vec<Spanned<OptionName>>,
    #[serde(default)]
    pub(crate) required_with: Vec<Spanned<OptionName>>,
    #[serde(default)]
    pub(crate) login: bool,
    pub(crate) help: Line,
    pub(crate) value_name: Option<Line>,
}

/// One variable, or several in the order in which they are asked.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`env` is the name of a variable, or a list of names"
)]
pub(crate) enum Variables {
    One(String),
    Several(Vec<String>),
}

impl Variables {
    pub(crate) fn names(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a default is a text, a whole number, true or false, or a list of texts"
)]
pub(crate) enum DefaultValue {
    Text(Line),
    Number(i64),
    Flag(bool),
    Many(Vec<Line>),
}

/// A number of bytes, written as `100MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteSize(pub u64);

/// The largest first.
const UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// In the largest unit of which it is a whole number.
impl std::fmt::Display for ByteSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whole =
            |(_, factor): &&(&str, u64)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(whole).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ByteSize {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (digits, unit) = text.split_at(
            text.find(|c: char| !c.is_ascii_digit())
                .unwrap_or(text.len()),
        );
        let size = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, factor)| digits.parse::<u64>().ok()?.checked_mul(*factor));
        size.map(Self).ok_or_else(|| {
            format!("`{text}` is no size: a whole number and B, KiB, MiB or GiB, as in `100MiB`")
        })
    }
}
