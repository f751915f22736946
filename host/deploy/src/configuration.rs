//! `deployer.toml`: targets by name, with values for their plugins' options.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use spin_deployer_manifest::{DocumentError, read_toml};

use crate::{Code, Error, bounded};

/// The file's name, beside `spin.toml`.
pub(crate) const FILE: &str = "deployer.toml";

/// In bytes.
const LARGEST: u64 = 1 << 20;

/// All of `deployer.toml`. An absent file is an empty one.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// The target of a command that names none.
    pub(crate) target: Option<String>,
    /// Each by itself: what is wrong with one is no reason for another not to work.
    pub(crate) targets: BTreeMap<String, Result<TargetTable, Error>>,
    /// The folder that holds the file, or would: relative paths in it start here.
    pub(crate) folder: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    target: Option<String>,
    #[serde(default)]
    targets: BTreeMap<String, toml::Value>,
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
        let document: Document = read_toml(&text, Wrong).map_err(|(at, wrong)| {
            let wrong = DocumentError::at(&text, &at, wrong);
            Error::new(
                Code::Usage,
                format!("{}:{} is not valid", path.display(), wrong.line),
            )
            .detail(wrong.to_string())
            .help("it has `target`, the name of one, and tables `[targets.NAME]` with a `plugin` each")
        })?;
        let read = |(name, table): (String, toml::Value)| {
            let table = table.try_into().map_err(|e: toml::de::Error| {
                let line = line(&text, &name).map_or(String::new(), |line| format!(":{line}"));
                let message = format!("the target `{name}` of {}{line} cannot be used", path.display());
                Error::new(Code::Usage, message)
                    .detail(e.message().to_owned())
                    .help("name its plugin in its table: `plugin = \"oci\"`, or the path of a `.wasm` file")
            });
            (name, table)
        };
        Ok(Self {
            target: document.target,
            targets: document.targets.into_iter().map(read).collect(),
            folder: folder.to_owned(),
        })
    }

    /// The table of a target.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub(crate) fn table(&self, name: &str) -> Result<Option<&TargetTable>, Error> {
        let table = self.targets.get(name).map(Result::as_ref);
        table.transpose().map_err(Clone::clone)
    }
}

/// What the reader says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Wrong(String);

/// The line in which a target's name stands first, from 1.
fn line(text: &str, name: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let targets = document.get_ref().get("targets")?.get_ref().as_table()?;
    let (key, _) = targets.iter().find(|(key, _)| key.get_ref() == name)?;
    Some(DocumentError::at(text, &key.span(), Wrong(String::new())).line)
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
        assert!(error.message.contains("deployer.toml:2"), "{error}");
        assert!(error.detail.unwrap().contains("line 2"));
    }

    #[test]
    fn a_table_that_cannot_be_used_stops_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[targets.good]\nplugin = \"oci\"\n\n[targets.bad]\nplugn = \"oci\"\n\n[targets]\nworse = 1\n";
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let read = Configuration::read(folder.path()).unwrap();
        assert_eq!(read.table("good").unwrap().unwrap().plugin, "oci");
        assert!(read.table("absent").unwrap().is_none());
        for (name, line) in [("bad", "deployer.toml:4"), ("worse", "deployer.toml:8")] {
            let error = read.table(name).unwrap_err();
            assert_eq!(error.code, Code::Usage);
            assert!(error.message.contains(line), "{error}");
            assert!(error.help.unwrap().contains("plugin = "));
        }
    }

    #[test]
    fn values_become_what_a_flag_would_carry() {
        let table: toml::Table =
            toml::from_str("a = 1\nb = [\"x\", \"y\"]\nc = { k = \"v\" }\nd = true").unwrap();
        let raw: Vec<_> = table.values().map(|v| raw_values(v).unwrap()).collect();
        assert_eq!(raw, [vec!["1"], vec!["x", "y"], vec!["k=v"], vec!["true"]]);
    }
}
