//! What would be deployed.

use std::sync::Arc;

use spin_deployer_app::Composition;
use spin_deployer_egress::{self as egress, Egress, Proxies};

use crate::loading::Loader;
use crate::policy::Oversight;
use crate::report::{InspectReport, InspectedComponent, InspectedFile, InspectedWasm, SCHEMA};
use crate::{AppRequest, Environment, Error, Observer};

/// Loads an app and tells everything about it. Runs no plugin and no Spin, and sends nothing but requests for what
/// the app refers to elsewhere, as `oversight` lets it.
///
/// # Errors
/// The app cannot be loaded: every finding in one go.
pub async fn inspect(
    environment: &Environment,
    request: AppRequest,
    oversight: &Oversight,
    observer: Arc<dyn Observer>,
) -> Result<InspectReport, Error> {
    let (policies, audit) = oversight.begin(environment)?;
    let loader = Loader {
        environment: environment.clone(),
        request,
        egress: Egress::new(egress::Config {
            environment: environment.vars.iter().collect(),
            proxies: Proxies::System,
        }),
        audit: Arc::new(audit),
        policies,
        observer,
        child: Arc::default(),
    };
    loader.build().await?;
    let app = loader.app(Composition::Reported, false).await?;
    let components = app
        .components()
        .iter()
        .map(|component| {
            let deployed = InspectedWasm {
                digest: component.wasm_digest.clone(),
                size: component.wasm_size,
            };
            let given = component.given.as_ref().map(|given| InspectedWasm {
                digest: given.digest.clone(),
                size: given.size,
            });
            let (wasm, composed) = match given {
                Some(given) => (given, Some(deployed)),
                None => (deployed, None),
            };
            (component, wasm, composed)
        })
        .map(|(component, wasm, composed)| InspectedComponent {
            id: component.id.clone(),
            wasm,
            composed,
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
