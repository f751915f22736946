//! What Spin finds only when the app runs, or never: names that lead nowhere. Nothing here reads a file.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{first_of, nearest};
use super::{Component, ComponentSpec, Manifest, Text, hosts, template};
use crate::finding::Report;
use crate::unusable;

pub(crate) fn check(manifest: &Manifest, report: &mut Report) {
    name(manifest.name.as_ref(), report);
    version(manifest.version.as_ref(), report);
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

pub(crate) fn version(version: Option<&Text>, report: &mut Report) {
    if let Some(version) = version
        && let Some(problem) = unusable(&version.value)
    {
        let message = format!("the version of the application {problem}");
        report.error(
            "invalid-name",
            &version.at,
            message,
            "drop it, or write `1.0.0`",
        );
    }
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
                unknown_component(id, components.iter().map(|id| id.as_str()), report);
            }
        }
    }
}

/// Among more components than that nobody mistypes one.
const COMPARED: usize = 1000;

pub(super) fn unknown_component<'n>(
    id: &Text,
    ids: impl Iterator<Item = &'n str> + Clone,
    report: &mut Report,
) {
    if report.is_full() {
        return;
    }
    let compared: Vec<_> = ids.clone().take(COMPARED).collect();
    let help = match (nearest(&id.value, &compared), compared.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, false) => format!("there are {}", first_of(ids)),
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_full_report_costs_nothing_more() {
        let ids: Vec<_> = (0..1200)
            .map(|index| format!("component-{index}"))
            .collect();
        let looked_at = Cell::new(0);
        let counted = || {
            let ids = ids.iter().map(String::as_str);
            ids.inspect(|_| looked_at.set(looked_at.get() + 1))
        };
        let id = Text {
            value: "nothing-like-that".into(),
            at: 0..0,
        };
        let mut report = Report::new(Path::new("spin.toml"), "");
        unknown_component(&id, counted(), &mut report);
        let each = looked_at.take();
        assert_eq!(each, COMPARED + ids.len());
        for _ in 0..1000 {
            unknown_component(&id, counted(), &mut report);
        }
        let findings = report.into_findings();
        assert_eq!(looked_at.get(), each * (findings.len() - 1));
        let help = findings[0].help.as_ref().unwrap();
        assert!(help.ends_with("`component-9` and 1190 more"), "{help}");
    }
}
