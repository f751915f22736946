//! What Hippo asks Bindle, and how strictly it reads the answers: a key that its client library does not know fails the
//! request, and so does a manifest with one before 0.20.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::failure::Failure;
use crate::settings::{Api, Doubt, Settings};

/// The media type of the manifest of a Spin app.
const MANIFEST: &str = "application/vnd.fermyon.spin+toml";

/// A server of Bindle.
pub(crate) struct Bindle {
    address: String,
    agent: ureq::Agent,
}

/// What an invoice and its manifest say of a revision.
pub(crate) struct Details {
    pub(crate) description: Option<String>,
    /// Nothing, where no parcel is a manifest.
    pub(crate) manifest: Option<Manifest>,
}

impl Bindle {
    /// The address ends with `/v1`.
    pub(crate) fn at(address: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        Self {
            address: address.to_owned(),
            agent,
        }
    }

    /// Name and version of the first 50 bindles that have this in their name. There is no second page for Hippo.
    pub(crate) fn first_hits(&self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        let query: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let matches: Matches = read(&self.get(&format!("_q?q={query}&o=0"))?)?;
        let names = matches.invoices.into_iter().map(|it| it.bindle);
        Ok(names.map(|it| (it.name, it.version)).collect())
    }

    /// Reads the invoice of `storage id/revision`, and its manifest.
    pub(crate) fn details(&self, settings: &Settings, id: &str) -> Result<Details, Failure> {
        // Of one that was yanked Bindle gives neither invoice nor parcels, though queries find it.
        let invoice: Invoice = read(&self.get(&format!("_i/{id}"))?)?;
        let mut labels = invoice.parcel.iter().map(|parcel| &parcel.label);
        let manifest = match labels.find(|label| label.media_type == MANIFEST) {
            Some(label) => {
                let text = self.get(&format!("_i/{id}@{}", label.sha256))?;
                Some(Manifest::read(settings, &text)?)
            }
            None => None,
        };
        Ok(Details {
            description: invoice.bindle.description,
            manifest,
        })
    }

    /// That it answers at all.
    pub(crate) fn reach(&self) -> Result<(), Failure> {
        self.get("_q?q=&o=0&l=1").map(drop)
    }

    fn get(&self, path: &str) -> Result<String, Failure> {
        let url = format!("{}/{path}", self.address);
        let answer = self.agent.get(&url).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        text.map_err(|error| Failure::Broken(format!("GET {url}: {error}")))
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    toml::from_str(text).map_err(|error| Failure::Broken(error.to_string()))
}

/// Every key is here to be known. Few are looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Matches {
    query: IgnoredAny,
    strict: IgnoredAny,
    offset: IgnoredAny,
    limit: IgnoredAny,
    timestamp: Option<IgnoredAny>,
    yanked: IgnoredAny,
    total: IgnoredAny,
    more: IgnoredAny,
    #[serde(default)]
    invoices: Vec<Invoice>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Invoice {
    bindle_version: IgnoredAny,
    yanked: Option<IgnoredAny>,
    yanked_signature: Option<IgnoredAny>,
    bindle: Name,
    annotations: Option<BTreeMap<String, String>>,
    #[serde(default)]
    parcel: Vec<Parcel>,
    group: Option<Vec<Group>>,
    signature: Option<Vec<Signature>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Name {
    name: String,
    version: String,
    description: Option<String>,
    authors: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Parcel {
    label: Label,
    conditions: Option<Conditions>,
}

/// Without `origin`, which Bindle has and Hippo's library does not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Label {
    name: String,
    sha256: String,
    media_type: String,
    size: u64,
    annotations: Option<BTreeMap<String, String>>,
    feature: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Conditions {
    member_of: Option<Vec<String>>,
    requires: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Group {
    name: String,
    required: Option<bool>,
    satisfied_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "known, so that it does not fail")]
struct Signature {
    by: String,
    signature: String,
    key: String,
    role: String,
    at: u64,
}

/// What Hippo takes from a manifest.
#[derive(Deserialize)]
pub(crate) struct Manifest {
    pub(crate) trigger: Option<Trigger>,
    #[serde(default)]
    pub(crate) component: Vec<ManifestComponent>,
}

#[derive(Deserialize)]
pub(crate) struct Trigger {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ManifestComponent {
    #[serde(default)]
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) trigger: Option<ComponentTrigger>,
}

#[derive(Deserialize)]
pub(crate) struct ComponentTrigger {
    pub(crate) route: Option<String>,
    pub(crate) channel: Option<String>,
}

/// The keys of a manifest that Hippo before 0.20 knows: place, and what may stand there.
const KNOWN: [(&str, &[&str]); 4] = [
    ("", &["trigger", "config", "component"]),
    ("trigger", &["type", "base"]),
    (
        "component",
        &[
            "source",
            "id",
            "description",
            "files",
            "environment",
            "trigger",
            "config",
        ],
    ),
    ("component.trigger", &["route", "channel"]),
];

impl Manifest {
    fn read(settings: &Settings, text: &str) -> Result<Self, Failure> {
        if settings.api < Api::V0_20 {
            let table: toml::Table = read(text)?;
            let hosts = settings.other(Doubt::HostsAreKnown);
            known("", &table, hosts)?;
        }
        read(text)
    }
}

fn known(place: &str, table: &toml::Table, hosts: bool) -> Result<(), Failure> {
    let Some((_, keys)) = KNOWN.iter().find(|(it, _)| *it == place) else {
        // A map of the user's own keys.
        return Ok(());
    };
    for (key, value) in table {
        let hosts_here = hosts && place == "component" && key == "allowedHttpHosts";
        if !keys.contains(&key.as_str()) && !hosts_here {
            let place = if place.is_empty() {
                "the manifest"
            } else {
                place
            };
            let reason = format!("Unable to set the property {key} on {place}");
            return Err(Failure::Broken(reason));
        }
        let inner = match place {
            "" => key.clone(),
            place => format!("{place}.{key}"),
        };
        match value {
            toml::Value::Table(table) => known(&inner, table, hosts)?,
            toml::Value::Array(array) => {
                for table in array.iter().filter_map(toml::Value::as_table) {
                    known(&inner, table, hosts)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
