//! The manifest parcel: what Spin 0.10 reads instead of a `spin.toml`.
//!
//! Readers refuse fields that they do not know. Fields are in the order in which TOML needs them: values before tables.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Manifest {
    pub(crate) trigger: AppTrigger,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) variables: BTreeMap<String, Variable>,
    pub(crate) component: Vec<Component>,
}

/// What starts the components, the same for all of them.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum AppTrigger {
    Http { base: String },
    Redis { address: String },
}

/// Has a default or is required, and not both.
#[derive(Debug, Serialize)]
pub(crate) struct Variable {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) secret: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Component {
    /// The digits of the digest of the Wasm's parcel.
    pub(crate) source: String,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The group of its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_http_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) key_value_stores: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) trigger: Trigger,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) config: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Trigger {
    Http {
        route: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        executor: Option<Executor>,
    },
    Redis {
        channel: String,
    },
}

/// What is not the executor that every component has where it names none.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum Executor {
    Wagi {
        #[serde(skip_serializing_if = "Option::is_none")]
        entrypoint: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        argv: Option<String>,
    },
}
