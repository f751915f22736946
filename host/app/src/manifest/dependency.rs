//! What a component, or a trigger for its component, is composed with.

use std::collections::BTreeMap;
use std::fmt;

use semver::{BuildMetadata, Version};
use serde::Serialize;
use toml::Spanned;
use toml::de::DeValue;

use super::names;
use super::read::{Fields, Text, listed, mistyped, nearest, text};
use super::source::{self, Versions, WasmSource};
use crate::finding::{Place, Report};
use crate::ports::Remote;

/// An import of a component. The order is Spin's: plain names first, then packages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DependencyName {
    /// `shop-cart`
    Plain(String),
    /// `acme:shop/cart@1.0.0`, without interface or version too.
    Package {
        /// Namespace and name.
        package: (String, String),
        version: Option<Version>,
        interface: Option<String>,
    },
}

#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) supply: Supply,
    pub(crate) export: Option<Text>,
    /// `None` where nothing was said.
    pub(crate) inherit: Option<Inherit>,
    /// Only a version: no room for anything else.
    pub(crate) brief: bool,
    pub(crate) at: Place,
}

#[derive(Debug)]
pub(crate) enum Supply {
    Wasm(WasmSource),
    /// The Wasm of a component of the same app, until normalisation.
    Component(Text),
}

/// What a dependency may use of what its component may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Inherit {
    All,
    /// By the fields of a component; none is nothing.
    Some(Vec<String>),
}

impl Inherit {
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Some(fields) if fields.is_empty())
    }
}

/// More would be no app; each is compared with all the others.
const MOST: usize = 1000;
const INHERITED: [&str; 7] = [
    "ai_models",
    "allowed_outbound_hosts",
    "environment",
    "files",
    "key_value_stores",
    "sqlite_databases",
    "variables",
];

impl DependencyName {
    fn parse(text: &str) -> Result<Self, String> {
        if !text.contains([':', '/']) {
            names::kebab(text)?;
            return Ok(Self::Plain(text.to_owned()));
        }
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => {
                let parsed = Version::parse(version)
                    .map_err(|error| format!("`{version}` is no version: {error}"))?;
                (name, Some(parsed))
            }
            None => (text, None),
        };
        let (package, interface) = match name.split_once('/') {
            Some((package, interface)) => {
                names::kebab(interface)
                    .map_err(|reason| format!("`{interface}` is no interface: {reason}"))?;
                (package, Some(interface.to_owned()))
            }
            None => (name, None),
        };
        Ok(Self::Package {
            package: names::package(package)?,
            version,
            interface,
        })
    }

    fn package(&self) -> Option<String> {
        match self {
            Self::Plain(_) => None,
            Self::Package {
                package: (namespace, name),
                ..
            } => Some(format!("{namespace}:{name}")),
        }
    }

    /// Whether both can be dependencies of one component: of one package they need other interfaces, or versions
    /// that are not compatible.
    fn fits_beside(&self, other: &Self) -> bool {
        let (
            Self::Package {
                package: a,
                version: a_version,
                interface: a_interface,
            },
            Self::Package {
                package: b,
                version: b_version,
                interface: b_interface,
            },
        ) = (self, other)
        else {
            return true;
        };
        let differ =
            |a: Option<String>, b: Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        a != b
            || differ(
                a_version.as_ref().map(compatible),
                b_version.as_ref().map(compatible),
            )
            || differ(a_interface.clone(), b_interface.clone())
    }
}

/// What all versions that are compatible with this one have in common.
fn compatible(version: &Version) -> String {
    match version {
        Version { pre, .. } if !pre.is_empty() => Version {
            build: BuildMetadata::EMPTY,
            ..version.clone()
        }
        .to_string(),
        Version {
            major: 0, minor: 0, ..
        } => format!("0.0.{}", version.patch),
        Version { major: 0, .. } => format!("0.{}", version.minor),
        _ => version.major.to_string(),
    }
}

impl fmt::Display for DependencyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(name) => f.write_str(name),
            Self::Package {
                package: (namespace, name),
                version,
                interface,
            } => {
                write!(f, "{namespace}:{name}")?;
                if let Some(interface) = interface {
                    write!(f, "/{interface}")?;
                }
                if let Some(version) = version {
                    write!(f, "@{version}")?;
                }
                Ok(())
            }
        }
    }
}

