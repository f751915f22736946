//! Which components the locked app has: those of the manifest, and copies for triggers with dependencies of their own.
//!
//! What a component is composed with is looked up by its id. When several triggers share a component and one of them
//! has dependencies, that one gets a copy under an id of its own, and the others keep the original.

use std::collections::{BTreeMap, BTreeSet};

use super::{ComponentSpec, Manifest, Text};
use crate::finding::Report;

/// A component of the locked app.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Which one of the manifest's components it is, or is a copy of.
    pub(crate) component: usize,
    pub(crate) id: String,
    /// Which one of the manifest's triggers has the dependencies that it is composed with.
    pub(crate) trigger: Option<usize>,
}

/// Points triggers to their copies. The order is Spin's: copies come last.
pub(crate) fn variants(manifest: &mut Manifest, report: &mut Report) -> Vec<Variant> {
    let mut variants: Vec<_> = manifest
        .components
        .iter()
        .enumerate()
        .map(|(component, c)| Variant {
            component,
            id: c.id.value.clone(),
            trigger: None,
        })
        .collect();
    let by_id: BTreeMap<_, _> = variants
        .iter()
        .map(|v| (v.id.clone(), v.component))
        .collect();
    let mut taken: BTreeSet<_> = by_id.keys().cloned().collect();

    // By component, in the order in which they are first mentioned.
    let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut group_of = BTreeMap::new();
    for (index, trigger) in manifest.triggers.iter().enumerate() {
        let Some(ComponentSpec::Reference(id)) = &trigger.component else {
            continue;
        };
        if let Some(component) = by_id.get(&id.value) {
            let group = *group_of.entry(*component).or_insert_with(|| {
                groups.push((*component, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(index);
        }
    }
    for (component, triggers) in groups {
        let shared = triggers.len() > 1;
        for index in triggers {
            let trigger = &mut manifest.triggers[index];
            if trigger.dependencies.values().all(Vec::is_empty) {
                continue;
            }
            if !shared {
                variants[component].trigger = Some(index);
                continue;
            }
            let id = format!("{}-for-{}", variants[component].id, trigger.id);
            if !taken.insert(id.clone()) {
                let message =
                    format!("this trigger needs a component `{id}` of its own, which is taken");
                let help = "give the trigger another `id`";
                report.error("duplicate-component", &trigger.at, message, help);
            }
            trigger.component = Some(ComponentSpec::Reference(Text {
                value: id.clone(),
                at: trigger.at.clone(),
            }));
            variants.push(Variant {
                component,
                id,
                trigger: Some(index),
            });
        }
    }
    variants
}
