//! One command, from the app to the report.

mod login;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use semver::Version;
use spin_deployer_app::{App, Composition, Finding, Identity};
use spin_deployer_egress::{self as egress, Egress, Proxies, Session, Vault};
use spin_deployer_grants::{Grant, Phase, Policies, Values};
use spin_deployer_sandbox::{self as sandbox, Limits, Outcome, Plugin, Ports};

use crate::audit::{AuditLog, Line, MountLine};
use crate::loading::{self, AppRequest, Loader};
use crate::logins::Logins;
use crate::policy::{self, Asked, CallLimits, Oversight};
use crate::ports::{AppPort, Counts, IdentityPort, NetworkPort, OptionsPort, ProgressPort};
use crate::report::{
    AppId, Change, DeployReport, DestroyReport, PlanReport, PluginId, Release, ReleasesReport,
    SCHEMA, Transferred,
};
use crate::signing::{Keys, SignerPort};
use crate::{Code, Environment, Error, Event, Observer, Target};
use crate::{admission, code, compatibility, failure, mounts, readiness, secrets, target, values};

/// What the user asked for, beyond the target.
#[derive(Clone)]
pub struct Request {
    /// Which app.
    pub app: AppRequest,
    /// Options of the plugin that were typed as flags: name to raw values; a flag without a value is `["true"]`.
    pub given: BTreeMap<String, Vec<String>>,
    /// How much the plugin may use.
    pub limits: Asked,
    /// How long to wait until a release answers; zero does not wait.
    pub readiness_timeout: Duration,
    /// The audit log, and the policy.
    pub oversight: Oversight,
    /// The Spin that the app is for, where it is not the one here.
    pub spin_version: Option<Version>,
}

/// Names of options only: a secret may have been typed as a flag.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("app", &self.app)
            .field("given", &self.given.keys())
            .finish_non_exhaustive()
    }
}

/// What already is on the platform, for a command that was interrupted.
#[derive(Clone, Debug, Default)]
pub struct Landed {
    /// Requests that changed something: `PUT http://127.0.0.1:5000/v2/hello/manifests/v1`.
    pub changed: Vec<String>,
    /// Bytes of contents that were sent or written.
    pub transferred: u64,
    /// Labels of the steps that ended well.
    pub steps_done: Vec<String>,
}

/// Runs a target's plugin for an app.
pub struct Deployer {
    environment: Environment,
    target: Target,
    request: Request,
    observer: Arc<dyn Observer>,
    audit: Arc<AuditLog>,
    policies: Policies,
    limits: CallLimits,
    counts: Arc<Counts>,
    egress: Egress,
    loader: Loader,
    session: Mutex<Option<Arc<Session>>>,
    /// The call that runs, and since when.
    running: Mutex<Option<(String, Instant)>>,
}

/// A call that has ended, with what is needed to report on it.
struct Called<T> {
    value: T,
    app: Arc<dyn sandbox::App>,
    findings: Vec<Finding>,
    session: Arc<Session>,
    grant: Grant,
    values: Values,
    /// What the plugin saw of them.
    seen: BTreeMap<String, sandbox::Value>,
    vault: Arc<Vault>,
}

impl Deployer {
    /// Prepares a command. Nothing is loaded and nothing is sent yet.
    ///
    /// # Errors
    /// The audit log cannot be written, a policy cannot be read, or a policy refuses the plugin or a limit.
    pub fn new(
        environment: Environment,
        target: Target,
        request: Request,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let (policies, audit) = request.oversight.begin(&environment)?;
        policies.admits(&target.digest).map_err(|refusal| {
            audit.line(&Line::Denied {
                plugin: target.manifest.name.as_str(),
                digest: &target.digest,
                why: refusal.to_string(),
            });
            policy::denied(&refusal)
        })?;
        let limits = request.limits.under(&policies)?;
        let audit = Arc::new(audit);
        let egress = Egress::new(egress::Config {
            environment: environment.vars.iter().collect(),
            proxies: Proxies::System,
        });
        let loader = Loader {
            environment: environment.clone(),
            request: request.app.clone(),
            egress: egress.clone(),
            audit: audit.clone(),
            policies: policies.clone(),
            observer: observer.clone(),
            child: Arc::default(),
        };
        Ok(Self {
            egress,
            loader,
            environment,
            target,
            request,
            observer,
            audit,
            policies,
            limits,
            counts: Arc::default(),
            session: Mutex::new(None),
            running: Mutex::new(None),
        })
    }

