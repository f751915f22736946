//! From what was written to what it means: every trigger gets an id, every component in a trigger moves to the
//! others, and a profile replaces what it names. The generated ids are Spin's, so that a platform which knows an
//! app from Spin finds the same ones.

use std::collections::BTreeSet;

use super::read::listed;
use super::{ComponentSpec, Manifest, Text, names};
use crate::finding::Report;

pub(crate) fn normalize(manifest: &mut Manifest, profile: Option<&str>, report: &mut Report) {
    name_triggers(manifest);
    move_components_out_of_triggers(manifest);
    if let Some(profile) = profile {
        apply_profile(manifest, profile, report);
    }
}

fn name_triggers(manifest: &mut Manifest) {
    let mut taken: BTreeSet<String> = manifest
        .triggers
        .iter()
        .map(|trigger| trigger.id.clone())
        .collect();
    let mut counter = 1;
    let mut counted_kind = String::new();
    for trigger in &mut manifest.triggers {
        // Triggers of one type stand together, each type counts anew.
        if counted_kind != trigger.kind {
            counted_kind.clone_from(&trigger.kind);
            counter = 1;
        }
        if !trigger.id.is_empty() {
            continue;
        }
        let natural = match &trigger.component {
            Some(ComponentSpec::Reference(id)) => {
                Some(format!("{}-{}-trigger", id.value, trigger.kind))
            }
            _ => None,
        };
        trigger.id = natural.filter(|id| !taken.contains(id)).unwrap_or_else(|| {
            loop {
                let id = format!("{}-trigger{counter}", trigger.kind);
                if !taken.contains(&id) {
                    break id;
                }
                counter += 1;
            }
        });
        taken.insert(trigger.id.clone());
    }
}

fn move_components_out_of_triggers(manifest: &mut Manifest) {
    let mut taken: BTreeSet<String> = manifest
        .components
        .iter()
        .map(|c| c.id.value.clone())
        .collect();
    for trigger in &mut manifest.triggers {
        if !matches!(trigger.component, Some(ComponentSpec::Inline(_))) {
            continue;
        }
        let natural = format!("{}-component", trigger.id);
        let id = if names::kebab(&natural).is_ok() && !taken.contains(&natural) {
            natural
        } else {
            (1..)
                .map(|n| format!("inline-component{n}"))
                .find(|id| !taken.contains(id))
                .unwrap_or_default()
        };
        taken.insert(id.clone());
        let Some(ComponentSpec::Inline(mut component)) = trigger.component.take() else {
            continue;
        };
        component.id.value.clone_from(&id);
        trigger.component = Some(ComponentSpec::Reference(Text {
            value: id,
            at: component.id.at.clone(),
        }));
        manifest.components.push(*component);
    }
}

/// Source and build command are replaced, the environment is added to.
fn apply_profile(manifest: &mut Manifest, wanted: &str, report: &mut Report) {
    let known: BTreeSet<_> = manifest
        .components
        .iter()
        .flat_map(|c| c.profiles.iter().map(|(name, _)| name.clone()))
        .collect();
    if !known.contains(wanted) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        let help = if known.is_empty() {
            String::new()
        } else {
            format!("there are {}", listed(&known))
        };
        report.error(
            "unknown-profile",
            &(0..0),
            format!("no component has a profile `{wanted}`"),
            &help,
        );
    }
    for component in &mut manifest.components {
        let Some(index) = component
            .profiles
            .iter()
            .position(|(name, _)| name == wanted)
        else {
            continue;
        };
        let (_, profile) = component.profiles.swap_remove(index);
        component.source = profile.source.or(component.source.take());
        component.environment.extend(profile.environment);
        if let Some(command) = profile.command {
            component
                .build
                .get_or_insert_default()
                .insert("command".into(), command);
        }
    }
}
