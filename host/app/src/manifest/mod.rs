//! `spin.toml`: every field in its type, every value with its place.
//!
//! Version 2 is read as it is written ([`v2`]), version 1 into the same types ([`v1`]). What the fields mean together
//! is worked out by [`normalize`]; [`check`] finds what leads nowhere.

pub(crate) mod check;
mod component;
mod dependency;
pub(crate) mod hosts;
pub(crate) mod names;
pub(crate) mod normalize;
mod read;
mod references;
mod source;
pub(crate) mod template;
mod v1;
mod v2;
pub(crate) mod variants;

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::component::{Component, Mount};
pub(crate) use self::dependency::{Dependency, Inherit};
pub(crate) use self::read::Text;
use self::read::{Fields, json, mistyped};
pub(crate) use self::source::WasmSource;
use crate::finding::{Place, Report};
use crate::{Identity, LoadOptions};

/// The whole of a manifest. Where there were errors some of it is missing.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) name: Option<Text>,
    pub(crate) version: Option<Text>,
    pub(crate) description: String,
    pub(crate) authors: Vec<String>,
    /// `[application.trigger.<type>]`
    pub(crate) trigger_settings: BTreeMap<String, Value>,
    pub(crate) variables: Vec<(Text, Variable)>,
    /// The types of `[[trigger.<type>]]`, also of those without an entry.
    pub(crate) trigger_types: Vec<String>,
    pub(crate) triggers: Vec<Trigger>,
    pub(crate) components: Vec<Component>,
}

#[derive(Debug)]
pub(crate) struct Variable {
    pub(crate) description: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) required: bool,
    pub(crate) secret: bool,
}

#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) kind: String,
    /// Empty until normalisation where there is none.
    pub(crate) id: String,
    pub(crate) component: Option<ComponentSpec>,
    /// Further ones, in whatever role: the locked app has them without saying what for.
    pub(crate) components: Vec<ComponentSpec>,
    /// What its component is composed with when this trigger runs it, by role.
    pub(crate) dependencies: BTreeMap<String, Vec<Dependency>>,
    /// The trigger type's own settings.
    pub(crate) config: BTreeMap<String, Value>,
    pub(crate) at: Place,
}

#[derive(Debug)]
pub(crate) enum ComponentSpec {
    Reference(Text),
    /// Its id comes with normalisation.
    Inline(Box<Component>),
}

/// Which of the two languages a manifest is in.
#[derive(Clone, Copy, Debug)]
enum Version {
    One,
    Two,
}

impl Manifest {
    /// Everything that has to be Wasm, components first.
    pub(crate) fn wasm(&self) -> impl Iterator<Item = &WasmSource> {
        let sources = self.components.iter().filter_map(|c| c.source.as_ref());
        let of_components = self
            .components
            .iter()
            .flat_map(|c| c.dependencies.values())
            .chain(
                self.triggers
                    .iter()
                    .flat_map(|t| t.dependencies.values().flatten()),
            )
            .filter_map(Dependency::wasm);
        sources.chain(of_components)
    }
}

/// Only name and version; `None` when an error about them was reported. What the user gives makes up for what cannot be
/// used.
pub(crate) fn identity(
    source: &str,
    options: &LoadOptions,
    report: &mut Report,
) -> Option<Identity> {
    let (document, version) = document(source, report)?;
    let mut fields = Fields::new(document.get_ref(), 0..0, "the manifest");
    if let Version::Two = version {
        fields.require("application", report, "add `[application]` with a `name`");
        fields = Fields::of(fields.value("application")?, "[application]", report)?;
    }
    let (name, version) = name_and_version(&mut fields, report);
    if options.name.is_none() {
        check::name(name.as_ref(), report);
    }
    if options.version.is_none() {
        check::version(version.as_ref(), report);
    }
    let name = name.filter(|_| !report.has_errors())?.value;
    Some(Identity {
        name: options.name.clone().unwrap_or(name),
        version: options.version.clone().or(version.map(|text| text.value)),
    })
}

/// Reads `text`. What is wrong with it goes to `report`; what could be read comes back.
pub(crate) fn parse(source: &str, report: &mut Report) -> Manifest {
    match document(source, report) {
        // A place in the first line, not the whole file: for what is missing altogether.
        Some((document, version)) => {
            let fields = Fields::new(document.get_ref(), 0..0, "the manifest");
            match version {
                Version::One => v1::read(fields, report),
                Version::Two => v2::read(fields, report),
            }
        }
        None => Manifest::default(),
    }
}

