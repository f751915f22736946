//! A component that stands in for the host and refuses.
//!
//! It is made to measure: it exports interfaces of exactly the types that a dependency imports, so every version of
//! an interface can be refused, the ones of tomorrow too. Types that the refused interfaces share with others (such
//! as the requests of `wasi:http/types`) are imported, hence the same as everywhere else in the composition.

mod answer;
mod handles;
mod module;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{InterfaceId, Resolve, TypeDefKind, WorldId, WorldItem, WorldKey};

/// What answers in place of the host.
pub(crate) struct Refusal {
    pub(crate) component: Vec<u8>,
    /// What it answers; it exports them under these names.
    pub(crate) imports: Vec<String>,
}

/// Refuses these imports of a component. `None` if nothing but plain types is in them, which nobody has to refuse.
pub(crate) fn refusal(component: &[u8], imports: &[String]) -> Result<Option<Refusal>, String> {
    let (mut resolve, world) = match wit_component::decode(component) {
        Ok(DecodedWasm::Component(resolve, world)) => (resolve, world),
        Ok(DecodedWasm::WitPackage(..)) => return Err("it is a WIT package".into()),
        Err(error) => return Err(format!("{error:#}")),
    };

    let mut denied = vec![];
    let mut keys = HashSet::new();
    for import in imports {
        let found = resolve.worlds[world]
            .imports
            .iter()
            .find_map(|(key, item)| match item {
                WorldItem::Interface { id, .. } if resolve.name_world_key(key) == *import => {
                    Some((key.clone(), *id))
                }
                _ => None,
            });
        let Some((key, id)) = found else {
            return Err(format!("`{import}` is not imported as an interface"));
        };
        if acts(&resolve, id) {
            keys.insert(key);
            denied.push(import.clone());
        }
    }
    if denied.is_empty() {
        return Ok(None);
    }

    for (key, item) in &resolve.worlds[world].imports {
        if let WorldItem::Interface { id, .. } = item
            && !keys.contains(key)
            && let Some(theirs) = borrows(&resolve, *id, &keys)
        {
            let name = resolve.name_world_key(key);
            return Err(format!(
                "`{name}`, which is not denied, uses the resource `{theirs}` of it"
            ));
        }
    }

    let component = make(&mut resolve, world, &keys)?;
    Ok(Some(Refusal {
        component,
        imports: denied,
    }))
}

/// Whether there is anything to call or to hold in an interface.
fn acts(resolve: &Resolve, id: InterfaceId) -> bool {
    let interface = &resolve.interfaces[id];
    let mut types = interface.types.values();
    !interface.functions.is_empty()
        || types.any(|id| matches!(resolve.types[*id].kind, TypeDefKind::Resource))
}

/// The resource of a denied interface that an interface uses: it cannot be the host's and not the host's.
fn borrows<'a>(
    resolve: &'a Resolve,
    id: InterfaceId,
    denied: &HashSet<WorldKey>,
) -> Option<&'a str> {
    let types = resolve.interfaces[id].types.values();
    types
        .map(|id| handles::resource(resolve, *id))
        .filter(|id| matches!(resolve.types[*id].kind, TypeDefKind::Resource))
        .find(|id| {
            handles::interface(resolve, *id)
                .is_some_and(|owner| denied.contains(&WorldKey::Interface(owner)))
        })
        .and_then(|id| resolve.types[id].name.as_deref())
}

/// Turns the world around: what was imported is exported.
fn make(
    resolve: &mut Resolve,
    world: WorldId,
    denied: &HashSet<WorldKey>,
) -> Result<Vec<u8>, String> {
    resolve.worlds[world]
        .imports
        .retain(|key, _| denied.contains(key));
    resolve
        .exportize(world, None, None)
        .map_err(|e| format!("{e:#}"))?;
    let mut module = module::generate(resolve, world);
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .map_err(|e| format!("{e:#}"))?;
    let mut encoder = ComponentEncoder::default();
    encoder
        .validate(true)
        // Each version stays what it is: the exports must have the names of the imports.
        .merge_imports_based_on_semver(false)
        .module(&module)
        .and_then(ComponentEncoder::encode)
        .map_err(|e| format!("{e:#}"))
}
