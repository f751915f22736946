//! The locked application, as far as a bindle can say it. What is not here is looked at by nobody; what has to be
//! understood is in `must_understand`, and metadata stay whole.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct Locked {
    #[serde(default)]
    pub(crate) must_understand: Vec<String>,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
    #[serde(default)]
    pub(crate) host_requirements: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub(crate) triggers: Vec<Trigger>,
    #[serde(default)]
    pub(crate) components: Vec<Component>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) secret: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) id: String,
    pub(crate) trigger_type: String,
    #[serde(default)]
    pub(crate) trigger_config: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Component {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) config: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) dependencies: Map<String, Value>,
    #[serde(default)]
    pub(crate) trigger_dependencies: Map<String, Value>,
    #[serde(default)]
    pub(crate) host_requirements: BTreeMap<String, Value>,
}

/// A text among metadata; nothing where it is empty or something else.
pub(crate) fn text(metadata: &Map<String, Value>, key: &str) -> Option<String> {
    let text = metadata.get(key).and_then(Value::as_str)?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A list of texts among metadata.
pub(crate) fn list(metadata: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = metadata.get(key).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
