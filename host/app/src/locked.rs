//! The locked application as Spin serialises it: fields in its order, maps sorted, empty things left out.
//!
//! One description serves two readers. Spin's own form names contents by `file://` URLs of this machine, with
//! `{app}`, `{mount}` and `{cache}` for the folders; the portable form names every content by digest, has one entry for each
//! file, and is what a registry keeps once small contents are written into it (`inline`).

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use crate::files::Placed;
use crate::manifest::{Component, ComponentSpec, Inherit, Manifest, hosts};

/// Where contents are found.
pub(crate) enum Form<'a> {
    /// As Spin's loader writes it for the manifest of this name.
    Local { manifest: &'a str },
    /// By digest; this one finds that of a file, given its path in the app.
    Portable { digests: &'a dyn Fn(&str) -> String },
}

/// Wasm that was found and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blob {
    pub(crate) digest: String,
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) home: Home,
}

/// Where Spin would have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The path in the app.
    App(String),
    /// By its digest in the cache.
    Cache,
}

/// A component, and what became of what its manifest names.
#[derive(Debug)]
pub(crate) struct Resolved<'a> {
    /// Not the manifest's where it is a copy.
    pub(crate) id: String,
    pub(crate) component: &'a Component,
    pub(crate) wasm: Blob,
    pub(crate) files: &'a Placed,
    /// By name, in Spin's order.
    pub(crate) dependencies: Vec<(String, Plug)>,
    pub(crate) of_trigger: Option<OfTrigger>,
}

/// What a component is composed with.
#[derive(Clone, Debug)]
pub(crate) struct Plug {
    pub(crate) wasm: Blob,
    pub(crate) export: Option<String>,
    pub(crate) inherit: Inherit,
}

/// What the trigger of a component adds to it; how to compose that only the type of trigger knows.
#[derive(Clone, Debug)]
pub(crate) struct OfTrigger {
    /// `http`
    pub(crate) kind: String,
    /// By role, each in the order in which it is applied.
    pub(crate) plugs: BTreeMap<String, Vec<Plug>>,
}

#[derive(Serialize)]
struct LockedApp {
    spin_lock_version: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    must_understand: Vec<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'static str, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    variables: BTreeMap<String, LockedVariable>,
    triggers: Vec<LockedTrigger>,
    components: Vec<LockedComponent>,
}

#[derive(Serialize)]
struct LockedVariable {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    secret: bool,
}

#[derive(Serialize)]
struct LockedTrigger {
    id: String,
    trigger_type: String,
    trigger_config: BTreeMap<String, Value>,
}

#[derive(Serialize)]
struct LockedComponent {
    id: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'static str, Value>,
    source: LockedSource,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<LockedFile>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    dependencies: Map<String, Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    trigger_dependencies: BTreeMap<String, Vec<LockedDependency>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    host_requirements: BTreeMap<&'static str, &'static str>,
}

#[derive(Serialize)]
struct LockedDependency {
    source: LockedSource,
    export: Option<String>,
    #[serde(skip_serializing_if = "Inherit::is_nothing")]
    inherit: Inherit,
}

#[derive(Serialize)]
struct LockedSource {
    content_type: &'static str,
    #[serde(flatten)]
    content: ContentRef,
}

#[derive(Serialize)]
struct LockedFile {
    #[serde(flatten)]
    content: ContentRef,
    path: String,
}

#[derive(Serialize)]
enum ContentRef {
    #[serde(rename = "source")]
    Source(String),
    #[serde(rename = "digest")]
    Digest(String),
}

/// The manifest has no errors.
pub(crate) fn lock(
    manifest: &Manifest,
    profile: Option<&str>,
    components: &[Resolved<'_>],
    form: &Form<'_>,
) -> Result<Value, serde_json::Error> {
    let components: Vec<_> = components
        .iter()
        .map(|component| locked_component(component, form))
        .collect::<Result<_, _>>()?;
    let demanding = components
        .iter()
        .any(|component| !component.host_requirements.is_empty());
    let variables = manifest.variables.iter().map(|(name, variable)| {
        let locked = LockedVariable {
            description: variable.description.clone(),
            default: variable.default.clone(),
            secret: variable.secret,
        };
        (name.value.clone(), locked)
    });
    serde_json::to_value(LockedApp {
        spin_lock_version: u8::from(demanding),
        must_understand: if demanding {
            vec!["component_host_requirements"]
        } else {
            Vec::new()
        },
        metadata: metadata(manifest, profile, form),
        variables: variables.collect(),
        triggers: manifest.triggers.iter().map(locked_trigger).collect(),
        components,
    })
}

fn metadata(
    manifest: &Manifest,
    profile: Option<&str>,
    form: &Form<'_>,
) -> BTreeMap<&'static str, Value> {
    let mut metadata = BTreeMap::new();
    put_text(
        &mut metadata,
        "name",
        manifest.name.as_ref().map_or("", |name| &name.value),
    );
    put_text(
        &mut metadata,
        "version",
        manifest.version.as_ref().map_or("", |text| &text.value),
    );
    put_text(&mut metadata, "description", &manifest.description);
    put_list(&mut metadata, "authors", &manifest.authors);
    put_text(&mut metadata, "profile", profile.unwrap_or_default());
    if let Form::Local { manifest } = form {
        metadata.insert("origin", Value::String(file_url("app", manifest)));
    }
    metadata.insert(
        "triggers",
        Value::Object(manifest.trigger_settings.clone().into_iter().collect()),
    );
    // Readers of old know one type only.
    if let [only] = manifest.trigger_types.as_slice() {
        let settings = manifest
            .trigger_settings
            .get(only)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let mut sorted: BTreeMap<String, Value> = settings.into_iter().collect();
        sorted.insert("type".into(), Value::String(only.clone()));
        metadata.insert("trigger", Value::Object(sorted.into_iter().collect()));
    }
    metadata
}

