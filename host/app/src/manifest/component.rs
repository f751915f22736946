//! `[component.<id>]`, and the same table written into a trigger.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::dependency::{self, Dependency, DependencyName};
use super::read::{Fields, Text, json, mistyped};
use super::source::{self, WasmSource};
use super::{names, targets, tools};
use crate::finding::{Place, Report};

#[derive(Debug)]
pub(crate) struct Component {
    /// Empty until normalisation for one that stands in a trigger.
    pub(crate) id: Text,
    /// `None` where there was an error.
    pub(crate) source: Option<WasmSource>,
    pub(crate) description: String,
    pub(crate) variables: Vec<(Text, Text)>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) files: Vec<Mount>,
    pub(crate) exclude_files: Vec<Text>,
    pub(crate) allowed_outbound_hosts: Vec<Text>,
    pub(crate) allowed_http_hosts: Vec<Text>,
    pub(crate) key_value_stores: Vec<String>,
    pub(crate) sqlite_databases: Vec<String>,
    pub(crate) ai_models: Vec<String>,
    /// As JSON with sorted keys.
    pub(crate) build: Option<BTreeMap<String, Value>>,
    /// `dependencies_inherit_configuration`, until normalisation.
    pub(crate) all_inherit: Option<(bool, Place)>,
    pub(crate) dependencies: BTreeMap<DependencyName, Dependency>,
    pub(crate) profiles: Vec<(String, Profile)>,
}

/// One entry of `files`.
#[derive(Debug)]
pub(crate) enum Mount {
    /// A file, a directory or a glob; the guest sees it under the same path.
    Pattern(Text),
    Placement {
        source: Text,
        destination: Text,
    },
}

/// What a component is instead, in a build profile.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) source: Option<WasmSource>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) dependencies: BTreeMap<DependencyName, Dependency>,
    pub(crate) command: Option<Value>,
}

/// Says whether it is an id.
pub(super) fn check_id(id: &Text, report: &mut Report) -> bool {
    let checked = names::kebab(&id.value);
    if let Err(reason) = &checked {
        let message = format!("`{}` cannot be the id of a component: {reason}", id.value);
        report.error("invalid-name", &id.at, message, "ids look like `shop-cart`");
    }
    checked.is_ok()
}

/// An empty `id` belongs to a component inside a trigger.
pub(crate) fn read<'t>(
    id: Text,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report,
) -> Option<Component> {
    let inline = id.value.is_empty() && id.at == value.span();
    let name = if inline {
        "the component of this trigger".into()
    } else {
        check_id(&id, report);
        format!("[component.{}]", id.value)
    };
    let mut fields = Fields::of(value, name, report)?;
    fields.require("source", report, "add `source = \"path/to/app.wasm\"`");
    let component = Component {
        source: source(&mut fields, report),
        description: fields
            .text("description", report)
            .map_or_else(String::new, |text| text.value),
        variables: variables(&mut fields, "variables", report),
        environment: environment(&mut fields, report),
        files: files(&mut fields, report),
        exclude_files: fields.texts("exclude_files", report),
        allowed_outbound_hosts: fields.texts("allowed_outbound_hosts", report),
        allowed_http_hosts: fields.texts("allowed_http_hosts", report),
        key_value_stores: labels(&mut fields, "key_value_stores", "a key-value store", report),
        sqlite_databases: labels(&mut fields, "sqlite_databases", "a database", report),
        ai_models: strings(&mut fields, "ai_models", report),
        build: build(&mut fields, report),
        all_inherit: fields
            .value("dependencies_inherit_configuration")
            .map(|value| {
                (
                    fields.boolean("dependencies_inherit_configuration", report),
                    value.span(),
                )
            }),
        dependencies: dependency::of_component(&mut fields, report),
        profiles: profiles(&mut fields, report),
        id,
    };
    targets(&mut fields, report);
    tools(&mut fields, report);
    fields.finish(report);
    Some(component)
}

pub(super) fn source(fields: &mut Fields<'_>, report: &mut Report) -> Option<WasmSource> {
    source::read(fields.value("source")?, report)
}

