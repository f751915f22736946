//! A manifest of version 1, turned into what version 2 would say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use super::component::{self, Component};
use super::read::{Fields, Text};
use super::{ComponentSpec, Manifest, Trigger, about, hosts, names, string, variables};
use crate::finding::Report;

/// What a component could reach before manifests said it: every database.
const DATABASES: [&str; 3] = ["redis://*:*", "mysql://*:*", "postgres://*:*"];

pub(super) fn read(mut fields: Fields<'_>, report: &mut Report) -> Manifest {
    let (long, short) = (
        fields.value("spin_manifest_version"),
        fields.value("spin_version"),
    );
    if let (Some(_), Some(second)) = (long, short) {
        let message = "the manifest says its version twice";
        report.error("manifest-version", &second.span(), message, "drop this one");
    }
    let mut manifest = Manifest::default();
    about(&mut fields, &mut manifest, report);
    let help = "add what starts the components: `trigger = { type = \"http\" }`";
    fields.require("trigger", report, help);
    let kind = fields
        .value("trigger")
        .and_then(|value| settings(value, &mut manifest, report))
        .unwrap_or_default();
    manifest.variables = variables(&mut fields, report);
    let mut taken = BTreeSet::new();
    for value in fields.array("component", report) {
        if let Some((component, config)) = read_component(value, report) {
            let id = component.id.clone();
            if !taken.insert(id.value.clone()) {
                let message = format!("two components have the id `{}`", id.value);
                let help = "`_` counts as `-`, and capitals as small letters";
                report.error("duplicate-component", &id.at, message, help);
            }
            manifest.triggers.push(Trigger {
                kind: kind.clone(),
                id: format!("trigger-{}", id.value),
                at: id.at.clone(),
                component: Some(ComponentSpec::Reference(id)),
                components: Vec::new(),
                dependencies: BTreeMap::new(),
                config,
            });
            manifest.components.push(component);
        }
    }
    if !manifest.components.is_empty() {
        manifest.trigger_types.push(kind);
    }
    fields.finish(report);
    manifest
}

/// The type of all triggers.
fn settings<'t>(
    value: &'t Spanned<DeValue<'t>>,
    manifest: &mut Manifest,
    report: &mut Report,
) -> Option<String> {
    let mut fields = Fields::of(value, "`trigger`", report)?;
    fields.require("type", report, "add `type = \"http\"`");
    let kind = fields.text("type", report)?.value;
    let settings = Value::Object(fields.rest().into_iter().collect());
    manifest.trigger_settings.insert(kind.clone(), settings);
    Some(kind)
}

/// A component, and the settings of its trigger.
fn read_component<'t>(
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report,
) -> Option<(Component, BTreeMap<String, Value>)> {
    let mut fields = Fields::of(value, "[[component]]", report)?;
    fields.require("id", report, "add `id = \"…\"`");
    fields.require("source", report, "add `source = \"path/to/app.wasm\"`");
    fields.require("trigger", report, "add `[component.trigger]`");
    let id = fields.text("id", report).map(id);
    let component = Component {
        source: component::source(&mut fields, report),
        description: string(fields.text("description", report)),
        variables: component::variables(&mut fields, "config", report),
        environment: component::environment(&mut fields, report),
        files: component::files(&mut fields, report),
        exclude_files: fields.texts("exclude_files", report),
        allowed_outbound_hosts: outbound_hosts(&mut fields, report),
        allowed_http_hosts: Vec::new(),
        key_value_stores: component::strings(&mut fields, "key_value_stores", report),
        sqlite_databases: component::strings(&mut fields, "sqlite_databases", report),
        ai_models: component::strings(&mut fields, "ai_models", report),
        build: component::build(&mut fields, report),
        all_inherit: None,
        dependencies: BTreeMap::new(),
        profiles: Vec::new(),
        id: id?,
    };
    component::check_id(&component.id, report);
    let config = fields
        .value("trigger")
        .and_then(|value| Fields::of(value, "[component.trigger]", report))
        .map_or_else(BTreeMap::new, Fields::rest);
    fields.finish(report);
    Some((component, config))
}

/// The id in the spelling of version 2.
fn id(written: Text) -> Text {
    let value = match names::kebab(&written.value) {
        Ok(()) => written.value,
        Err(_) => written.value.replace('_', "-").to_lowercase(),
    };
    Text { value, ..written }
}

fn outbound_hosts(fields: &mut Fields<'_>, report: &mut Report) -> Vec<Text> {
    let at = fields.at.clone();
    let mut allowed = fields.texts("allowed_outbound_hosts", report);
    if !fields.has("allowed_outbound_hosts") {
        allowed.extend(DATABASES.map(|host| Text {
            value: host.to_owned(),
            at: at.clone(),
        }));
    }
    let old = fields.texts("allowed_http_hosts", report);
    let entries: Vec<_> = old.iter().map(|host| host.value.as_str()).collect();
    let at = old.first().map_or(at, |first| first.at.clone());
    match hosts::from_http_hosts(&entries) {
        Ok(converted) => allowed.extend(converted.into_iter().map(|value| Text {
            value,
            at: at.clone(),
        })),
        Err(reason) => {
            let help = "entries look like `example.com:8080`";
            report.error("outbound-host", &at, reason, help);
        }
    }
    allowed
}
