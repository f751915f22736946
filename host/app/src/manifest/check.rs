//! What Spin finds only when the app runs, or never: names that lead nowhere. Nothing here reads a file.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{listed, nearest};
use super::{Component, ComponentSpec, Manifest, Text, hosts, template};
use crate::finding::Report;
use crate::unusable;

pub(crate) fn check(manifest: &Manifest, report: &mut Report) {
    name(manifest.name.as_ref(), report);
    triggers(manifest, report);
    let defaults: BTreeMap<&str, Option<&str>> = manifest
        .variables
        .iter()
        .map(|(name, variable)| (name.value.as_str(), variable.default.as_deref()))
        .collect();
    for component in &manifest.components {
        for (name, value) in &component.variables {
            check_template(
                value,
                &format!("variable `{}`", name.value),
                &defaults,
                report,
            );
        }
        outbound_hosts(component, &defaults, report);
    }
}

/// One that is missing altogether was reported before.
pub(crate) fn name(name: Option<&Text>, report: &mut Report) {
    let Some((name, problem)) = name.and_then(|name| Some((name, unusable(&name.value)?))) else {
        return;
    };
    let code = match name.value.trim() {
        "" => "no-name",
        _ => "invalid-name",
    };
    let message = format!("the name of the application {problem}");
    let help = "platforms know an app by its name";
    report.error(code, &name.at, message, help);
}

fn triggers(manifest: &Manifest, report: &mut Report) {
    let components: BTreeSet<_> = manifest
        .components
        .iter()
        .map(|component| &component.id.value)
        .collect();
    let mut ids = BTreeSet::new();
    for trigger in &manifest.triggers {
        if !ids.insert(&trigger.id) {
            let message = format!("two triggers have the id `{}`", trigger.id);
            report.error(
                "duplicate-trigger",
                &trigger.at,
                message,
                "give each an `id` of its own, or none",
            );
        }
        for spec in trigger.component.iter().chain(&trigger.components) {
            if let ComponentSpec::Reference(id) = spec
                && !components.contains(&id.value)
            {
                let ids: Vec<_> = components.iter().map(|id| id.as_str()).collect();
                unknown_component(id, &ids, report);
            }
        }
    }
}

pub(super) fn unknown_component(id: &Text, ids: &[&str], report: &mut Report) {
    let help = match (nearest(&id.value, ids), ids.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, false) => format!("there are {}", listed(ids)),
        (None, true) => "there is no component at all".to_owned(),
    };
    report.error(
        "unknown-component",
        &id.at,
        format!("there is no component `{}`", id.value),
        &help,
    );
}

/// Says whether all the variables of a template are there.
fn check_template(
    text: &Text,
    place: &str,
    variables: &BTreeMap<&str, Option<&str>>,
    report: &mut Report,
) -> bool {
    let names = match template::variables(&text.value) {
        Ok(names) => names,
        Err(template::Unclosed) => {
            let message = format!("`{{{{` without `}}}}` in {place}");
            report.error(
                "template",
                &text.at,
                message,
                "a template looks like `https://{{ host }}`",
            );
            return false;
        }
    };
    let unknown: Vec<_> = names
        .into_iter()
        .filter(|name| !variables.contains_key(name))
        .collect();
    for name in &unknown {
        let message =
            format!("{place} uses `{{{{ {name} }}}}`, and the application has no such variable");
        let help = format!("add it below `[variables]`: `{name} = {{ required = true }}`");
        report.error("unknown-variable", &text.at, message, &help);
    }
    unknown.is_empty()
}

fn outbound_hosts(
    component: &Component,
    variables: &BTreeMap<&str, Option<&str>>,
    report: &mut Report,
) {
    for host in &component.allowed_outbound_hosts {
        if !check_template(host, "`allowed_outbound_hosts`", variables, report) {
            continue;
        }
        // Without a default nobody knows yet what it will be.
        let lookup = |name: &str| variables.get(name).copied().flatten().map(String::from);
        let Some(resolved) = template::resolve(&host.value, lookup) else {
            continue;
        };
        if let Err(reason) = hosts::parse(&resolved) {
            let help = "entries look like `https://example.com`, `redis://db.example.com:6379` or `*://*:*`";
            report.error(
                "outbound-host",
                &host.at,
                format!("`{resolved}` cannot be allowed: {reason}"),
                help,
            );
        }
    }
    let Some(first) = component.allowed_http_hosts.first() else {
        return;
    };
    let entries: Vec<_> = component
        .allowed_http_hosts
        .iter()
        .map(|host| host.value.as_str())
        .collect();
    match hosts::from_http_hosts(&entries) {
        Ok(converted) => {
            let help = format!("write `allowed_outbound_hosts = {converted:?}`");
            report.warning(
                "deprecated",
                &first.at,
                "`allowed_http_hosts` is deprecated",
                &help,
            );
            for host in converted {
                if let Err(reason) = hosts::parse(&host) {
                    report.error(
                        "outbound-host",
                        &first.at,
                        format!("`{host}` cannot be allowed: {reason}"),
                        "",
                    );
                }
            }
        }
        Err(reason) => report.error(
            "outbound-host",
            &first.at,
            reason,
            "entries look like `example.com:8080`",
        ),
    }
}
