//! Everything that an app consists of, found and hashed: what a manifest names becomes digests here.

use std::collections::HashMap;

use crate::files::{Placed, lexical};
use crate::hash::Hashed;
use crate::locked::{Blob, Home, OfTrigger, Plug, Resolved};
use crate::manifest::variants::Variant;
use crate::manifest::{Dependency, Inherit, Manifest, WasmSource};
use crate::remote::Fetched;

pub(crate) struct Found {
    /// Of the app's folder, by path.
    pub(crate) local: HashMap<String, Hashed>,
    pub(crate) fetched: Fetched,
}

impl Found {
    /// Every path was hashed, or there would have been an error.
    pub(crate) fn file(&self, path: &str) -> Blob {
        let known = self.local.get(path);
        Blob {
            digest: known.map_or_else(String::new, |known| known.digest.clone()),
            size: known.map_or(0, |known| known.stamp.size),
            home: Home::App(path.to_owned()),
        }
    }

    fn wasm(&self, source: &WasmSource) -> Option<Blob> {
        match source {
            WasmSource::Local(text) => Some(self.file(&lexical(&text.value).ok()?)),
            WasmSource::Remote { remote, .. } => self.fetched.blob(remote),
        }
    }

    fn plug(&self, dependency: &Dependency) -> Option<Plug> {
        let nothing = || Inherit::Some(Vec::new());
        Some(Plug {
            wasm: self.wasm(dependency.wasm()?)?,
            export: dependency.export.as_ref().map(|text| text.value.clone()),
            inherit: dependency.inherit.clone().unwrap_or_else(nothing),
        })
    }

    /// A component with everything that it is made of.
    pub(crate) fn resolve<'a>(
        &self,
        manifest: &'a Manifest,
        placed: &'a [Placed],
        variant: Variant,
    ) -> Option<Resolved<'a>> {
        let component = manifest.components.get(variant.component)?;
        let trigger = variant
            .trigger
            .and_then(|index| manifest.triggers.get(index));
        Some(Resolved {
            id: variant.id,
            component,
            wasm: self.wasm(component.source.as_ref()?)?,
            files: placed.get(variant.component)?,
            dependencies: component
                .dependencies
                .iter()
                .filter_map(|(name, dependency)| Some((name.to_string(), self.plug(dependency)?)))
                .collect(),
            of_trigger: trigger.map(|trigger| OfTrigger {
                kind: trigger.kind.clone(),
                plugs: trigger
                    .dependencies
                    .iter()
                    .map(|(role, dependencies)| {
                        let plugs = dependencies.iter().filter_map(|d| self.plug(d));
                        (role.clone(), plugs.collect())
                    })
                    .collect(),
            }),
        })
    }
}