pub(super) fn strings(
    fields: &mut Fields<'_>,
    field: &'static str,
    report: &mut Report,
) -> Vec<String> {
    let texts = fields.texts(field, report);
    texts.into_iter().map(|text| text.value).collect()
}

fn labels(
    fields: &mut Fields<'_>,
    field: &'static str,
    what: &str,
    report: &mut Report,
) -> Vec<String> {
    let texts = fields.texts(field, report);
    for text in &texts {
        if let Err(reason) = names::kebab_or_snake(&text.value) {
            let message = format!("`{}` cannot name {what}: {reason}", text.value);
            report.error("invalid-name", &text.at, message, "");
        }
    }
    texts.into_iter().map(|text| text.value).collect()
}

/// `field` is `variables`, or `config` in a manifest of version 1.
pub(super) fn variables(
    fields: &mut Fields<'_>,
    field: &'static str,
    report: &mut Report,
) -> Vec<(Text, Text)> {
    let entries = fields.text_entries(field, report);
    for (name, _) in &entries {
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
    }
    entries
}

pub(super) fn environment(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> BTreeMap<String, String> {
    fields
        .text_entries("environment", report)
        .into_iter()
        .map(|(name, text)| (name.value, text.value))
        .collect()
}

pub(super) fn files(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Mount> {
    let mut mounts = Vec::new();
    for value in fields.array("files", report) {
        if let DeValue::String(pattern) = value.get_ref() {
            mounts.push(Mount::Pattern(Text {
                value: pattern.to_string(),
                at: value.span(),
            }));
            continue;
        }
        if !value.get_ref().is_table() {
            mistyped(
                value,
                "files",
                "a string, or a table with `source` and `destination`",
                report,
            );
            continue;
        }
        let Some(mut entry) = Fields::of(value, "an entry of `files`", report) else {
            continue;
        };
        entry.require("source", report, "");
        entry.require(
            "destination",
            report,
            "add where the component finds it: `destination = \"/\"`",
        );
        let (source, destination) = (
            entry.text("source", report),
            entry.text("destination", report),
        );
        entry.finish(report);
        if let (Some(source), Some(destination)) = (source, destination) {
            mounts.push(Mount::Placement {
                source,
                destination,
            });
        }
    }
    mounts
}

fn command(fields: &mut Fields<'_>, report: &mut Report) -> Option<Value> {
    let value = fields.value("command")?;
    let is_command = match value.get_ref() {
        DeValue::Array(commands) => commands.iter().all(|command| command.get_ref().is_str()),
        other => other.is_str(),
    };
    if !is_command {
        mistyped(value, "command", "a string or an array of strings", report);
    }
    Some(json(value.get_ref()))
}

pub(super) fn build(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> Option<BTreeMap<String, Value>> {
    let mut fields = Fields::of(fields.value("build")?, "`build`", report)?;
    fields.require("command", report, "");
    let mut build = BTreeMap::new();
    build.extend(command(&mut fields, report).map(|command| ("command".into(), command)));
    build.extend(
        fields
            .text("workdir", report)
            .map(|workdir| ("workdir".into(), Value::String(workdir.value))),
    );
    let watch = fields.texts("watch", report);
    if !watch.is_empty() {
        build.insert(
            "watch".into(),
            watch
                .into_iter()
                .map(|path| Value::String(path.value))
                .collect(),
        );
    }
    fields.finish(report);
    Some(build)
}

fn profiles(fields: &mut Fields<'_>, report: &mut Report) -> Vec<(String, Profile)> {
    let mut profiles = Vec::new();
    for (name, value) in fields.entries("profile", report) {
        let Some(mut fields) = Fields::of(value, format!("profile.{}", name.value), report) else {
            continue;
        };
        let profile = Profile {
            source: source(&mut fields, report),
            environment: environment(&mut fields, report),
            command: fields.value("build").and_then(|value| {
                let mut build = Fields::of(value, "`build`", report)?;
                let command = command(&mut build, report);
                build.finish(report);
                command
            }),
            dependencies: dependency::of_component(&mut fields, report),
        };
        fields.finish(report);
        profiles.push((name.value, profile));
    }
    profiles
}
