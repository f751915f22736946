//! Reading TOML tables so that every mistake is found in one go, each at its place.
//!
//! Serde stops at the first error; here a wrong field is reported and the rest of the table is still read.
//! A table that was read knows which fields it was asked for, so that the others are unknown by construction
//! and the message lists the known ones.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeFloat, DeInteger, DeTable, DeValue};

use crate::finding::{Place, Report};

/// A string and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) at: Place,
}

/// A table that is being read field by field.
pub(crate) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// Where the table stands, for fields that are missing.
    pub(crate) at: Place,
    /// What to call the table in a message: `[application]`.
    name: String,
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(crate) fn new(table: &'t DeTable<'t>, at: Place, name: impl Into<String>) -> Self {
        Self {
            table,
            at,
            name: name.into(),
            asked: Vec::new(),
        }
    }

    /// The table in `value`, or an error finding where it is something else.
    pub(crate) fn of(
        value: &'t Spanned<DeValue<'t>>,
        name: impl Into<String>,
        report: &mut Report,
    ) -> Option<Self> {
        let name = name.into();
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(table, value.span(), name)),
            None => {
                mistyped(value, &name, "a table", report);
                None
            }
        }
    }

    pub(crate) fn value(&mut self, field: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(field);
        self.table.get(field)
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.table.contains_key(field)
    }

    /// Says that a field is missing, when it is.
    pub(crate) fn require(&self, field: &str, report: &mut Report, help: &str) {
        if !self.table.contains_key(field) {
            report.error(
                "missing-field",
                &self.at,
                format!("`{field}` is missing in {}", self.name),
                help,
            );
        }
    }

    pub(crate) fn text(&mut self, field: &'static str, report: &mut Report) -> Option<Text> {
        let value = self.value(field)?;
        text(value, field, report)
    }

    pub(crate) fn boolean(&mut self, field: &'static str, report: &mut Report) -> bool {
        let Some(value) = self.value(field) else {
            return false;
        };
        value.get_ref().as_bool().unwrap_or_else(|| {
            mistyped(value, field, "true or false", report);
            false
        })
    }

    pub(crate) fn array(
        &mut self,
        field: &'static str,
        report: &mut Report,
    ) -> &'t [Spanned<DeValue<'t>>] {
        let Some(value) = self.value(field) else {
            return &[];
        };
        match value.get_ref().as_array() {
            Some(array) => array,
            None => {
                mistyped(value, field, "an array", report);
                &[]
            }
        }
    }

    pub(crate) fn texts(&mut self, field: &'static str, report: &mut Report) -> Vec<Text> {
        self.array(field, report)
            .iter()
            .filter_map(|value| text(value, field, report))
            .collect()
    }

    /// The entries of a table with names of the author's choice, in the order of the file.
    pub(crate) fn entries(
        &mut self,
        field: &'static str,
        report: &mut Report,
    ) -> Vec<(Text, &'t Spanned<DeValue<'t>>)> {
        let Some(value) = self.value(field) else {
            return Vec::new();
        };
        let Some(table) = value.get_ref().as_table() else {
            mistyped(value, field, "a table", report);
            return Vec::new();
        };
        entries(table)
    }

    /// The same where every value is a string.
    pub(crate) fn text_entries(
        &mut self,
        field: &'static str,
        report: &mut Report,
    ) -> Vec<(Text, Text)> {
        let entries = self.entries(field, report);
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                text(value, &format!("{field}.{}", name.value), report).map(|v| (name, v))
            })
            .collect()
    }

    /// What was not asked for, as JSON; for tables whose other fields belong to somebody else.
    pub(crate) fn rest(self) -> BTreeMap<String, Value> {
        self.table
            .iter()
            .filter(|(key, _)| !self.asked.contains(&key.get_ref().as_ref()))
            .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
            .collect()
    }

    /// Reports every field that was not asked for.
    pub(crate) fn finish(self, report: &mut Report) {
        for (key, _) in self.table.iter() {
            let field = key.get_ref().as_ref();
            if self.asked.contains(&field) {
                continue;
            }
            let help = match nearest(field, &self.asked) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known are {}", listed(&self.asked)),
            };
            report.error(
                "unknown-field",
                &key.span(),
                format!("unknown field `{field}` in {}", self.name),
                &help,
            );
        }
    }
}

