//! What would be deployed.

use crate::report::{InspectReport, InspectedComponent, InspectedFile, InspectedWasm, SCHEMA};
use crate::{Environment, Error, loading};

/// Loads an app and tells everything about it. Runs no plugin and sends nothing.
///
/// # Errors
/// The app cannot be loaded: every finding in one go.
pub fn inspect(environment: &Environment, from: Option<&str>) -> Result<InspectReport, Error> {
    let app = loading::app(environment, from)?;
    let components = app
        .components()
        .iter()
        .map(|component| InspectedComponent {
            id: component.id.clone(),
            wasm: InspectedWasm {
                digest: component.wasm_digest.clone(),
                size: component.wasm_size,
            },
            files: component
                .files
                .iter()
                .map(|file| InspectedFile {
                    path: file.path.clone(),
                    digest: file.digest.clone(),
                    size: file.size,
                })
                .collect(),
        })
        .collect();
    Ok(InspectReport {
        schema: SCHEMA,
        locked: app.locked().clone(),
        components,
        fingerprint: app.fingerprint().to_owned(),
        findings: app.findings().to_vec(),
    })
}