fn locked_trigger(trigger: &crate::manifest::Trigger) -> LockedTrigger {
    let mut config = trigger.config.clone();
    if let Some(ComponentSpec::Reference(id)) = &trigger.component {
        config.insert("component".into(), Value::String(id.value.clone()));
    }
    LockedTrigger {
        id: trigger.id.clone(),
        trigger_type: trigger.kind.clone(),
        trigger_config: config,
    }
}

fn locked_source(wasm: &Blob, form: &Form<'_>) -> LockedSource {
    LockedSource {
        content_type: "application/wasm",
        content: match (form, &wasm.home) {
            (Form::Portable { .. }, _) => ContentRef::Digest(wasm.digest.clone()),
            (Form::Local { .. }, Home::App(path)) => ContentRef::Source(file_url("app", path)),
            (Form::Local { .. }, Home::Cache) => {
                let path = format!("spin/registry/wasm/{}", wasm.digest);
                ContentRef::Source(file_url("cache", &path))
            }
        },
    }
}

fn locked_dependency(plug: &Plug, form: &Form<'_>) -> LockedDependency {
    LockedDependency {
        source: locked_source(&plug.wasm, form),
        export: plug.export.clone(),
        inherit: plug.inherit.clone(),
    }
}

fn locked_component(
    resolved: &Resolved<'_>,
    form: &Form<'_>,
) -> Result<LockedComponent, serde_json::Error> {
    let component = resolved.component;
    let mut allowed: Vec<_> = component
        .allowed_outbound_hosts
        .iter()
        .map(|host| host.value.clone())
        .collect();
    let deprecated: Vec<_> = component
        .allowed_http_hosts
        .iter()
        .map(|host| host.value.as_str())
        .collect();
    // Checked before.
    allowed.extend(hosts::from_http_hosts(&deprecated).unwrap_or_default());

    let mut metadata = BTreeMap::new();
    put_text(&mut metadata, "description", &component.description);
    put_list(&mut metadata, "allowed_outbound_hosts", &allowed);
    put_list(
        &mut metadata,
        "key_value_stores",
        &component.key_value_stores,
    );
    put_list(&mut metadata, "databases", &component.sqlite_databases);
    put_list(&mut metadata, "ai_models", &component.ai_models);
    if let Some(build) = &component.build {
        metadata.insert(
            "build",
            Value::Object(build.clone().into_iter().collect::<Map<_, _>>()),
        );
    }

    if let Some(of_trigger) = &resolved.of_trigger {
        put_text(
            &mut metadata,
            "resolve-trigger-dependencies-using",
            &of_trigger.kind,
        );
    }

    let files = match form {
        Form::Local { .. } if component.files.is_empty() => Vec::new(),
        // Spin copies a component's files into one folder; its packer walks that later. A copy of a component has
        // the folder of the original.
        Form::Local { .. } => {
            let content = ContentRef::Source(file_url("mount", &component.id.value));
            vec![LockedFile {
                content,
                path: "/".into(),
            }]
        }
        Form::Portable { digests } => {
            let files = resolved.files.iter();
            files
                .map(|(guest, source)| LockedFile {
                    content: ContentRef::Digest(digests(&source.path)),
                    path: guest.clone(),
                })
                .collect()
        }
    };
    let chaining = allowed.iter().any(|host| hosts::is_chaining(host));
    let requirements = [
        ("local_service_chaining", chaining),
        ("middleware", resolved.of_trigger.is_some()),
    ];
    let dependencies = resolved.dependencies.iter().map(|(name, plug)| {
        serde_json::to_value(locked_dependency(plug, form)).map(|locked| (name.clone(), locked))
    });
    let trigger_dependencies = resolved.of_trigger.iter().flat_map(|of| &of.plugs);
    Ok(LockedComponent {
        id: resolved.id.clone(),
        metadata,
        source: locked_source(&resolved.wasm, form),
        env: component.environment.clone(),
        files,
        config: component
            .variables
            .iter()
            .map(|(name, text)| (name.value.clone(), text.value.clone()))
            .collect(),
        dependencies: dependencies.collect::<Result<_, _>>()?,
        trigger_dependencies: trigger_dependencies
            .map(|(role, plugs)| {
                let locked = plugs.iter().map(|plug| locked_dependency(plug, form));
                (role.clone(), locked.collect())
            })
            .collect(),
        host_requirements: requirements
            .into_iter()
            .filter(|(_, required)| *required)
            .map(|(feature, _)| (feature, "required"))
            .collect(),
    })
}

fn put_text(metadata: &mut BTreeMap<&'static str, Value>, key: &'static str, text: &str) {
    if !text.is_empty() {
        metadata.insert(key, Value::String(text.to_owned()));
    }
}

fn put_list(metadata: &mut BTreeMap<&'static str, Value>, key: &'static str, list: &[String]) {
    if !list.is_empty() {
        metadata.insert(key, list.iter().cloned().map(Value::String).collect());
    }
}

/// `file://{app}/a%20b.wasm`
fn file_url(folder: &str, path: &str) -> String {
    let Ok(mut url) = Url::parse("file:///") else {
        return String::new();
    };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().extend(path.split('/'));
    }
    format!("file://{{{folder}}}{}", url.path())
}

#[cfg(test)]
mod tests {
    use super::file_url;

    #[test]
    fn urls_are_escaped_as_spin_escapes_them() {
        assert_eq!(
            file_url("app", "a b/c#1.wasm"),
            "file://{app}/a%20b/c%231.wasm"
        );
    }
}
