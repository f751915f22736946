//! What would be deployed.

use std::sync::Arc;

use spin_deployer_app::{App, Composition};
use spin_deployer_egress::{self as egress, Egress, Proxies};

use crate::loading::Loader;
use crate::policy::Oversight;
use crate::report::{InspectReport, InspectedComponent, InspectedFile, InspectedWasm, SCHEMA};
use crate::{AppRequest, Environment, Error, Observer};

/// Looks at an app. Runs no plugin and no Spin, and sends nothing but requests for what the app refers to elsewhere, as
/// policies let it.
pub struct Inspection(Loader);

impl Inspection {
    /// Prepares it. Nothing is loaded and nothing is sent yet.
    ///
    /// # Errors
    /// The audit log cannot be written, or a policy cannot be read.
    pub fn new(
        environment: Environment,
        request: AppRequest,
        oversight: &Oversight,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let (policies, audit) = oversight.begin(&environment, None, request.from.as_deref())?;
        let egress = Egress::new(egress::Config {
            environment: environment.vars.iter().collect(),
            proxies: Proxies::System,
        });
        Ok(Self(Loader {
            environment,
            request,
            egress,
            audit: Arc::new(audit),
            policies,
            observer,
            child: Arc::default(),
        }))
    }

    /// Loads the app and tells everything about it.
    ///
    /// # Errors
    /// The app cannot be loaded: every finding in one go.
    pub async fn run(&self) -> Result<InspectReport, Error> {
        self.0.build().await?;
        let app = self.0.app(Composition::Reported, false).await?;
        let mut report = report(&app);
        // Something was made a component, which not every target wants.
        if app.components().iter().any(|c| c.given.is_some()) {
            let with_modules = self.0.app(Composition::Reported, true).await?;
            let other = with_modules.fingerprint();
            let is_other = other != report.fingerprint;
            report.fingerprint_with_modules = is_other.then(|| other.to_owned());
        }
        Ok(report)
    }

    /// As [`Deployer::end`](crate::Deployer::end).
    pub fn end(&self) {
        self.0.end();
    }
}

fn report(app: &App) -> InspectReport {
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
    InspectReport {
        schema: SCHEMA,
        locked: app.locked().clone(),
        components,
        fingerprint: app.fingerprint().to_owned(),
        fingerprint_with_modules: None,
        findings: app.findings().to_vec(),
    }
}
