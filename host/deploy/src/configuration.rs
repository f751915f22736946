//! `deployer.toml`: targets by name, with values for their plugins' options.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::{Code, Error, bounded};

/// The file's name, beside `spin.toml`.
pub(crate) const FILE: &str = "deployer.toml";

/// In bytes.
const LARGEST: u64 = 1 << 20;

/// All of `deployer.toml`. An absent file is an empty one.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Configuration {
    /// The target of a command that names none.
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) targets: BTreeMap<String, TargetTable>,
    /// The folder that holds the file, or would: relative paths in it start here.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

/// `[targets.<name>]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TargetTable {
    /// A plugin's name, or a path to a `.wasm` file.
    pub(crate) plugin: String,
    /// Values of the plugin's options.
    #[serde(flatten)]
    pub(crate) options: BTreeMap<String, toml::Value>,
}

impl Configuration {
    /// Reads `folder`'s `deployer.toml`.
    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let text = match bounded::read(&path, LARGEST)
            .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
        {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => {
                return Err(
                    Error::new(Code::Usage, format!("cannot read {}", path.display()))
                        .detail(e.to_string()),
                );
            }
        };
        let mut configuration: Self = toml::from_str(&text).map_err(|e| {
            Error::new(Code::Usage, format!("{} is not valid", path.display()))
                .detail(e.to_string().trim_end().to_owned())
        })?;
        configuration.folder = folder.to_owned();
        Ok(configuration)
    }
}

/// The raw values of a TOML value, as if they had been typed as flags.
pub(crate) fn raw_values(value: &toml::Value) -> Result<Vec<String>, String> {
    let scalar = |value: &toml::Value| match value {
        toml::Value::String(s) => Ok(s.clone()),
        toml::Value::Integer(n) => Ok(n.to_string()),
        toml::Value::Boolean(b) => Ok(b.to_string()),
        other => Err(format!("a {} has no place here", other.type_str())),
    };
    match value {
        toml::Value::Array(items) => items.iter().map(scalar).collect(),
        toml::Value::Table(table) => table
            .iter()
            .map(|(key, value)| Ok(format!("{key}={}", scalar(value)?)))
            .collect(),
        other => Ok(vec![scalar(other)?]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_file_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let read = Configuration::read(folder.path()).unwrap();
        assert!(read.target.is_none() && read.targets.is_empty());
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "target = \"a\"\ntargts = 1\n").unwrap();
        let error = Configuration::read(folder.path()).unwrap_err();
        assert_eq!(error.code, Code::Usage);
        assert!(error.message.contains("deployer.toml"));
        assert!(error.detail.unwrap().contains("line 2"));
    }

    #[test]
    fn values_become_what_a_flag_would_carry() {
        let table: toml::Table =
            toml::from_str("a = 1\nb = [\"x\", \"y\"]\nc = { k = \"v\" }\nd = true").unwrap();
        let raw: Vec<_> = table.values().map(|v| raw_values(v).unwrap()).collect();
        assert_eq!(raw, [vec!["1"], vec!["x", "y"], vec!["k=v"], vec!["true"]]);
    }
}
