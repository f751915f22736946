//! The bill of materials, as CycloneDX 1.7 writes it in JSON.
//!
//! Written here because the library for it (`cyclonedx-bom`) ends at version 1.5 and brings some twenty packages to a
//! program that CI builds each time. What is needed of the format is this file.
//!
//! Artifacts (the program, the plugins inside it) need packages; packages need packages. A package that is in the binary
//! and in a plugin stands there once, with what it needs in either.

use anyhow::{Context as _, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::linked::Crate;
use super::platform::Platform;
use super::program::Plugin;
use super::toolchain::Part;
use super::{NAME, Sources, hex, licenses};

const VERSION: &str = "1.7";
const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.7.schema.json";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    /// The commit's time: the same commit is the same document.
    timestamp: String,
    lifecycles: [Lifecycle; 1],
    tools: Tools,
    component: Component,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Component; 1],
}

#[derive(Default, Serialize)]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    #[serde(rename = "mime-type", skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'static str>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    /// The package's name in the world; ours are published nowhere, and somebody else's could be called so.
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum License {
    /// Of SPDX.
    Expression(String),
    /// Something else, under a name of its own.
    License { name: String },
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(rename = "dependsOn")]
    depends_on: Vec<String>,
}

/// The document, the same bytes for the same arguments: what was built of these sources, the program with this SHA-256.
pub(crate) fn write(sources: &Sources, program: &[u8; 32], plugins: &[Plugin]) -> Result<Vec<u8>> {
    let Sources {
        linked, toolchain, ..
    } = sources;
    let root = linked.root()?;
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut add = |component: Component, mut needs: Vec<String>| {
        needs.sort();
        dependencies.push(Dependency {
            reference: component.reference.clone(),
            depends_on: needs,
        });
        components.push(component);
    };
    for package in linked.all() {
        let needs = package.needs.iter().map(ToString::to_string);
        add(of_package(package)?, needs.collect());
    }
    for part in toolchain {
        add(of_part(part), Vec::new());
    }
    let mut needed = vec![root.id.to_string()];
    for plugin in plugins {
        let package = linked.named(&format!("plugin-{}", plugin.name))?;
        let component = of_plugin(plugin, package)?;
        needed.push(component.reference.clone());
        let below = toolchain.iter().map(Part::reference);
        add(component, below.chain([package.id.to_string()]).collect());
    }
    let below = toolchain.iter().filter(|part| !part.only_plugins);
    needed.extend(below.map(Part::reference));
    needed.sort();
    let program = of_program(root, program, sources)?;
    dependencies.push(Dependency {
        reference: program.reference.clone(),
        depends_on: needed,
    });
    components.sort_by(|a, b| a.reference.cmp(&b.reference));
    dependencies.sort_by(|a, b| a.reference.cmp(&b.reference));

    let mut bom = Bom {
        schema: SCHEMA,
        bom_format: "CycloneDX",
        spec_version: VERSION,
        serial_number: String::new(),
        version: 1,
        metadata: Metadata {
            timestamp: sources.commit.time.clone(),
            lifecycles: [Lifecycle { phase: "build" }],
            tools: Tools {
                components: [compiler(&sources.platform)],
            },
            component: program,
        },
        components,
        dependencies,
    };
    bom.serial_number = serial(&serde_json::to_vec(&bom)?);
    let mut text = serde_json::to_vec_pretty(&bom)?;
    text.push(b'\n');
    Ok(text)
}

fn of_program(root: &Crate, digest: &[u8; 32], sources: &Sources) -> Result<Component> {
    let property = |name, value: &str| Property {
        name,
        value: value.to_owned(),
    };
    Ok(Component {
        kind: "application",
        reference: NAME.to_owned(),
        name: NAME.to_owned(),
        version: Some(root.id.version.clone()),
        description: root.description.clone(),
        hashes: vec![sha256(hex(digest))],
        licenses: license(root)?,
        properties: vec![
            property("spin-deployer:commit", &sources.commit.name()),
            property("spin-deployer:target", &sources.platform.triple),
        ],
        ..Component::default()
    })
}

fn of_plugin(plugin: &Plugin, package: &Crate) -> Result<Component> {
    Ok(Component {
        kind: "application",
        reference: format!("plugin:{}", plugin.name),
        mime_type: Some("application/wasm"),
        name: plugin.name.clone(),
        version: Some(package.id.version.clone()),
        description: package.description.clone(),
        hashes: vec![sha256(hex(&plugin.sha256))],
        licenses: license(package)?,
        ..Component::default()
    })
}

