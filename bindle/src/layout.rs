//! A Spin application as a bindle.
//!
//! Parcels are, in this order, the manifest, the Wasm of each component, and the files. Wasm and manifest are in no group; a
//! file is in the group `files-<id>` of every component that has it, at the same path with the same bytes. A component that
//! no trigger starts is left out: nothing there could call it.

use std::collections::BTreeMap;

use spin_deployer_publish::{Component, Digest};

use crate::hosts::http_hosts;
use crate::id::{Build, Id, IdError};
use crate::invoice::{Condition, Group, Head, Invoice, InvoiceError, Label, Parcel};
use crate::locked::{self, Locked, list, text};
use crate::manifest::{self, Manifest, Variable};
use crate::runtime::{of_app, of_component};
use crate::trigger::{Triggers, triggers};
use crate::{Unsupported, media};

/// What a bindle is made of.
#[derive(Debug)]
pub struct App<'a> {
    /// By which platforms know it.
    pub name: &'a str,
    /// As its author wrote it.
    pub version: Option<&'a str>,
    /// The locked application as JSON.
    pub locked: &'a str,
    /// Hexadecimal digits, the same for equal applications.
    pub fingerprint: &'a str,
    /// Its components.
    pub components: &'a [Component],
    /// What the version says beside the app's.
    pub build: &'a Build,
}

/// An application, ready for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bindle {
    /// What it is called.
    pub id: Id,
    /// What it consists of, without a signature.
    pub invoice: Invoice,
    /// The bytes of the manifest parcel. Those of all others are contents of the application.
    pub manifest: Vec<u8>,
    /// What the application would not have there. The bindle then says what can be said.
    pub unsupported: Vec<Unsupported>,
}

/// Why an application cannot be made a bindle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// It cannot be called anything there.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Nothing of it would run.
    #[error("nothing of the app could run there")]
    Nothing(Vec<Unsupported>),
    /// The locked application is not what the contract says.
    #[error("the locked application cannot be understood: {0}")]
    Locked(String),
    /// A document that cannot be written.
    #[error("the bindle cannot be written: {0}")]
    Document(#[from] InvoiceError),
}

impl Bindle {
    /// Makes an application a bindle.
    ///
    /// # Errors
    /// Where it can have no name or version there, or nothing of it would run.
    pub fn assemble(app: &App<'_>) -> Result<Self, AssembleError> {
        let id = Id::of_app(app.name, app.version, app.fingerprint, app.build)?;
        let locked: Locked = serde_json::from_str(app.locked)
            .map_err(|error| AssembleError::Locked(error.to_string()))?;
        let mut unsupported = of_app(&locked);
        let Some(triggers) = triggers(&locked, &mut unsupported) else {
            // As if all of them were started: whoever mends the triggers is to know the rest.
            for component in &locked.components {
                of_component(component, &mut unsupported);
                hosts(component, &mut unsupported);
            }
            return Err(AssembleError::Nothing(unsupported));
        };
        let components = started(&locked, &triggers, app.components)?;
        for (component, _) in &components {
            of_component(component, &mut unsupported);
        }
        let manifest = manifest_text(&locked, triggers, &components, &mut unsupported)?;
        let digest = Digest::of(manifest.as_bytes());
        let mut parcel = vec![manifest_parcel(&digest, manifest.len() as u64)];
        parcel.extend(wasm_parcels(&components));
        parcel.extend(file_parcels(&components));
        let invoice = Invoice {
            bindle_version: "1.0.0".to_owned(),
            yanked: false,
            bindle: Head {
                name: id.name().to_owned(),
                version: id.version(),
                description: text(&locked.metadata, "description"),
                authors: list(&locked.metadata, "authors"),
            },
            parcel,
            group: components
                .iter()
                .map(|(component, _)| Group {
                    name: group(&component.id),
                })
                .collect(),
            signature: Vec::new(),
        };
        Ok(Self {
            id,
            invoice,
            manifest: manifest.into_bytes(),
            unsupported,
        })
    }

    /// Each content once: its digest's digits, and the first parcel that it is.
    pub fn contents(&self) -> BTreeMap<&str, &Label> {
        let mut contents = BTreeMap::new();
        for parcel in &self.invoice.parcel {
            contents
                .entry(parcel.label.sha256.as_str())
                .or_insert(&parcel.label);
        }
        contents
    }

    /// Whether this is the manifest parcel: its bytes are no content of the application.
    pub fn is_manifest(&self, label: &Label) -> bool {
        label.media_type == media::MANIFEST
    }
}

