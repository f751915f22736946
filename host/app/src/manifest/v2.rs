//! A manifest of version 2, as it is written.

use toml::Spanned;
use toml::de::DeValue;

use super::read::{Fields, Text, json, mistyped, text};
use super::{
    ComponentSpec, Manifest, Trigger, about, component, dependency, string, targets, tools,
    variables,
};
use crate::finding::Report;

pub(super) fn read(mut fields: Fields<'_>, report: &mut Report) -> Manifest {
    fields.value("spin_manifest_version");
    let mut manifest = Manifest::default();

    fields.require("application", report, "add `[application]` with a `name`");
    if let Some(value) = fields.value("application") {
        application(value, &mut manifest, report);
    }
    manifest.variables = variables(&mut fields, report);
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

fn application<'t>(value: &'t Spanned<DeValue<'t>>, manifest: &mut Manifest, report: &mut Report) {
    let Some(mut fields) = Fields::of(value, "[application]", report) else {
        return;
    };
    about(&mut fields, manifest, report);
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
        if let Some(fields) = Fields::of(value, format!("[[{name}]]"), report) {
            manifest
                .triggers
                .push(trigger(kind.value.clone(), fields, report));
        }
    }
}

fn trigger(kind: String, mut fields: Fields<'_>, report: &mut Report) -> Trigger {
    let id = string(fields.text("id", report));
    let names_one = fields.has("component");
    let component = fields
        .value("component")
        .and_then(|value| spec(value, report));
    let mut components = Vec::new();
    for (_, value) in fields.entries("components", report) {
        match value.get_ref().as_array() {
            Some(array) => components.extend(array.iter().filter_map(|value| spec(value, report))),
            None => components.extend(spec(value, report)),
        }
    }
    let dependencies = dependency::of_trigger(&mut fields, report);
    let needs_one = !dependencies.values().all(Vec::is_empty);
    // An http trigger can do without: it answers by itself.
    let runs_nothing = kind == "http" && fields.has("static_response");
    if !names_one && (needs_one || !(fields.has("components") || runs_nothing)) {
        let message = if needs_one {
            format!("the dependencies of this `{kind}` trigger belong to no component")
        } else {
            format!("this `{kind}` trigger names no component")
        };
        let help = "name one component with `component = \"…\"`";
        report.error("no-component", &fields.at, message, help);
    }
    Trigger {
        kind,
        id,
        component,
        components,
        dependencies,
        at: fields.at.clone(),
        config: fields.rest(),
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
    component::check_id(&id, report).then_some(ComponentSpec::Reference(id))
}
