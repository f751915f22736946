//! A policy as TOML: `schema = 1`, and below it only what narrows.

use std::{collections::BTreeSet, fmt, str::FromStr, time::Duration};

use http::Method;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};
use spin_deployer_manifest::{
    ByteSize, DocumentError, Located, METHODS, OriginPattern, parse_method, read_toml,
};
use spin_deployer_oci::Digest;
use spin_deployer_signature::PublicKey;
use toml::Spanned;

use super::{Policy, PolicyLimits};
use crate::rule::{array, quoted};
use crate::schema;

/// The first thing that is wrong with a policy, and where.
pub type PolicyError = DocumentError<PolicyProblem>;

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyProblem {
    /// No TOML, an unknown key, or a text that does not become the type of its key.
    #[error("{0}")]
    Document(String),
    /// Nothing says which version of this format it is.
    #[error("a policy begins with the version of its format: write `schema = {SCHEMA}`")]
    NoSchema,
    /// A format of another version. What is in it could be narrower than what is understood here.
    #[error(
        "this is a policy of schema {0}, and schema {SCHEMA} is the one that is understood: use a release of spin-deployer that knows it"
    )]
    Schema(i64),
}

const SCHEMA: i64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "schema")]
    _schema: IgnoredAny,
    #[serde(default)]
    plugins: Plugins,
    #[serde(default)]
    http: Http,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    require: Require,
}

/// Not read any further yet: the reader of TOML would place a bad entry at the beginning of its list.
type Texts = Vec<Spanned<String>>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugins {
    digests: Option<Texts>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    to: Option<Texts>,
    methods: Option<Texts>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitsTable {
    memory: Option<ByteSize>,
    compute: Option<Time>,
    time: Option<Time>,
    requests: Option<u64>,
    bytes: Option<ByteSize>,
    answer: Option<ByteSize>,
    written: Option<ByteSize>,
    app_size: Option<ByteSize>,
    compile: Option<Time>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Require {
    #[serde(default)]
    audit_log: bool,
    #[serde(default)]
    lock: bool,
    signers: Option<Texts>,
}

struct Time(Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_duration(&text).map_err(|why| {
            D::Error::custom(format!(
                "`{text}` is no duration: {why}; `90s` and `15m` are"
            ))
        })?;
        match time {
            Duration::ZERO => Err(D::Error::custom(format!(
                "`{text}` leaves time for nothing: no plugin would run; `plugins.digests = []` says so"
            ))),
            time => Ok(Self(time)),
        }
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        read(text).map_err(|(at, problem)| PolicyError::at(text, &at, problem))
    }
}

fn read(text: &str) -> Located<Policy, PolicyProblem> {
    schema::check(
        text,
        SCHEMA,
        PolicyProblem::Document,
        PolicyProblem::NoSchema,
        PolicyProblem::Schema,
    )?;
    let document: Document = read_toml(text, PolicyProblem::Document)?;
    let limits = document.limits;
    let time = |time: Option<Time>| time.map(|time| time.0);
    let named: Option<Vec<Method>> = entries(document.http.methods, parse_method)?;
    Ok(Policy {
        digests: entries(document.plugins.digests, Digest::from_str)?,
        to: entries(document.http.to, OriginPattern::from_str)?,
        methods: named.map(|named| {
            let methods = METHODS.into_iter();
            methods.filter(|method| named.contains(method)).collect()
        }),
        limits: PolicyLimits {
            memory: limits.memory,
            compute: time(limits.compute),
            time: time(limits.time),
            requests: limits.requests,
            bytes: limits.bytes,
            answer: limits.answer,
            written: limits.written,
            app_size: limits.app_size,
            compile: time(limits.compile),
        },
        audit_log: document.require.audit_log,
        lock: document.require.lock,
        signers: entries(document.require.signers, PublicKey::from_str)?,
    })
}

fn entries<T, E: fmt::Display, C: FromIterator<T>>(
    texts: Option<Texts>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Located<Option<C>, PolicyProblem> {
    let parse = |text: Spanned<String>| {
        parse(text.get_ref()).map_err(|why| (text.span(), PolicyProblem::Document(why.to_string())))
    };
    let all = texts.map(|texts| texts.into_iter().map(parse).collect());
    all.transpose()
}

/// TOML, the same for all that are equal, with a line for each entry of a list that grows.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schema = {SCHEMA}")?;
        if let Some(digests) = &self.digests {
            writeln!(f, "\n[plugins]\ndigests = {}", lines(digests))?;
        }
        if self.to.is_some() || self.methods.is_some() {
            writeln!(f, "\n[http]")?;
        }
        if let Some(to) = &self.to {
            writeln!(f, "to = {}", lines(to))?;
        }
        if let Some(methods) = &self.methods {
            writeln!(f, "methods = {}", array(methods))?;
        }
        let limits = &self.limits;
        let size = |size: Option<ByteSize>| size.map(quoted);
        let time = |time: Option<Duration>| time.map(|t| quoted(humantime::format_duration(t)));
        let mut header = "\n[limits]\n";
        for (key, value) in [
            ("memory", size(limits.memory)),
            ("compute", time(limits.compute)),
            ("time", time(limits.time)),
            (
                "requests",
                limits.requests.map(|requests| requests.to_string()),
            ),
            ("bytes", size(limits.bytes)),
            ("answer", size(limits.answer)),
            ("written", size(limits.written)),
            ("app-size", size(limits.app_size)),
            ("compile", time(limits.compile)),
        ] {
            if let Some(value) = value {
                writeln!(f, "{header}{key} = {value}")?;
                header = "";
            }
        }
        if self.audit_log || self.lock || self.signers.is_some() {
            writeln!(f, "\n[require]")?;
        }
        for (key, required) in [("audit-log", self.audit_log), ("lock", self.lock)] {
            if required {
                writeln!(f, "{key} = true")?;
            }
        }
        if let Some(signers) = &self.signers {
            writeln!(f, "signers = {}", lines(signers))?;
        }
        Ok(())
    }
}

fn lines<T: fmt::Display>(items: &BTreeSet<T>) -> String {
    if items.is_empty() {
        return "[]".to_owned();
    }
    let lines: String = items
        .iter()
        .map(|item| format!("    {},\n", quoted(item)))
        .collect();
    format!("[\n{lines}]")
}