/// `dependencies` of a component or of its profile.
pub(super) fn of_component(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> BTreeMap<DependencyName, Dependency> {
    let mut dependencies = BTreeMap::new();
    let entries = fields.entries("dependencies", report);
    if let Some((first_too_many, _)) = entries.get(MOST) {
        let message = format!("a component cannot have more than {MOST} dependencies");
        report.error("too-many-dependencies", &first_too_many.at, message, "");
    }
    for (key, value) in entries.into_iter().take(MOST) {
        let name = match DependencyName::parse(&key.value) {
            Ok(name) => name,
            Err(reason) => {
                let message = format!("`{}` cannot name a dependency: {reason}", key.value);
                let help = "names look like `acme:shop/cart@1.0.0` or `shop-cart`";
                report.error("dependency-name", &key.at, message, help);
                continue;
            }
        };
        let read = if value.get_ref().is_str() {
            version_only(&name, value, report)
        } else {
            table(Some(&name), &key.at, value, report)
        };
        dependencies.extend(read.map(|dependency| (name, dependency)));
    }
    dependencies
}

/// `dependencies` of a trigger, by role.
pub(super) fn of_trigger(
    fields: &mut Fields<'_>,
    report: &mut Report,
) -> BTreeMap<String, Vec<Dependency>> {
    let mut dependencies = BTreeMap::new();
    for (role, value) in fields.entries("dependencies", report) {
        let Some(array) = value.get_ref().as_array() else {
            let name = format!("dependencies.{}", role.value);
            mistyped(value, &name, "an array of tables", report);
            continue;
        };
        let read = array
            .iter()
            .filter_map(|value| table(None, &value.span(), value, report));
        dependencies.insert(role.value, read.collect());
    }
    dependencies
}

fn version_only<'t>(
    name: &DependencyName,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report,
) -> Option<Dependency> {
    let text = text(value, "version", report)?;
    let Some(package) = name.package() else {
        needs_package(name, &text.at, report);
        return None;
    };
    let version = source::version(&text, Versions::Required, report)?;
    let remote = Remote::Package {
        registry: None,
        package,
        version,
    };
    Some(Dependency {
        supply: Supply::Wasm(WasmSource::Remote {
            remote,
            at: text.at.clone(),
        }),
        export: None,
        inherit: None,
        brief: true,
        at: text.at,
    })
}

/// Without a name it belongs to a trigger.
fn table<'t>(
    name: Option<&DependencyName>,
    at: &Place,
    value: &'t Spanned<DeValue<'t>>,
    report: &mut Report,
) -> Option<Dependency> {
    let what = match name {
        Some(name) => format!("the dependency `{name}`"),
        None => "a dependency of this trigger".to_owned(),
    };
    let mut fields = Fields::of(value, what, report)?;
    let from = value.span();
    let remote = |remote: Remote| {
        Supply::Wasm(WasmSource::Remote {
            remote,
            at: from.clone(),
        })
    };
    let supply = if fields.has("component") {
        fields.text("component", report).map(Supply::Component)
    } else if fields.has("path") {
        let path = fields.text("path", report);
        path.map(|path| Supply::Wasm(WasmSource::Local(path)))
    } else if fields.has("url") {
        source::url(&mut fields, report).map(remote)
    } else if fields.has("version") || fields.has("package") {
        let named = name.and_then(DependencyName::package);
        match name.filter(|_| named.is_none() && !fields.has("package")) {
            Some(name) => {
                needs_package(name, at, report);
                return None;
            }
            None => source::package(&mut fields, Versions::Required, named, report).map(remote),
        }
    } else {
        let help = "add `path`, `version`, `component`, or `url` and `digest`";
        let message = "a dependency must say where it comes from";
        report.error("missing-field", at, message, help);
        return None;
    };
    let export = name.and_then(|_| fields.text("export", report));
    let inherit = fields
        .value("inherit_configuration")
        .and_then(|value| inherit(value, report));
    fields.finish(report);
    Some(Dependency {
        supply: supply?,
        export,
        inherit,
        brief: false,
        at: at.clone(),
    })
}

fn needs_package(name: &DependencyName, at: &Place, report: &mut Report) {
    let message = format!("the dependency `{name}` does not say which package it is");
    let help = "add `package = \"namespace:name\"`: the name of the import is no package's";
    report.error("dependency-package", at, message, help);
}

fn inherit<'t>(value: &'t Spanned<DeValue<'t>>, report: &mut Report) -> Option<Inherit> {
    const NAME: &str = "inherit_configuration";
    let array = match value.get_ref() {
        DeValue::Boolean(true) => return Some(Inherit::All),
        DeValue::Boolean(false) => return Some(Inherit::Some(Vec::new())),
        DeValue::Array(array) => array,
        _ => {
            mistyped(value, NAME, "true, false, or an array of strings", report);
            return None;
        }
    };
    let mut fields = Vec::new();
    for value in array.iter() {
        let Some(field) = text(value, NAME, report) else {
            continue;
        };
        if !INHERITED.contains(&field.value.as_str()) {
            let message = format!("`{}` cannot be inherited", field.value);
            let help = match nearest(&field.value, &INHERITED) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", listed(&INHERITED)),
            };
            report.error("unknown-configuration", &field.at, message, &help);
        }
        fields.push(field.value);
    }
    Some(Inherit::Some(fields))
}

/// What only all the dependencies of a component together can have wrong.
pub(super) fn check(dependencies: &BTreeMap<DependencyName, Dependency>, report: &mut Report) {
    let all: Vec<_> = dependencies.iter().collect();
    for (index, (name, dependency)) in all.iter().enumerate() {
        let whole_package =
            matches!(name, DependencyName::Package { interface, .. } if interface.is_none());
        let from_url = matches!(
            dependency.supply,
            Supply::Wasm(WasmSource::Remote {
                remote: Remote::Url { .. },
                ..
            })
        );
        if let Some(export) = dependency
            .export
            .as_ref()
            .filter(|_| whole_package && !from_url)
        {
            let message =
                format!("one export cannot stand for all interfaces of the package `{name}`");
            let help =
                format!("name the interface that it stands for: `\"{name}/…\"`, or drop `export`");
            report.error("dependency-export", &export.at, message, &help);
        }
        for (other, later) in &all[index + 1..] {
            if !name.fits_beside(other) {
                let message = format!("the dependencies `{name}` and `{other}` overlap");
                let help = "of one package, name different interfaces, or versions that are not compatible";
                report.error("dependency-overlap", &later.at, message, help);
            }
        }
    }
}