fn document<'t>(source: &'t str, report: &mut Report) -> Option<(Spanned<DeTable<'t>>, Version)> {
    let (document, errors) = DeTable::parse_recoverable(source);
    let broken = !errors.is_empty();
    for error in errors {
        let end = source.len();
        report.error(
            "syntax",
            &error.span().unwrap_or(end..end),
            error.message(),
            "",
        );
    }
    // What a recovering parser makes of a broken file would only add confusion.
    if broken {
        return None;
    }
    read::numbers(document.get_ref(), report);
    let version = version(&document, report)?;
    Some((document, version))
}

fn version(document: &Spanned<DeTable<'_>>, report: &mut Report) -> Option<Version> {
    const WRITE: &str = "write `spin_manifest_version = 2`";
    let table = document.get_ref();
    let found = table
        .get_key_value("spin_manifest_version")
        .or_else(|| table.get_key_value("spin_version"));
    let Some((key, value)) = found else {
        report.error(
            "manifest-version",
            &(0..0),
            "the manifest does not say its version",
            "begin it with `spin_manifest_version = 2`",
        );
        return None;
    };
    let (at, message, help) = match json(value.get_ref()) {
        Value::String(one) if one == "1" => return Some(Version::One),
        Value::Number(two) if two.as_i64() == Some(2) => {
            if key.get_ref() == "spin_manifest_version" {
                return Some(Version::Two);
            }
            let message = "version 2 is said with `spin_manifest_version = 2`".to_owned();
            (key.span(), message, "`spin_version` belongs to version 1")
        }
        Value::Number(one) if one.as_i64() == Some(1) => {
            let message = "version 1 is written as a string".to_owned();
            (
                value.span(),
                message,
                "write `spin_manifest_version = \"1\"`",
            )
        }
        other => {
            let message = format!("there is no manifest version {other}");
            (value.span(), message, WRITE)
        }
    };
    report.error("manifest-version", &at, message, help);
    None
}

/// An empty version is none.
fn name_and_version(fields: &mut Fields<'_>, report: &mut Report) -> (Option<Text>, Option<Text>) {
    fields.require("name", report, "add `name = \"…\"`");
    let name = fields.text("name", report);
    let version = fields.text("version", report);
    (name, version.filter(|version| !version.value.is_empty()))
}

/// What an app says about itself.
fn about(fields: &mut Fields<'_>, manifest: &mut Manifest, report: &mut Report) {
    (manifest.name, manifest.version) = name_and_version(fields, report);
    manifest.description = string(fields.text("description", report));
    manifest.authors = component::strings(fields, "authors", report);
}

fn string(text: Option<Text>) -> String {
    text.map_or_else(String::new, |text| text.value)
}

/// `[variables]`
fn variables(fields: &mut Fields<'_>, report: &mut Report) -> Vec<(Text, Variable)> {
    let entries = fields.entries("variables", report);
    entries
        .into_iter()
        .filter_map(|(name, value)| variable(&name, value, report).map(|read| (name, read)))
        .collect()
}

/// Environments that `spin build` checks against; they are not part of what is deployed.
fn targets(fields: &mut Fields<'_>, report: &mut Report) {
    for target in fields.array("targets", report) {
        if !(target.get_ref().is_str() || target.get_ref().is_table()) {
            mistyped(target, "targets", "a string or a table", report);
        }
    }
}

/// Tables for other tools, which Spin ignores.
fn tools(fields: &mut Fields<'_>, report: &mut Report) {
    for (name, value) in fields.entries("tool", report) {
        if !value.get_ref().is_table() {
            mistyped(value, &format!("tool.{}", name.value), "a table", report);
        }
    }
}

fn variable<'t>(
    name: &Text,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report,
) -> Option<Variable> {
    if let Err(reason) = names::variable(&name.value) {
        let message = format!(
            "`{}` cannot be the name of a variable: {reason}",
            name.value
        );
        report.error(
            "invalid-name",
            &name.at,
            message,
            "names look like `api_host`",
        );
    }
    let mut fields = Fields::of(value, format!("variables.{}", name.value), report)?;
    let read = Variable {
        description: fields.text("description", report).map(|text| text.value),
        required: fields.boolean("required", report),
        default: fields.text("default", report).map(|text| text.value),
        secret: fields.boolean("secret", report),
    };
    fields.finish(report);
    if read.required == read.default.is_some() {
        let message = format!(
            "the variable `{}` must be `required = true` or have a `default`, one of both",
            name.value
        );
        report.error("variable-default", &name.at, message, "");
    }
    Some(read)
}
