//! The locked-app layer: what it refers to, and its portable form.
//!
//! It is handled as JSON with its order kept, not as a type: what this version does not know has to come out again
//! as it came in.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::files::is_plain;
use crate::hash;
use crate::{Identity, LoadOptions, unusable};

/// Spin writes no padding; who does is understood, too.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct Locked {
    pub(super) original: Value,
    /// Every content by digest only.
    pub(super) portable: Value,
    pub(super) components: Vec<LockedComponent>,
    /// By digest.
    pub(super) inline: Vec<(String, Vec<u8>)>,
}

pub(super) struct LockedComponent {
    pub(super) id: String,
    /// A digest.
    pub(super) wasm: String,
    /// Digests of the Wasm of its dependencies.
    pub(super) parts: Vec<String>,
    /// Path and digest.
    pub(super) files: Vec<(String, String)>,
}

impl Locked {
    /// Other metadata than it came with; the keys stay sorted.
    pub(super) fn rename(&mut self, name: Option<&str>, version: Option<&str>) {
        if name.or(version).is_none() {
            return;
        }
        for locked in [&mut self.original, &mut self.portable] {
            let Some(metadata) = locked.get_mut("metadata").and_then(Value::as_object_mut) else {
                continue;
            };
            for (key, value) in [("name", name), ("version", version)] {
                if let Some(value) = value {
                    metadata.insert(key.to_owned(), value.into());
                }
            }
            metadata.sort_keys();
        }
    }

    /// Every content that it refers to.
    pub(super) fn digests(&self) -> impl Iterator<Item = &str> {
        let components = self.components.iter();
        let all: BTreeSet<&str> = components
            .flat_map(|component| {
                component
                    .files
                    .iter()
                    .map(|(_, digest)| digest.as_str())
                    .chain(component.parts.iter().map(String::as_str))
                    .chain([component.wasm.as_str()])
            })
            .collect();
        all.into_iter()
    }
}

/// What is wrong with a locked app.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
}

fn problem(code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        code,
        message: message.into(),
    }
}

/// What a reader of this version understands; anything else that must be understood is fatal (Spin does the same).
const UNDERSTOOD: [&str; 2] = ["host_requirements", "component_host_requirements"];

fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        problem(
            "syntax",
            format!("the locked application is not what it should be: {error}"),
        )
    })
}

/// Name and version only, whatever else this version does not understand. What the user gives makes up for what cannot
/// be used, as with a manifest.
fn metadata(locked: &Value, options: &LoadOptions) -> Result<Identity, Problem> {
    let text = |key: &'static str| match &locked["metadata"][key] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(problem(
            "syntax",
            format!("the {key} of the application is no text"),
        )),
    };
    let name = text("name")?.filter(|name| !name.trim().is_empty());
    let version = text("version")?.filter(|version| !version.is_empty());
    let name = name.or_else(|| options.name.clone());
    let name = name.ok_or_else(|| problem("no-name", "the application has no name"))?;
    let of = [
        ("name", Some(&name), &options.name),
        ("version", version.as_ref(), &options.version),
    ];
    for (key, own, given) in of {
        if given.is_none()
            && let Some(wrong) = own.and_then(|text| unusable(text))
        {
            let message = format!("the {key} of the application {wrong}");
            return Err(problem("invalid-name", message));
        }
    }
    Ok(Identity { name, version })
}

pub(super) fn identity(bytes: &[u8], options: &LoadOptions) -> Result<Identity, Problem> {
    metadata(&parse(bytes)?, options)
}

pub(super) fn read(bytes: &[u8], options: &LoadOptions) -> Result<Locked, Problem> {
    let original = parse(bytes)?;
    match original["spin_lock_version"].as_u64() {
        Some(0 | 1) => {}
        _ => {
            let message = format!(
                "the locked application has version {}",
                original["spin_lock_version"]
            );
            return Err(problem("unsupported", message));
        }
    }
    for entry in original["must_understand"].as_array().into_iter().flatten() {
        if !entry
            .as_str()
            .is_some_and(|entry| UNDERSTOOD.contains(&entry))
        {
            return Err(problem(
                "unsupported",
                format!("the application must be understood by readers of {entry}"),
            ));
        }
    }
    let mut portable = original.clone();
    // Spin takes it off when it pushes.
    if let Some(metadata) = portable.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("origin");
    }
    metadata(&portable, options)?;
    let mut inline = Vec::new();
    let mut components = Vec::new();
    let list = portable.get_mut("components").and_then(Value::as_array_mut);
    for component in
        list.ok_or_else(|| problem("syntax", "the locked application has no components"))?
    {
        components.push(read_component(component, &mut inline)?);
    }
    check_names(&portable, &components)?;
    Ok(Locked {
        original,
        portable,
        components,
        inline,
    })
}

