//! What the runtime behind a Bindle server cannot do, as far as it can be seen without writing the bindle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::Unsupported;
use crate::locked::{self, Locked, list};

/// What the application itself may say without changing what it does. `bindle_version`, `oci_image_digest`: where it was
/// before.
const HARMLESS: [&str; 10] = [
    "authors",
    "bindle_version",
    "description",
    "name",
    "oci_image_digest",
    "origin",
    "profile",
    "trigger",
    "triggers",
    "version",
];

/// What the app asks for as a whole.
pub(crate) fn of_app(locked: &Locked) -> Vec<Unsupported> {
    let mut unsupported = Vec::new();
    let owner = "the app".to_owned();
    let feature = |feature: &String| Unsupported::Requirement {
        owner: owner.clone(),
        feature: feature.clone(),
    };
    // That a component requires something is said by the component.
    let must = locked.must_understand.iter();
    unsupported.extend(
        must.filter(|what| *what != "component_host_requirements" && *what != "host_requirements")
            .map(feature),
    );
    unsupported.extend(required(&locked.host_requirements).map(feature));
    unsupported.extend(
        unknown(&locked.metadata, &HARMLESS).map(|key| Unsupported::Metadata {
            owner: owner.clone(),
            key: key.clone(),
        }),
    );
    unsupported
}

/// What one component asks for; its hosts and its triggers are looked at where they are written.
pub(crate) fn of_component(component: &locked::Component, unsupported: &mut Vec<Unsupported>) {
    let id = &component.id;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !id.starts_with(|c: char| c.is_ascii_alphanumeric()) || !id.chars().all(plain) {
        unsupported.push(Unsupported::ComponentId(id.clone()));
    }
    if !component.dependencies.is_empty() || !component.trigger_dependencies.is_empty() {
        unsupported.push(Unsupported::Dependencies(id.clone()));
    }
    if !list(&component.metadata, "databases").is_empty() {
        unsupported.push(Unsupported::Databases(id.clone()));
    }
    if !list(&component.metadata, "ai_models").is_empty() {
        unsupported.push(Unsupported::Models(id.clone()));
    }
    let owner = format!("component `{id}`");
    unsupported.extend(required(&component.host_requirements).map(|feature| {
        Unsupported::Requirement {
            owner: owner.clone(),
            feature: feature.clone(),
        }
    }));
    let known = [
        "ai_models",
        "allowed_http_hosts",
        "allowed_outbound_hosts",
        "build",
        "databases",
        "description",
        "key_value_stores",
        // Says how dependencies were to be composed, and those are looked at.
        "resolve-trigger-dependencies-using",
    ];
    unsupported.extend(
        unknown(&component.metadata, &known).map(|key| Unsupported::Metadata {
            owner: owner.clone(),
            key: key.clone(),
        }),
    );
}

fn required(requirements: &BTreeMap<String, Value>) -> impl Iterator<Item = &String> {
    let required = requirements
        .iter()
        .filter(|(_, level)| *level != "optional");
    required.map(|(feature, _)| feature)
}

fn unknown<'a>(
    metadata: &'a Map<String, Value>,
    known: &'a [&str],
) -> impl Iterator<Item = &'a String> {
    metadata.keys().filter(|key| !known.contains(&key.as_str()))
}
