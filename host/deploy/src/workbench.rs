//! What commands about plugins stand on: the policies, the audit log, the way out, the compiler.

use std::collections::BTreeMap;
use std::sync::Arc;

use semver::Version;
use spin_deployer_egress::{self as egress, Egress, Proxies};
use spin_deployer_fetch::Bounds;
use spin_deployer_grants::{LockedPlugin, Policies, PolicyRefusal};
use spin_deployer_manifest::{Ask, Manifest};
use spin_deployer_signature::PublicKey;

use crate::audit::Line;
use crate::loading::{Loader, blocking};
use crate::policy::{Asked, Oversight, denied};
use crate::remotes::Fetching;
use crate::report::Consent;
use crate::{
    AppRequest, Code, Environment, Error, Event, Found, Observer, Target, code, compatibility,
};

/// The surroundings of a command that looks after plugins and calls none. Everything that it sends is let out by the
/// policies and stands in the audit log, as in a deploy.
#[derive(Clone)]
pub struct Workbench(Loader);

impl Workbench {
    /// Prepares it. Nothing is sent yet.
    ///
    /// # Errors
    /// The audit log cannot be written, or a policy cannot be read.
    pub fn new(
        environment: Environment,
        oversight: &Oversight,
        offline: bool,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let (policies, audit) = oversight.begin(&environment, None, None)?;
        let egress = Egress::new(egress::Config {
            environment: environment.vars.iter().collect(),
            proxies: Proxies::System,
        });
        Ok(Self(Loader {
            environment,
            request: AppRequest {
                offline,
                ..AppRequest::default()
            },
            egress,
            audit: Arc::new(audit),
            policies,
            observer,
            child: Arc::default(),
        }))
    }

    /// What was taken from the process.
    pub fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// Who watches.
    pub fn observer(&self) -> &dyn Observer {
        &*self.0.observer
    }

    /// What narrows everything.
    pub fn policies(&self) -> &Policies {
        &self.0.policies
    }

    /// Whether nothing may be sent.
    pub fn offline(&self) -> bool {
        self.0.request.offline
    }

    /// The way to what lies elsewhere, with one content of at most so many bytes.
    ///
    /// # Errors
    /// There is no place for what would come.
    pub fn fetching(&self, largest: u64) -> Result<Fetching, Error> {
        let bounds = Bounds {
            content: largest,
            image: largest,
            ..Bounds::default()
        };
        Fetching::new(&self.0, bounds)
    }

    /// Whether the policies let this component run.
    ///
    /// # Errors
    /// The first that does not. It stands in the audit log.
    pub fn admit(&self, plugin: &str, digest: &str) -> Result<(), Error> {
        let admitted = self.0.policies.admits(digest);
        admitted.map_err(|refusal| self.refused(plugin, digest, &refusal))
    }

    /// Whether the policies let a plugin run that this publisher signed, or nobody.
    ///
    /// # Errors
    /// The first that does not. It stands in the audit log.
    pub fn admit_signer(
        &self,
        plugin: &str,
        digest: &str,
        signer: Option<&PublicKey>,
    ) -> Result<(), Error> {
        let admitted = self.0.policies.admits_signer(plugin, signer);
        admitted.map_err(|refusal| self.refused(plugin, digest, &refusal))
    }

    fn refused(&self, plugin: &str, digest: &str, refusal: &PolicyRefusal) -> Error {
        self.0.audit.line(&Line::Denied {
            plugin,
            digest,
            why: refusal.to_string(),
        });
        denied(refusal)
    }

    /// Which Spin it is: that of `flag`, or the one that is here. `None` where there is none.
    ///
    /// # Errors
    /// It says a version that is none.
    pub async fn spin(&self, flag: Option<&Version>) -> Result<Option<Version>, Error> {
        compatibility::here(&self.0, flag).await
    }

    /// Whether the plugin is made for the Spin that is here, or for the one of `flag`.
    ///
    /// # Errors
    /// It is made for others, and that Spin is no pre-release.
    pub async fn compatible(
        &self,
        manifest: &Manifest,
        flag: Option<&Version>,
    ) -> Result<(), Error> {
        compatibility::check(&self.0, manifest, flag).await
    }

    /// Shows what a plugin asks for, and goes on where the user agrees; `yes`: they have. What they agree to stands in
    /// the audit log.
    ///
    /// # Errors
    /// They do not, or cannot be asked.
    pub fn agree(&self, consent: Consent, manifest: &Manifest, yes: bool) -> Result<(), Error> {
        let (observer, name) = (self.observer(), &manifest.name);
        if !yes && !observer.can_ask() {
            let lines = match consent.changes.is_empty() {
                true => Ask::of(manifest).powers(),
                false => consent.changes,
            };
            let message = format!("nobody has agreed to what plugin `{name}` asks for");
            let (source, digest) = (&consent.source, &consent.plugin.digest);
            return Err(Error::new(Code::Denied, message)
                .detail(format!("{source} {digest}\n{}", lines.join("\n")))
                .help("if that is right, add --yes, or agree at a terminal"));
        }
        let digest = consent.plugin.digest.clone();
        observer.event(Event::Consent {
            consent: Box::new(consent),
            agreed: yes,
        });
        if !yes && !observer.confirm(&format!("Let plugin {name} do that?")) {
            let message = format!("plugin `{name}` was not agreed to, and nothing was done");
            return Err(Error::new(Code::Denied, message));
        }
        self.0.audit.line(&Line::Agreed {
            plugin: name.as_str(),
            digest: &digest,
            by: if yes { "--yes" } else { "terminal" },
            to: Ask::of(manifest).powers(),
        });
        self.0.audit.complete()
    }

    /// Compiles the plugin and keeps the code, unless it is there. Nothing of it runs.
    ///
    /// # Errors
    /// It is no plugin for this host, or compiling it broke a limit.
    pub async fn compile(
        &self,
        manifest: &Manifest,
        entry: &LockedPlugin,
        wasm: Vec<u8>,
        limits: &Asked,
    ) -> Result<(), Error> {
        let limits = limits.under(&self.0.policies)?;
        let digest = &entry.digest;
        let target = Target {
            name: manifest.name.to_string(),
            manifest: manifest.clone(),
            digest: digest.clone(),
            found: Found::Installed,
            overrides: entry.overrides,
            source: entry.source.clone(),
            signer: entry.signer.clone(),
            proof: None,
            agreed: None,
            wasm: wasm.into(),
            settings: BTreeMap::new(),
            folder: self.0.environment.cwd.clone(),
        };
        let loader = self.0.clone();
        blocking(move || {
            let cache = loader.environment.directories.cache();
            code::plugin(&target, cache, &limits, &*loader.observer, &loader.audit).map(drop)
        })
        .await
    }

    /// As [`Deployer::end`](crate::Deployer::end).
    pub fn end(&self) {
        self.0.end();
    }
}