fn check_names(locked: &Value, components: &[LockedComponent]) -> Result<(), Problem> {
    let mut ids = BTreeSet::new();
    for component in components {
        if unusable(&component.id).is_some()
            || matches!(component.id.as_str(), "." | "..")
            || component.id.contains(['/', '\\'])
        {
            return Err(problem(
                "invalid-name",
                format!("`{}` cannot be the id of a component", component.id),
            ));
        }
        if !ids.insert(component.id.as_str()) {
            return Err(problem(
                "invalid-name",
                format!("two components have the id `{}`", component.id),
            ));
        }
    }
    let triggers = locked["triggers"].as_array();
    for trigger in
        triggers.ok_or_else(|| problem("syntax", "the locked application has no triggers"))?
    {
        if let Some(id) = trigger["trigger_config"]["component"]
            .as_str()
            .filter(|id| !ids.contains(id))
        {
            return Err(problem(
                "unknown-component",
                format!("a trigger names `{id}`, and there is no such component"),
            ));
        }
    }
    Ok(())
}

fn read_component(
    component: &mut Value,
    inline: &mut Vec<(String, Vec<u8>)>,
) -> Result<LockedComponent, Problem> {
    let id = component["id"].as_str().unwrap_or_default().to_owned();
    let wrong = |what: &str| problem("syntax", format!("the component `{id}` has no {what}"));
    let source = component
        .get_mut("source")
        .and_then(Value::as_object_mut)
        .ok_or_else(|| wrong("source"))?;
    let wasm = to_digest(source, &id, inline)?;
    let mut parts = Vec::new();
    // Spin can push an app without composing it, then they are here.
    for kind in ["dependencies", "trigger_dependencies"] {
        let named = component.get_mut(kind).and_then(Value::as_object_mut);
        for (_, dependencies) in named.into_iter().flatten() {
            let several = match dependencies {
                Value::Array(several) => several.as_mut_slice(),
                one => std::slice::from_mut(one),
            };
            for dependency in several {
                let source = dependency.get_mut("source").and_then(Value::as_object_mut);
                let source = source.ok_or_else(|| wrong("proper dependencies"))?;
                parts.push(to_digest(source, &id, inline)?);
            }
        }
    }
    let mut files = Vec::new();
    let mut paths = BTreeSet::new();
    for file in component
        .get_mut("files")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let file = file.as_object_mut().ok_or_else(|| wrong("proper files"))?;
        let path = file
            .get("path")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if !is_plain(&path) {
            let message = format!("`{path}` of the component `{id}` cannot be the name of a file");
            return Err(problem("outside-guest", message));
        }
        let digest = to_digest(file, &id, inline)?;
        if !paths.insert(path.clone()) {
            return Err(problem(
                "file-twice",
                format!("`{path}` of the component `{id}` is there twice"),
            ));
        }
        files.push((path, digest));
    }
    Ok(LockedComponent {
        id,
        wasm,
        parts,
        files,
    })
}

/// Leaves only the digest of a content reference, in its place, and keeps what was written into it.
fn to_digest(
    reference: &mut Map<String, Value>,
    id: &str,
    inline: &mut Vec<(String, Vec<u8>)>,
) -> Result<String, Problem> {
    let digest = match reference.get("digest") {
        None => None,
        Some(digest) => {
            let text = digest.as_str().filter(|digest| hash::is_digest(digest));
            Some(
                text.ok_or_else(|| {
                    problem("wrong-digest", format!("{digest} is no sha256 digest"))
                })?
                .to_owned(),
            )
        }
    };
    let bytes = match reference.get("inline") {
        None => None,
        Some(text) => {
            let decoded = text.as_str().and_then(|text| BASE64.decode(text).ok());
            Some(decoded.ok_or_else(|| {
                problem(
                    "syntax",
                    format!("an inline content of `{id}` is no base64"),
                )
            })?)
        }
    };
    let actual = bytes.as_deref().map(hash::digest_of);
    let digest = match (digest, actual) {
        (Some(digest), Some(actual)) if digest != actual => {
            return Err(problem(
                "wrong-digest",
                format!("an inline content of `{id}` has not the digest {digest}"),
            ));
        }
        (Some(digest), _) => {
            reference.shift_remove("inline");
            digest
        }
        (None, Some(actual)) => {
            // In the place where Spin would have written it.
            *reference = std::mem::take(reference)
                .into_iter()
                .map(|(key, value)| match key.as_str() {
                    "inline" => ("digest".to_owned(), Value::String(actual.clone())),
                    _ => (key, value),
                })
                .collect();
            actual
        }
        (None, None) => {
            return Err(problem(
                "missing-content",
                format!("a content of `{id}` has no digest"),
            ));
        }
    };
    // A URL of the machine that made it.
    reference.shift_remove("source");
    inline.extend(bytes.map(|bytes| (digest.clone(), bytes)));
    Ok(digest)
}
