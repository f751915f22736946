//! What a manifest says about building its components.

use serde_json::Value;

use crate::finding::{LoadError, Report};
use crate::manifest::{self, check, normalize};
use crate::{LoadOptions, Source, local};

/// One command of the build of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildCommand {
    /// The component's id.
    pub component: String,
    /// A line for the shell.
    pub command: String,
    /// Where it runs, relative to the manifest's folder; `None` is that folder.
    pub folder: Option<String>,
}

/// The commands that build an app, in their order. An app that is no manifest has none.
///
/// # Errors
/// What is wrong with the manifest; Wasm and files are not looked for.
pub fn build_commands(
    source: &Source,
    options: &LoadOptions,
) -> Result<Vec<BuildCommand>, LoadError> {
    let Source::Manifest(path) = source else {
        return Ok(Vec::new());
    };
    let (_, _, text) = local::open(path)?;
    let mut report = Report::new(path, &text);
    let mut manifest = manifest::parse(&text, &mut report);
    normalize::normalize(&mut manifest, options.profile.as_deref(), &mut report);
    check::check(&manifest, &mut report);
    if report.has_errors() {
        return Err(LoadError {
            findings: report.into_findings(),
        });
    }
    let components = manifest.components.iter();
    Ok(components
        .filter_map(|component| Some((&component.id.value, component.build.as_ref()?)))
        .flat_map(|(id, build)| {
            let folder = build.get("workdir").and_then(Value::as_str);
            let lines = match build.get("command") {
                Some(Value::Array(lines)) => lines.iter().collect(),
                Some(line) => vec![line],
                None => Vec::new(),
            };
            lines
                .into_iter()
                .filter_map(Value::as_str)
                .map(move |line| BuildCommand {
                    component: id.clone(),
                    command: line.to_owned(),
                    folder: folder.map(str::to_owned),
                })
        })
        .collect())
}
