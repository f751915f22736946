//! `[component.<id>]`, and the same table written into a trigger.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::read::{Fields, Text, json, mistyped, text};
use super::{entries, names, targets, tools};
use crate::finding::Report;

#[derive(Debug)]
pub(crate) struct Component {
    /// Empty until normalisation for one that stands in a trigger.
    pub(crate) id: Text,
    /// A path, as it is written. `None` where there was an error.
    pub(crate) source: Option<Text>,
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
    pub(crate) source: Option<Text>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) command: Option<Value>,
}

pub(crate) fn check_id(id: &Text, report: &mut Report) {
    if let Err(reason) = names::kebab(&id.value) {
        let message = format!("`{}` cannot be the id of a component: {reason}", id.value);
        report.error("invalid-name", &id.at, message, "ids look like `shop-cart`");
    }
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
    let labels = |texts: Vec<Text>,
                  what: &str,
                  check: fn(&str) -> Result<(), String>,
                  report: &mut Report| {
        for text in &texts {
            if let Err(reason) = check(&text.value) {
                report.error(
                    "invalid-name",
                    &text.at,
                    format!("`{}` cannot name {what}: {reason}", text.value),
                    "",
                );
            }
        }
        texts.into_iter().map(|text| text.value).collect()
    };
    let component = Component {
        source: source(&mut fields, report),
        description: fields
            .text("description", report)
            .map_or_else(String::new, |text| text.value),
        variables: variables(&mut fields, report),
        environment: environment(&mut fields, report),
        files: files(&mut fields, report),
        exclude_files: fields.texts("exclude_files", report),
        allowed_outbound_hosts: fields.texts("allowed_outbound_hosts", report),
        allowed_http_hosts: fields.texts("allowed_http_hosts", report),
        key_value_stores: labels(
            fields.texts("key_value_stores", report),
            "a key-value store",
            names::kebab_or_snake,
            report,
        ),
        sqlite_databases: labels(
            fields.texts("sqlite_databases", report),
            "a database",
            names::kebab_or_snake,
            report,
        ),
        ai_models: labels(
            fields.texts("ai_models", report),
            "a model",
            names::kebab,
            report,
        ),
        build: build(&mut fields, report),
        profiles: profiles(&mut fields, report),
        id,
    };
    targets(&mut fields, report);
    tools(&mut fields, report);
    unsupported_dependencies(&mut fields, report);
    // It only says something about dependencies, which are refused above.
    fields.boolean("dependencies_inherit_configuration", report);
    fields.finish(report);
    Some(component)
}

fn source(fields: &mut Fields<'_>, report: &mut Report) -> Option<Text> {
    let value = fields.value("source")?;
    if let DeValue::Table(table) = value.get_ref() {
        let kind = if table.contains_key("url") {
            "from a URL"
        } else {
            "from a registry"
        };
        report.unsupported(
            &value.span(),
            &format!("Wasm {kind} is"),
            "keep the file in the app and name its path",
        );
        return None;
    }
    text(value, "source", report)
}

fn variables(fields: &mut Fields<'_>, report: &mut Report) -> Vec<(Text, Text)> {
    let entries = fields.text_entries("variables", report);
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

fn environment(fields: &mut Fields<'_>, report: &mut Report) -> BTreeMap<String, String> {
    fields
        .text_entries("environment", report)
        .into_iter()
        .map(|(name, text)| (name.value, text.value))
        .collect()
}

fn files(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Mount> {
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

fn build(fields: &mut Fields<'_>, report: &mut Report) -> Option<BTreeMap<String, Value>> {
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
        };
        unsupported_dependencies(&mut fields, report);
        fields.finish(report);
        profiles.push((name.value, profile));
    }
    profiles
}

fn unsupported_dependencies(fields: &mut Fields<'_>, report: &mut Report) {
    let Some(value) = fields.value("dependencies") else {
        return;
    };
    match value.get_ref().as_table() {
        Some(table) => {
            for (name, value) in entries(table) {
                let message = format!("component dependencies (here `{}`) are", name.value);
                report.unsupported(
                    &value.span(),
                    &message,
                    "compose them into the component when you build it",
                );
            }
        }
        None => mistyped(value, "dependencies", "a table", report),
    }
}