fn of_package(package: &Crate) -> Result<Component> {
    let id = &package.id;
    // Only what comes from a registry has a checksum. Build metadata begins with a plus, which a purl writes otherwise.
    let purl = package
        .checksum
        .as_ref()
        .map(|_| format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B")));
    Ok(Component {
        kind: "library",
        reference: id.to_string(),
        name: id.name.clone(),
        version: Some(id.version.clone()),
        description: package.description.clone(),
        hashes: package.checksum.iter().cloned().map(sha256).collect(),
        licenses: license(package)?,
        purl,
        ..Component::default()
    })
}

fn of_part(part: &Part) -> Component {
    Component {
        kind: "library",
        reference: part.reference(),
        name: part.name.to_owned(),
        version: part.version.clone(),
        description: Some(part.description.clone()),
        licenses: vec![License::Expression(part.license.to_owned())],
        ..Component::default()
    }
}

fn compiler(platform: &Platform) -> Component {
    Component {
        kind: "application",
        reference: "rustc".to_owned(),
        name: "rustc".to_owned(),
        version: Some(platform.rust.clone()),
        ..Component::default()
    }
}

fn license(package: &Crate) -> Result<Vec<License>> {
    let license = match (&package.license, &package.license_file) {
        (Some(expression), _) => {
            let canonical = licenses::canonical(expression);
            License::Expression(canonical.with_context(|| package.id.to_string())?)
        }
        (None, Some(file)) => License::License {
            name: file.display().to_string(),
        },
        (None, None) => return Ok(Vec::new()),
    };
    Ok(vec![license])
}

fn sha256(content: String) -> Hash {
    let alg = "SHA-256";
    Hash { alg, content }
}

/// A UUID of version 8 (RFC 9562, section 5.8), made of the document instead of chance.
fn serial(document: &[u8]) -> String {
    let mut bytes: [u8; 32] = Sha256::digest(document).into();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes[..16]);
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    format!("urn:uuid:{}", groups.join("-"))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::build;
    use crate::dist::commit::Commit;
    use crate::dist::linked::tests::here;
    use crate::dist::toolchain;
    use crate::shell::Shell;

    /// Of the program as it is built here, with made-up digests; and what it is made of.
    fn document(program: u8) -> (Vec<u8>, Sources) {
        let shell = Shell::at_root().unwrap();
        let (linked, platform) = here();
        let names = build::plugins(&shell).unwrap();
        let plugins = names.into_iter().map(|name| Plugin {
            name,
            sha256: [7; 32],
        });
        let sources = Sources {
            toolchain: toolchain::parts(&shell, &platform).unwrap(),
            commit: Commit::example(),
            platform,
            linked,
        };
        let plugins: Vec<_> = plugins.collect();
        let text = write(&sources, &[program; 32], &plugins).unwrap();
        (text, sources)
    }

    fn components(document: &Value) -> BTreeMap<String, Value> {
        let all = document["components"].as_array().unwrap().iter();
        let by_reference = all.map(|component| {
            let reference = component["bom-ref"].as_str().unwrap();
            (reference.to_owned(), component.clone())
        });
        let found: BTreeMap<_, _> = by_reference.collect();
        let count = document["components"].as_array().unwrap().len();
        assert_eq!(found.len(), count, "a component stands there twice");
        found
    }

    #[test]
    fn every_package_of_the_program_stands_there_once() {
        let (text, sources) = document(1);
        let document: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["specVersion"], VERSION);
        let mut components = components(&document);
        for package in sources.linked.all() {
            let id = &package.id;
            let found = components.remove(&id.to_string()).unwrap();
            assert_eq!(found["type"], "library");
            assert_eq!(found["name"], id.name);
            assert_eq!(found["version"], id.version);
            assert!(found["licenses"][0]["expression"].is_string(), "{id}");
            if package.ours {
                assert!(found.get("purl").is_none(), "{id}");
                continue;
            }
            let purl = found["purl"].as_str().unwrap();
            assert!(purl.starts_with(&format!("pkg:cargo/{}@", id.name)));
            assert!(!purl.contains('+'), "{purl}");
            assert_eq!(found["hashes"][0]["content"].as_str().unwrap().len(), 64);
        }
        let left: Vec<_> = components.keys().map(String::as_str).collect();
        let plugins = left.iter().filter(|name| name.starts_with("plugin:"));
        assert_eq!(plugins.count(), left.len() - 2, "{left:?}");
        assert!(left.contains(&"wasi-libc"), "{left:?}");
    }

    #[test]
    fn plugins_stand_there_with_their_digest_and_what_they_are_made_of() {
        let (text, _) = document(1);
        let document: Value = serde_json::from_slice(&text).unwrap();
        let components = components(&document);
        let plugin = &components["plugin:oci"];
        assert_eq!(plugin["mime-type"], "application/wasm");
        assert_eq!(plugin["hashes"][0]["content"], "07".repeat(32));

        let needs: BTreeMap<&str, BTreeSet<&str>> = document["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let needs = entry["dependsOn"].as_array().unwrap().iter();
                let needs = needs.map(|need| need.as_str().unwrap()).collect();
                (entry["ref"].as_str().unwrap(), needs)
            })
            .collect();
        // Everything is reached from the program, and nothing else is.
        let mut reached = BTreeSet::from(["deployer"]);
        let mut next = vec!["deployer"];
        while let Some(reference) = next.pop() {
            let more = needs[reference].iter().copied();
            next.extend(more.filter(|need| reached.insert(need)));
        }
        reached.remove("deployer");
        let known: BTreeSet<_> = components.keys().map(String::as_str).collect();
        assert_eq!(reached, known);
        assert!(needs["plugin:oci"].contains("wasi-libc"));
        assert!(!needs["deployer"].contains("wasi-libc"));
    }

    #[test]
    fn the_same_program_has_the_same_bill() {
        let (text, _) = document(1);
        assert_eq!(document(1).0, text);
        let serial = |text: &[u8]| {
            let document: Value = serde_json::from_slice(text).unwrap();
            document["serialNumber"].as_str().unwrap().to_owned()
        };
        let first = serial(&text);
        assert_ne!(serial(&document(2).0), first);
        let groups: Vec<_> = first
            .strip_prefix("urn:uuid:")
            .unwrap()
            .split('-')
            .collect();
        let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(groups[2].starts_with('8'), "{first}");
        assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{first}");
    }
}
