//! Maps by names of plugins in JSON. Of a name that stands there twice, one reader takes the first and another the last.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use spin_deployer_manifest::PluginName;

use crate::index::MAX_PLUGINS;

/// At most [`MAX_PLUGINS`], none of them twice.
pub(crate) fn plugins<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    deserializer: D,
) -> Result<BTreeMap<PluginName, V>, D::Error> {
    deserializer.deserialize_map(Unique(PhantomData))
}

struct Unique<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Unique<V> {
    type Value = BTreeMap<PluginName, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plugins by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut plugins = BTreeMap::new();
        while let Some(name) = map.next_key::<PluginName>()? {
            if plugins.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "plugin `{name}` stands there twice"
                )));
            }
            if plugins.len() == MAX_PLUGINS {
                return Err(A::Error::custom(format_args!(
                    "there are more than {MAX_PLUGINS} plugins"
                )));
            }
            plugins.insert(name, map.next_value()?);
        }
        Ok(plugins)
    }
}
