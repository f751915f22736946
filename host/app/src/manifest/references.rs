//! What dependencies say about others: that they inherit like all of their component, or are another component.

use std::collections::BTreeMap;

use super::dependency::{Dependency, Inherit, Supply};
use super::read::listed;
use super::{Component, Manifest, Text, WasmSource, check};
use crate::finding::Report;

/// `dependencies_inherit_configuration` stands for the same at every dependency.
pub(super) fn inherit_alike(component: &mut Component, report: &mut Report) {
    let Some((all, at)) = component.all_inherit.take() else {
        return;
    };
    let mut said = component
        .dependencies
        .iter()
        .filter(|(_, dependency)| dependency.inherit.is_some());
    if let Some((name, _)) = said.next() {
        let message = format!(
            "`dependencies_inherit_configuration` and `inherit_configuration` of `{name}` exclude each other"
        );
        let help = "say it at each dependency, and drop this one";
        report.error("inherited-twice", &at, message, help);
        return;
    }
    for (name, dependency) in &mut component.dependencies {
        if !all {
            continue;
        }
        if dependency.brief {
            let message = format!("the dependency `{name}` inherits nothing: it is only a version");
            let help = "write `{ version = \"…\", inherit_configuration = true }`";
            report.warning("inherits-nothing", &dependency.at, message, help);
        } else {
            dependency.inherit = Some(Inherit::All);
        }
    }
}

/// Puts the Wasm of a component in the place of its id.
pub(super) fn resolve(manifest: &mut Manifest, report: &mut Report) {
    let known: BTreeMap<String, Known> = manifest
        .components
        .iter()
        .map(|component| (component.id.value.clone(), Known::of(component)))
        .collect();
    let of_components = manifest
        .components
        .iter_mut()
        .flat_map(|component| component.dependencies.values_mut());
    let of_triggers = manifest
        .triggers
        .iter_mut()
        .flat_map(|trigger| trigger.dependencies.values_mut().flatten());
    for dependency in of_components.chain(of_triggers) {
        let Supply::Component(id) = &dependency.supply else {
            continue;
        };
        if let Some(wasm) = wasm(id, &known, report) {
            dependency.supply = Supply::Wasm(wasm);
        }
    }
}

/// A component that may be somebody's dependency.
struct Known {
    source: Option<WasmSource>,
    /// What it has and would not have as a dependency.
    own: Vec<&'static str>,
}

impl Known {
    fn of(component: &Component) -> Self {
        let own = [
            ("ai_models", component.ai_models.is_empty()),
            (
                "allowed_http_hosts",
                component.allowed_http_hosts.is_empty(),
            ),
            (
                "allowed_outbound_hosts",
                component.allowed_outbound_hosts.is_empty(),
            ),
            ("dependencies", component.dependencies.is_empty()),
            ("environment", component.environment.is_empty()),
            ("files", component.files.is_empty()),
            ("key_value_stores", component.key_value_stores.is_empty()),
            ("sqlite_databases", component.sqlite_databases.is_empty()),
            ("variables", component.variables.is_empty()),
        ];
        Self {
            source: component.source.clone(),
            own: own
                .into_iter()
                .filter(|(_, is_empty)| !is_empty)
                .map(|(field, _)| field)
                .collect(),
        }
    }
}

fn wasm(id: &Text, known: &BTreeMap<String, Known>, report: &mut Report) -> Option<WasmSource> {
    let Some(component) = known.get(&id.value) else {
        check::unknown_component(id, known.keys().map(String::as_str), report);
        return None;
    };
    if !component.own.is_empty() {
        let message = format!(
            "the component `{}` cannot be a dependency: it has {} of its own",
            id.value,
            listed(&component.own)
        );
        let help = "give them to the component that depends on it, and let it inherit them";
        report.error("dependency-resources", &id.at, message, help);
        return None;
    }
    component.source.as_ref().map(WasmSource::as_dependency)
}

impl Dependency {
    /// `None` where there was an error.
    pub(crate) fn wasm(&self) -> Option<&WasmSource> {
        match &self.supply {
            Supply::Wasm(wasm) => Some(wasm),
            Supply::Component(_) => None,
        }
    }
}