pub(crate) fn entries<'t>(table: &'t DeTable<'t>) -> Vec<(Text, &'t Spanned<DeValue<'t>>)> {
    table
        .iter()
        .map(|(key, value)| {
            (
                Text {
                    value: key.get_ref().to_string(),
                    at: key.span(),
                },
                value,
            )
        })
        .collect()
}

pub(crate) fn text<'t>(
    value: &'t Spanned<DeValue<'t>>,
    name: &str,
    report: &mut Report,
) -> Option<Text> {
    match value.get_ref().as_str() {
        Some(text) => Some(Text {
            value: text.to_owned(),
            at: value.span(),
        }),
        None => {
            mistyped(value, name, "a string", report);
            None
        }
    }
}

pub(crate) fn mistyped(
    value: &Spanned<DeValue<'_>>,
    name: &str,
    wanted: &str,
    report: &mut Report,
) {
    let got = value.get_ref().type_str();
    report.error(
        "wrong-type",
        &value.span(),
        format!("`{name}` must be {wanted}, not {}", with_article(got)),
        "",
    );
}

fn with_article(kind: &str) -> String {
    format!(
        "{} {kind}",
        if kind.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        }
    )
}

/// Reports every number that there is no value for: the parser leaves them as text.
pub(crate) fn numbers<'t>(table: &'t DeTable<'t>, report: &mut Report) {
    for (_, value) in table.iter() {
        number(value, report);
    }
}

fn number<'t>(value: &'t Spanned<DeValue<'t>>, report: &mut Report) {
    let too_large = match value.get_ref() {
        DeValue::Integer(integer) => integer64(integer).is_none(),
        DeValue::Float(float) => {
            let parsed = float64(float);
            parsed.is_none_or(f64::is_infinite) && !float.as_str().contains("inf")
        }
        DeValue::Array(array) => return array.iter().for_each(|value| number(value, report)),
        DeValue::Table(table) => return numbers(table, report),
        _ => return,
    };
    if too_large {
        let message = "this number does not fit into 64 bits";
        report.error("number", &value.span(), message, "");
    }
}

fn integer64(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn float64(float: &DeFloat<'_>) -> Option<f64> {
    float.as_str().parse().ok()
}

/// TOML as JSON, keys sorted as Spin writes them. TOML's infinite numbers become null, its dates the table with one
/// field that serde makes of them; Spin does the same.
pub(crate) fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => {
            integer64(integer).map_or(Value::Null, |number| Value::Number(number.into()))
        }
        DeValue::Float(float) => float64(float)
            .and_then(Number::from_f64)
            .map_or(Value::Null, Value::Number),
        DeValue::Boolean(boolean) => Value::Bool(*boolean),
        DeValue::Datetime(date) => Value::Object(Map::from_iter([(
            "$__toml_private_datetime".into(),
            Value::String(date.to_string()),
        )])),
        DeValue::Array(array) => {
            Value::Array(array.iter().map(|value| json(value.get_ref())).collect())
        }
        DeValue::Table(table) => {
            let sorted: BTreeMap<String, Value> = table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref())))
                .collect();
            Value::Object(sorted.into_iter().collect())
        }
    }
}

pub(crate) fn listed(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The same for names that a manifest gives: not more than anybody reads.
pub(crate) fn first_of<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    const NAMED: usize = 10;
    let mut names = names.into_iter();
    let first: Vec<_> = names.by_ref().take(NAMED).collect();
    match names.count() {
        0 => listed(&first),
        more => format!("{} and {more} more", listed(&first)),
    }
}

/// A known name that is at most two edits away.
pub(crate) fn nearest<'n>(field: &str, known: &[&'n str]) -> Option<&'n str> {
    let measured = known.iter().map(|name| (distance(field, name), *name));
    measured
        .filter(|(edits, name)| *edits <= 2 && *edits < name.len())
        .min()
        .map(|(_, name)| name)
}

fn distance(a: &str, b: &str) -> usize {
    let begin = |text: &str| text.chars().take(64).collect::<Vec<_>>();
    let (a, b) = (begin(a), begin(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + usize::from(x != y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}
