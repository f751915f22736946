//! `spin.toml`, manifest version 2, as it is written: every field in its type, every value with its place.
//!
//! What is not here yet is refused with the code `unsupported`: version 1, Wasm from a URL or registry, dependencies
//! and a trigger's `components`. Each belongs in a module of its own that turns it into these types.

pub(crate) mod check;
mod component;
pub(crate) mod hosts;
pub(crate) mod names;
pub(crate) mod normalize;
mod read;
pub(crate) mod template;

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) use self::component::{Component, Mount};
pub(crate) use self::read::Text;
use self::read::{Fields, entries, json, mistyped, text};
use crate::Identity;
use crate::finding::{Place, Report};

/// The whole of a manifest. Where there were errors some of it is missing.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) name: Option<Text>,
    pub(crate) version: String,
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

/// Only name and version; `None` when an error about them was reported.
pub(crate) fn identity(source: &str, report: &mut Report) -> Option<Identity> {
    let document = document(source, report)?;
    let mut fields = Fields::new(document.get_ref(), 0..0, "the manifest");
    fields.require("application", report, "add `[application]` with a `name`");
    let mut fields = Fields::of(fields.value("application")?, "[application]", report)?;
    let (name, version) = name_and_version(&mut fields, report);
    check::name(name.as_ref(), report);
    let name = name.filter(|_| !report.has_errors())?.value;
    Some(Identity {
        name,
        version: (!version.is_empty()).then_some(version),
    })
}

fn document<'t>(source: &'t str, report: &mut Report) -> Option<Spanned<DeTable<'t>>> {
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
    (!broken && is_version_2(&document, report)).then_some(document)
}

/// Reads `text`. What is wrong with it goes to `report`; what could be read comes back.
pub(crate) fn parse(source: &str, report: &mut Report) -> Manifest {
    let Some(document) = document(source, report) else {
        return Manifest::default();
    };
    // A place in the first line, not the whole file: for what is missing altogether.
    let mut fields = Fields::new(document.get_ref(), 0..0, "the manifest");
    fields.value("spin_manifest_version");
    let mut manifest = Manifest::default();

    fields.require("application", report, "add `[application]` with a `name`");
    if let Some(value) = fields.value("application") {
        application(value, &mut manifest, report);
    }
    for (name, value) in fields.entries("variables", report) {
        if let Some(variable) = variable(&name, value, report) {
            manifest.variables.push((name, variable));
        }
    }
    fields.require(
        "trigger",
        report,
        "add what starts a component: `[[trigger.http]]` with `route` and `component`",
    );
    for (kind, value) in fields.entries("trigger", report) {
        triggers(&kind, value, &mut manifest, report);
    }
    for (id, value) in fields.entries("component", report) {
        manifest
            .components
            .extend(component::read(id, value, report));
    }
    fields.finish(report);
    manifest
}

fn is_version_2(document: &Spanned<DeTable<'_>>, report: &mut Report) -> bool {
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
        return false;
    };
    match json(value.get_ref()) {
        Value::String(one) if one == "1" => {
            report.unsupported(
                &value.span(),
                "manifest version 1 is",
                "`spin doctor` turns it into version 2",
            );
            false
        }
        Value::Number(two)
            if two.as_i64() == Some(2) && key.get_ref() == "spin_manifest_version" =>
        {
            true
        }
        Value::Number(two) if two.as_i64() == Some(2) => {
            let help = "`spin_version` belongs to version 1";
            report.error(
                "manifest-version",
                &key.span(),
                "version 2 is said with `spin_manifest_version = 2`",
                help,
            );
            false
        }
        other => {
            let message = format!("there is no manifest version {other}");
            report.error(
                "manifest-version",
                &value.span(),
                message,
                "write `spin_manifest_version = 2`",
            );
            false
        }
    }
}

fn application<'t>(value: &'t Spanned<DeValue<'t>>, manifest: &mut Manifest, report: &mut Report) {
    let Some(mut fields) = Fields::of(value, "[application]", report) else {
        return;
    };
    (manifest.name, manifest.version) = name_and_version(&mut fields, report);
    manifest.description = string(fields.text("description", report));
    manifest.authors = fields
        .texts("authors", report)
        .into_iter()
        .map(|author| author.value)
        .collect();
    targets(&mut fields, report);
    for (kind, value) in fields.entries("trigger", report) {
        match value.get_ref() {
            DeValue::Table(_) => drop(
                manifest
                    .trigger_settings
                    .insert(kind.value, json(value.get_ref())),
            ),
            _ => mistyped(
                value,
                &format!("application.trigger.{}", kind.value),
                "a table",
                report,
            ),
        }
    }
    tools(&mut fields, report);
    fields.finish(report);
}

fn name_and_version(fields: &mut Fields<'_>, report: &mut Report) -> (Option<Text>, String) {
    fields.require("name", report, "add `name = \"…\"`");
    let name = fields.text("name", report);
    (name, string(fields.text("version", report)))
}

fn string(text: Option<Text>) -> String {
    text.map_or_else(String::new, |text| text.value)
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

fn triggers<'t>(
    kind: &Text,
    value: &'t Spanned<DeValue<'t>>,
    manifest: &mut Manifest,
    report: &mut Report,
) {
    let name = format!("trigger.{}", kind.value);
    manifest.trigger_types.push(kind.value.clone());
    let Some(array) = value.get_ref().as_array() else {
        mistyped(
            value,
            &name,
            &format!("an array of tables, written `[[{name}]]`"),
            report,
        );
        return;
    };
    for value in array.iter() {
        let Some(mut fields) = Fields::of(value, format!("[[{name}]]"), report) else {
            continue;
        };
        let id = fields
            .text("id", report)
            .map_or_else(String::new, |text| text.value);
        let component = fields
            .value("component")
            .and_then(|value| spec(value, report));
        let help = "name one component with `component = \"…\"`";
        if let Some(value) = fields.value("components") {
            report.unsupported(
                &value.span(),
                "several components for one trigger (`components`) are",
                help,
            );
        } else if !fields.has("component") {
            report.error(
                "no-component",
                &fields.at,
                format!("this `{}` trigger names no component", kind.value),
                help,
            );
        }
        if let Some(value) = fields.value("dependencies") {
            report.unsupported(
                &value.span(),
                "dependencies of triggers (middleware) are",
                "",
            );
        }
        let at = fields.at.clone();
        manifest.triggers.push(Trigger {
            kind: kind.value.clone(),
            id,
            component,
            config: fields.rest(),
            at,
        });
    }
}

fn spec<'t>(value: &'t Spanned<DeValue<'t>>, report: &mut Report) -> Option<ComponentSpec> {
    if value.get_ref().is_table() {
        let id = Text {
            value: String::new(),
            at: value.span(),
        };
        return component::read(id, value, report)
            .map(|component| ComponentSpec::Inline(Box::new(component)));
    }
    let id = text(value, "component", report)?;
    component::check_id(&id, report);
    Some(ComponentSpec::Reference(id))
}