/// The components that a trigger starts, in the order of the locked application.
fn started<'a>(
    locked: &'a Locked,
    triggers: &Triggers,
    contents: &'a [Component],
) -> Result<Vec<(&'a locked::Component, &'a Component)>, AssembleError> {
    let missing = |id: &str| AssembleError::Locked(format!("it has no component `{id}`"));
    let started: Vec<_> = locked
        .components
        .iter()
        .filter(|component| triggers.components.contains_key(&component.id))
        .map(|component| {
            let content = contents.iter().find(|content| content.id == component.id);
            Ok((component, content.ok_or_else(|| missing(&component.id))?))
        })
        .collect::<Result<_, AssembleError>>()?;
    let lost = triggers
        .components
        .keys()
        .find(|id| started.iter().all(|(component, _)| component.id != **id));
    match lost {
        Some(id) => Err(missing(id)),
        None => Ok(started),
    }
}

fn manifest_text(
    locked: &Locked,
    mut triggers: Triggers,
    components: &[(&locked::Component, &Component)],
    unsupported: &mut Vec<Unsupported>,
) -> Result<String, AssembleError> {
    let mut manifest = Manifest {
        trigger: triggers.app,
        variables: BTreeMap::new(),
        component: Vec::new(),
    };
    for (name, variable) in &locked.variables {
        let variable = Variable {
            required: variable.default.is_none(),
            default: variable.default.clone(),
            secret: variable.secret,
        };
        manifest.variables.insert(name.clone(), variable);
    }
    for (component, content) in components {
        let Some(trigger) = triggers.components.remove(&component.id) else {
            continue;
        };
        manifest.component.push(manifest::Component {
            source: content.wasm.hex().to_owned(),
            id: component.id.clone(),
            description: text(&component.metadata, "description"),
            files: (!content.files.is_empty()).then(|| group(&component.id)),
            allowed_http_hosts: hosts(component, unsupported),
            key_value_stores: list(&component.metadata, "key_value_stores"),
            environment: component.env.clone(),
            trigger,
            config: component.config.clone(),
        });
    }
    toml::to_string(&manifest).map_err(|error| AssembleError::Document(InvoiceError::new(&error)))
}

fn hosts(component: &locked::Component, unsupported: &mut Vec<Unsupported>) -> Vec<String> {
    let (mut hosts, unsaid) = http_hosts(&list(&component.metadata, "allowed_outbound_hosts"));
    // Reaching other components is one requirement, and is said once.
    let chains = component
        .host_requirements
        .contains_key("local_service_chaining");
    let unsaid = unsaid
        .into_iter()
        .filter(|(host, _)| !chains || !host.contains(".spin.internal"));
    unsupported.extend(unsaid.map(|(host, reason)| Unsupported::Host {
        component: component.id.clone(),
        host,
        reason,
    }));
    // What locked applications of Spin 1 have, in the runtime's own words.
    for host in list(&component.metadata, "allowed_http_hosts") {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn manifest_parcel(digest: &Digest, size: u64) -> Parcel {
    let hex = digest.hex();
    Parcel {
        label: Label {
            sha256: hex.to_owned(),
            media_type: media::MANIFEST.to_owned(),
            name: format!("spin.{hex}.toml"),
            size,
        },
        conditions: None,
    }
}

/// Readers know Wasm by its digest alone: the same Wasm is one parcel.
fn wasm_parcels(components: &[(&locked::Component, &Component)]) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for (_, component) in components {
        let sha256 = component.wasm.hex();
        if parcels.iter().any(|parcel| parcel.label.sha256 == sha256) {
            continue;
        }
        parcels.push(Parcel {
            label: Label {
                sha256: sha256.to_owned(),
                media_type: media::WASM.to_owned(),
                name: format!("{}.wasm", component.id),
                size: component.wasm_size,
            },
            conditions: None,
        });
    }
    parcels
}

/// The same bytes at the same path are one parcel, in the groups of all components that have it there.
fn file_parcels(components: &[(&locked::Component, &Component)]) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    let mut known = BTreeMap::new();
    for (_, component) in components {
        for file in &component.files {
            let group = group(&component.id);
            let at = *known.entry((&file.path, &file.digest)).or_insert_with(|| {
                parcels.push(Parcel {
                    label: Label {
                        sha256: file.digest.hex().to_owned(),
                        media_type: media::of_path(&file.path).to_owned(),
                        name: file.path.clone(),
                        size: file.size,
                    },
                    conditions: Some(Condition::default()),
                });
                parcels.len() - 1
            });
            if let Some(conditions) = &mut parcels[at].conditions {
                conditions.member_of.push(group);
            }
        }
    }
    parcels
}

fn group(component: &str) -> String {
    format!("files-{component}")
}
