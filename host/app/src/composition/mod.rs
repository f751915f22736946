//! Components with their dependencies inside, as `spin registry push` makes them.
//!
//! It works on the portable form, in which every content goes by its digest, so it does not matter where an app came
//! from. Modules become components, dependencies of components are plugged in here ([`component`]), those of triggers
//! by Spin ([`by_trigger`]). What came of equal parts is kept ([`kept`]).

mod by_trigger;
mod component;
mod kept;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use self::component::Composing;
use self::kept::Kept;
use crate::LoadOptions;
use crate::app::{Component, Wasm};
use crate::content::Content;
use crate::finding::Level;
use crate::memory::MadeMemory;
use crate::ports::Ports;

/// What a component has that its platform need not know once it is composed.
const COMPOSED_AWAY: [&str; 2] = ["dependencies", "trigger_dependencies"];

/// What was noticed about one component.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    /// Its id.
    pub(crate) component: String,
    /// As in the manifest, where it is about one.
    pub(crate) dependency: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// An app of which everything is here.
pub(crate) struct Parts<'a> {
    /// Every content by digest only. Loses what is composed away.
    pub(crate) portable: &'a mut Value,
    /// In the order of `portable`.
    pub(crate) components: &'a mut [Component],
    /// Gains what is composed, and loses what it was composed of.
    pub(crate) contents: &'a mut HashMap<String, Arc<Content>>,
    /// Whether modules without dependencies become components too. What was pushed once is moved as it is.
    pub(crate) modules: bool,
}

/// Composes every component that has to be. One that cannot be stays as it was.
pub(crate) fn compose_all(
    parts: Parts<'_>,
    memory: Option<&dyn MadeMemory>,
    options: &LoadOptions,
    ports: &Ports<'_>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    let whole = parts.portable.clone();
    let list = parts
        .portable
        .get_mut("components")
        .and_then(Value::as_array_mut);
    for (described, component) in list.into_iter().flatten().zip(parts.components) {
        let Some(described) = described.as_object_mut() else {
            continue;
        };
        let composing = Composing {
            id: &component.id,
            whole: &whole,
            contents: parts.contents,
            modules: parts.modules,
            kept: Kept {
                memory,
                remotes: ports.remotes,
                temporary: options.temporary.as_deref(),
            },
            options,
            triggers: ports.triggers,
        };
        match composing.run(described, &component.wasm_digest) {
            Ok(None) => {}
            Ok(Some(content)) => {
                let digest = content.digest().to_owned();
                described["source"]["digest"] = Value::String(digest.clone());
                for key in COMPOSED_AWAY {
                    described.shift_remove(key);
                }
                component.given = Some(Wasm {
                    digest: std::mem::replace(&mut component.wasm_digest, digest.clone()),
                    size: std::mem::replace(&mut component.wasm_size, content.size()),
                });
                parts.contents.insert(digest, Arc::new(content));
            }
            Err(found) => notices.extend(found),
        }
    }
    let mut used = BTreeSet::new();
    digests(parts.portable, &mut used);
    parts
        .contents
        .retain(|digest, _| used.contains(digest.as_str()));
    notices
}

/// Every digest of a content that is named somewhere below.
fn digests<'v>(value: &'v Value, into: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(map) => {
            into.extend(map.get("digest").and_then(Value::as_str));
            map.values().for_each(|value| digests(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| digests(value, into)),
        _ => {}
    }
}
