//! From what was written to what it means: every trigger gets an id, every component in a trigger moves to the
//! others, a profile replaces what it names, and dependencies get what they refer to. The generated ids are Spin's, so that a platform which knows an
//! app from Spin finds the same ones.

use std::collections::BTreeSet;

use super::read::first_of;
use super::{ComponentSpec, Manifest, Text, dependency, names, references};
use crate::finding::Report;

pub(crate) fn normalize(manifest: &mut Manifest, profile: Option<&str>, report: &mut Report) {
    name_triggers(manifest);
    move_components_out_of_triggers(manifest);
    if let Some(profile) = profile {
        apply_profile(manifest, profile, report);
    }
    for component in &mut manifest.components {
        references::inherit_alike(component, report);
    }
    references::resolve(manifest, report);
    for component in &manifest.components {
        dependency::check(&component.dependencies, report);
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
    let mut counter = 1;
    for trigger in &mut manifest.triggers {
        let mut specs: Vec<_> = trigger
            .component
            .iter_mut()
            .chain(&mut trigger.components)
            .collect();
        let alone = specs.len() == 1;
        for spec in &mut specs {
            if matches!(spec, ComponentSpec::Reference(_)) {
                continue;
            }
            let natural = format!("{}-component", trigger.id);
            let id = if alone && names::kebab(&natural).is_ok() && !taken.contains(&natural) {
                natural
            } else {
                loop {
                    let id = format!("inline-component{counter}");
                    if !taken.contains(&id) {
                        break id;
                    }
                    counter += 1;
                }
            };
            taken.insert(id.clone());
            let reference = ComponentSpec::Reference(Text {
                value: id.clone(),
                at: trigger.at.clone(),
            });
            if let ComponentSpec::Inline(mut component) = std::mem::replace(*spec, reference) {
                component.id.value = id;
                manifest.components.push(*component);
            }
        }
    }
}

/// Source and build command are replaced, environment and dependencies are added to.
fn apply_profile(manifest: &mut Manifest, wanted: &str, report: &mut Report) {
    let known: BTreeSet<_> = manifest
        .components
        .iter()
        .flat_map(|c| c.profiles.iter().map(|(name, _)| name.clone()))
        .collect();
    if !known.contains(wanted) {
        let help = if known.is_empty() {
            String::new()
        } else {
            format!("there are {}", first_of(known.iter().map(String::as_str)))
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
        component.dependencies.extend(profile.dependencies);
        if let Some(command) = profile.command {
            component
                .build
                .get_or_insert_default()
                .insert("command".into(), command);
        }
    }
}
