//! Where Wasm comes from, as a manifest says it: a path, a URL with a digest, or a package of a registry.
//!
//! Everything is checked as text here; whether it is there is asked later, of everything at once.

use semver::{Op, Version, VersionReq};
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::names;
use super::read::{Fields, Text, mistyped};
use crate::finding::{Place, Report};
use crate::hash;
use crate::ports::Remote;

#[derive(Clone, Debug)]
pub(crate) enum WasmSource {
    /// A path, as it is written.
    Local(Text),
    Remote {
        remote: Remote,
        at: Place,
    },
}

impl WasmSource {
    pub(crate) fn at(&self) -> &Place {
        match self {
            Self::Local(text) => &text.at,
            Self::Remote { at, .. } => at,
        }
    }

    /// The same as a dependency. Spin reads the version of a package there as a requirement, though it is the one that
    /// its component has.
    pub(super) fn as_dependency(&self) -> Self {
        let mut source = self.clone();
        if let Self::Remote {
            remote: Remote::Package { version, .. },
            ..
        } = &mut source
        {
            *version = match version.strip_prefix('=') {
                Some(only) => only.to_owned(),
                None => VersionReq::parse(version)
                    .map_or_else(|_| version.clone(), |required| required.to_string()),
            };
        }
        source
    }
}

/// Which versions of a package a manifest may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versions {
    /// `1.2.3` is that one.
    Exact,
    /// `1.2.3` is that one or a later one that is compatible.
    Required,
}

/// The value of `source`.
pub(super) fn read<'t>(value: &'t Spanned<DeValue<'t>>, report: &mut Report) -> Option<WasmSource> {
    let at = value.span();
    if let DeValue::String(path) = value.get_ref() {
        let value = path.to_string();
        return Some(WasmSource::Local(Text { value, at }));
    }
    if !value.get_ref().is_table() {
        mistyped(value, "source", "a path, or a table", report);
        return None;
    }
    let mut fields = Fields::of(value, "`source`", report)?;
    if fields.has("parcel") || fields.has("reference") {
        report.error(
            "unsupported",
            &at,
            "Spin does not take Wasm from Bindle any more",
            "name a path, a URL with its digest, or a package",
        );
        return None;
    }
    let remote = if fields.has("url") || fields.has("digest") {
        self::url(&mut fields, report)
    } else {
        package(&mut fields, Versions::Exact, None, report)
    };
    fields.finish(report);
    Some(WasmSource::Remote {
        remote: remote?,
        at,
    })
}

/// `url` and `digest`.
pub(super) fn url(fields: &mut Fields<'_>, report: &mut Report) -> Option<Remote> {
    fields.require("url", report, "add `url = \"https://…\"`");
    fields.require(
        "digest",
        report,
        "add the digest of the file that it leads to: `digest = \"sha256:…\"`",
    );
    let url = fields.text("url", report).and_then(|text| {
        let url = Url::parse(&text.value)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
        if url.is_none() {
            let message = format!("`{}` is no URL that Wasm can be fetched from", text.value);
            let help = "URLs look like `https://example.com/app.wasm`";
            report.error("source-url", &text.at, message, help);
        }
        url
    });
    let digest = fields.text("digest", report).and_then(|text| {
        let good = hash::is_digest(&text.value);
        if !good {
            let message = format!("`{}` is no digest", text.value);
            let help = "a digest is `sha256:` and 64 digits from 0 to 9 and a to f";
            report.error("source-digest", &text.at, message, help);
        }
        good.then_some(text.value)
    });
    Some(Remote::Url {
        url: url?,
        digest: digest?,
    })
}

/// `package`, `version` and `registry`. `named` is the package where the table does not say.
pub(super) fn package(
    fields: &mut Fields<'_>,
    versions: Versions,
    named: Option<String>,
    report: &mut Report,
) -> Option<Remote> {
    if named.is_none() {
        fields.require("package", report, "add `package = \"namespace:name\"`");
    }
    fields.require("version", report, "add `version = \"1.0.0\"`");
    let package = match fields.text("package", report) {
        Some(text) => match names::package(&text.value) {
            Ok(_) => Some(text.value),
            Err(reason) => {
                let message = format!("`{}` names no package: {reason}", text.value);
                let help = "packages are named like `acme:shop`";
                report.error("package-name", &text.at, message, help);
                None
            }
        },
        None => named,
    };
    let version = fields
        .text("version", report)
        .and_then(|text| version(&text, versions, report));
    let registry = match fields.text("registry", report) {
        Some(text) if !is_registry(&text.value) => {
            let message = format!("`{}` is no registry", text.value);
            let help = "name its host, with a port where it has one: `registry.example.com`";
            report.error("package-registry", &text.at, message, help);
            return None;
        }
        registry => registry.map(|text| text.value),
    };
    Some(Remote::Package {
        registry,
        package: package?,
        version: version?,
    })
}

/// A version as [`Remote::Package`] has it.
pub(super) fn version(text: &Text, versions: Versions, report: &mut Report) -> Option<String> {
    let read = match versions {
        Versions::Exact => {
            let only = text.value.strip_prefix('=');
            Version::parse(only.unwrap_or(&text.value).trim()).map(|version| match only {
                // As a dependency it stays the only one.
                Some(_) => format!("={version}"),
                None => version.to_string(),
            })
        }
        Versions::Required => VersionReq::parse(&text.value).map(|required| {
            let only = match required.comparators.as_slice() {
                [only] if only.op == Op::Exact => required.to_string()[1..].to_owned(),
                _ => return required.to_string(),
            };
            // `=1.2` is more than one version.
            Version::parse(&only).map_or_else(|_| required.to_string(), |one| one.to_string())
        }),
    };
    read.map_err(|error| {
        let (what, help) = match versions {
            Versions::Exact => ("version", "write one version in full: `1.2.3`"),
            Versions::Required => (
                "requirement for a version",
                "requirements look like `1.2.3`, `>=1.2, <2` or `=1.2.3`",
            ),
        };
        let message = format!("`{}` is no {what}: {error}", text.value);
        report.error("package-version", &text.at, message, help);
    })
    .ok()
}

/// A host with an optional port, and nothing else.
fn is_registry(text: &str) -> bool {
    Url::parse(&format!("https://{text}/")).is_ok_and(|url| {
        url.path() == "/"
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    }) && !text.contains(|c: char| c.is_whitespace() || c.is_control() || "/\\@".contains(c))
}