    /// What `deploy` would do now. The plugin can only read while this runs.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn plan(&self) -> Result<PlanReport, Error> {
        let called = self
            .call(Phase::Plan, "plan", |plugin, ports, limits| async move {
                plugin.plan(ports, limits).await
            })
            .await?;
        Ok(PlanReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            app: app_id(&*called.app),
            changes: called.value.into_iter().map(Change::from).collect(),
            findings: called.findings,
        })
    }

    /// Deploys, and waits until the release answers.
    ///
    /// # Errors
    /// What the app, an option, the sandbox, the plugin or the platform has against it.
    pub async fn deploy(&self) -> Result<DeployReport, Error> {
        let called = self
            .call(
                Phase::Deploy,
                "deploy",
                |plugin, ports, limits| async move { plugin.deploy(ports, limits).await },
            )
            .await?;
        let ready = readiness::wait(
            &called.value.ready_when,
            self.request.readiness_timeout,
            &*self.observer,
            |origin| {
                let grant = called.grant.only_reading(origin)?;
                // With the call's secrets: none goes out, and none comes back in an answer that the user is shown.
                let vault = called.vault.clone();
                Some(self.open(grant, Phase::Status, vault, self.request.readiness_timeout))
            },
        )
        .await
        .map_err(|error| {
            let release = &called.value;
            let what = release.artifact.as_ref().unwrap_or(&release.id);
            let detail = error.detail.clone().unwrap_or_default();
            error.detail(format!("{detail}\ndeployed is {what}"))
        })?;
        Ok(DeployReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            app: app_id(&*called.app),
            release: Release::from(called.value),
            transferred: Transferred {
                bytes: self.counts.transferred(),
                skipped_bytes: self.counts.skipped(),
                requests: called.session.tally().requests,
            },
            ready,
            seconds: self.environment.started.elapsed().as_secs_f64(),
            findings: called.findings,
        })
    }

    /// The active release, if there is one.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn status(&self) -> Result<ReleasesReport, Error> {
        let mut report = self.history(u32::MAX).await?;
        report.releases.retain(|release| release.active);
        Ok(report)
    }

    /// The newest `limit` releases, newest first.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn history(&self, limit: u32) -> Result<ReleasesReport, Error> {
        let called = self
            .call(Phase::Status, "history", move |plugin, ports, limits| async move {
                plugin.history(ports, limits, limit).await
            })
            .await?;
        Ok(self.releases(called.value.into_iter().map(Release::from).collect()))
    }

    /// Makes an earlier release the active one again.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn rollback(&self, id: &str) -> Result<ReleasesReport, Error> {
        let id = id.to_owned();
        let called = self
            .call(Phase::Rollback, "rollback", move |plugin, ports, limits| async move {
                plugin.rollback(ports, limits, &id).await
            })
            .await?;
        Ok(self.releases(vec![Release::from(called.value)]))
    }

    /// Removes the app from the platform.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn destroy(&self) -> Result<DestroyReport, Error> {
        let called = self
            .call(
                Phase::Destroy,
                "destroy",
                |plugin, ports, limits| async move { plugin.destroy(ports, limits).await },
            )
            .await?;
        Ok(DestroyReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            removed: called.value,
        })
    }

    /// What already is on the platform.
    pub fn landed(&self) -> Landed {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        Landed {
            changed: session
                .as_ref()
                .map(|s| s.tally().changed)
                .unwrap_or_default(),
            transferred: self.counts.transferred(),
            steps_done: self.counts.steps_done(),
        }
    }

    /// Ends what runs beside this process, and writes the audit lines of what is under way, for a process that ends
    /// without waiting for anything. Nothing more goes out after this.
    pub fn end(&self) {
        self.loader.child.end();
        self.egress.interrupt();
        if let Some((call, began)) = self.running().take() {
            self.audit.line(&Line::interrupted(&call, began));
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<(String, Instant)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plugin_id(&self) -> PluginId {
        PluginId {
            name: self.target.manifest.name.to_string(),
            version: self.target.manifest.version.to_string(),
            digest: self.target.digest.clone(),
        }
    }

    fn releases(&self, releases: Vec<Release>) -> ReleasesReport {
        ReleasesReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            releases,
        }
    }

    /// Loads, resolves, admits, connects and runs: everything that all commands share.
    async fn call<T, F, Fut>(&self, phase: Phase, call: &str, run: F) -> Result<Called<T>, Error>
    where
        F: FnOnce(Plugin, Ports, Limits) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let spin_version = self.request.spin_version.as_ref();
        compatibility::check(&self.loader, &self.target.manifest, spin_version).await?;
        if matches!(phase, Phase::Plan | Phase::Deploy) {
            self.loader.build().await?;
        }
        let (app, plugin) = tokio::join!(self.load_app(phase), self.load_plugin());
        let (port, loaded) = app?;
        let findings = loaded
            .as_ref()
            .map(|app| app.findings().to_vec())
            .unwrap_or_default();
        for finding in &findings {
            self.observer.event(Event::Finding(finding.clone()));
        }
        let (plugin, compiled) = plugin?;
        if matches!(phase, Phase::Status | Phase::Rollback | Phase::Destroy)
            && !plugin.exports().releases
        {
            let message = format!(
                "target `{}` keeps no releases: it only deploys",
                self.target.name
            );
            return Err(Error::new(Code::Incompatible, message)
                .help("`spin-deployer targets` lists the others"));
        }
        let app_folder = self.app_folder();
        let mut logins = self.logins(&plugin);
        if phase == Phase::Login {
            logins = logins.now();
        }
        let values = values::resolve(
            &self.environment,
            &self.target,
            &self.request.given,
            &app_folder,
            &mut logins,
            &*self.observer,
        )?;
        for note in logins.notes() {
            self.observer.event(Event::Note(note));
        }
        if let Some(app) = &loaded {
            admission::admit(&self.target, app, &self.policies)?;
        }
        let mounts = mounts::mount(&values, phase, &app_folder)?;
        let keys = Arc::new(Keys::read(&self.target.manifest, &values)?);
        for note in keys.notes() {
            self.observer.event(Event::Note(note));
        }
        let vault = Arc::new(Vault::default());
        let options =
            secrets::placeholders(&self.environment, &values, &mounts.mounts, &keys, &vault)
                .await?;
        let grant = Grant::naming(&self.target.manifest, &values, &self.policies);
        let session = self.open(grant.clone(), phase, vault.clone(), self.limits.egress.time);
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        self.audit.line(&Line::Call {
            plugin: self.target.manifest.name.as_str(),
            digest: &self.target.digest,
            call,
            compiled,
            mounts: mounts.mounts.iter().map(MountLine::from).collect(),
        });
        let network = Arc::new(NetworkPort::new(session.clone()));
        let ports = Ports {
            app: port.clone(),
            options: Arc::new(OptionsPort(options.clone())),
            progress: Arc::new(ProgressPort {
                observer: self.observer.clone(),
                audit: self.audit.clone(),
                started: self.environment.started,
                counts: self.counts.clone(),
                grant: grant.clone(),
            }),
            signer: Arc::new(SignerPort::new(
                keys,
                &self.target.manifest,
                phase,
                self.audit.clone(),
            )),
            network: network.clone(),
            mounts: mounts.mounts.clone(),
        };
        let began = Instant::now();
        *self.running() = Some((call.to_owned(), began));
        let limits = self.limits.sandbox.clone();
        let outcome = run(plugin, ports, limits).await;
        // What the plugin has not waited for gets its line before the call does.
        session.end();
        let ended = Line::ended(call, &outcome.result, &network.last(), began);
        if self.running().take().is_some() {
            self.audit.line(&ended);
        }
        self.observer.event(Event::Output {
            stdout: outcome.stdout,
            stderr: outcome.stderr,
        });
        let result = outcome.result.map_err(|error| {
            let plugin = self.target.manifest.name.as_str();
            let mut error = failure::explain(error, plugin, network.last());
            if error.code == Code::Unauthenticated && phase != Phase::Login {
                error.help = logins.help(&self.target, &values, error.help.take());
            }
            let written = mounts.mounts.iter().any(|mount| mount.writable);
            error.sent = network.sent() || written && self.counts.transferred() > 0;
            error
        });
        let reason = result.as_ref().err().filter(|e| e.code == Code::Denied);
        for refused in session.refusals() {
            // The last one is in the error, if it is the reason.
            if reason.is_none() || network.last_refusal().as_ref() != Some(&refused) {
                self.observer.event(Event::Refused(refused));
            }
        }
        let value = result?;
        Ok(Called {
            value,
            app: port,
            findings,
            session,
            grant,
            values,
            seen: options,
            vault,
        })
    }

    /// Where `deployer.toml` lies, and where default paths start.
    fn app_folder(&self) -> PathBuf {
        target::folder(&self.environment, self.request.app.from.as_deref())
    }

    fn logins(&self, plugin: &Plugin) -> Logins {
        let from = self.request.app.from.as_deref();
        let own = plugin.exports().login;
        Logins::of(
            &self.environment,
            &self.target,
            &self.request.given,
            from,
            own,
        )
    }

    /// The app as the plugin sees it, and all of it where the call may need that.
    async fn load_app(
        &self,
        phase: Phase,
    ) -> Result<(Arc<dyn sandbox::App>, Option<Arc<App>>), Error> {
        if matches!(phase, Phase::Plan | Phase::Deploy) {
            let app = Arc::new(self.loader.app(Composition::Required).await?);
            return Ok((Arc::new(AppPort(app.clone())), Some(app)));
        }
        if phase == Phase::Login {
            // Whose app it is does not matter, and there need not be one.
            let nobody = Identity {
                name: String::new(),
                version: None,
            };
            return Ok((Arc::new(IdentityPort(nobody)), None));
        }
        let identity = self.loader.identity().await?;
        Ok((Arc::new(IdentityPort(identity)), None))
    }

    /// The plugin, ready to run, and whether it had to be compiled.
    async fn load_plugin(&self) -> Result<(Plugin, bool), Error> {
        let cache = self.environment.directories.cache().map(Path::to_owned);
        let target = self.target.clone();
        let observer = self.observer.clone();
        loading::blocking(move || code::plugin(&target, cache.as_deref(), &*observer)).await
    }

    fn open(&self, grant: Grant, phase: Phase, vault: Arc<Vault>, time: Duration) -> Arc<Session> {
        let limits = egress::Limits {
            time,
            ..self.limits.egress.clone()
        };
        self.egress
            .session(grant, phase, vault, limits, self.audit.clone())
    }
}

fn app_id(app: &dyn sandbox::App) -> AppId {
    AppId {
        name: app.name(),
        version: app.version(),
        fingerprint: app.fingerprint(),
    }
}
