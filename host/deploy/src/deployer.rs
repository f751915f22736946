//! One command, from the app to the report.

mod login;
mod logs;
mod removal;

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
    AppId, Change, DeployReport, PlanReport, PluginId, Release, ReleasesReport, SCHEMA, Transferred,
};
use crate::signing::{Keys, SignerPort};
use crate::{Code, Environment, Error, Event, Observer, Target};
use crate::{admission, code, compatibility, failure, mounts, readiness, secrets, target, values};

pub use removal::Removal;

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

/// All that calls of the plugin need and that is the same for each of them, so that a user is asked once.
struct Prepared {
    plugin: Plugin,
    /// Whether the plugin had to be compiled for it.
    compiled: bool,
    app: Arc<dyn sandbox::App>,
    findings: Vec<Finding>,
    app_folder: PathBuf,
    logins: Logins,
    values: Values,
    keys: Arc<Keys>,
    grant: Grant,
}

/// A call that has ended, with what is needed to report on it.
struct Called<T> {
    value: T,
    session: Arc<Session>,
    /// What the plugin saw of the values.
    seen: BTreeMap<String, sandbox::Value>,
    prepared: Prepared,
}

/// One call of several with the same preparation.
struct Ran<T> {
    value: T,
    session: Arc<Session>,
    seen: BTreeMap<String, sandbox::Value>,
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
            app: app_id(&*called.prepared.app),
            changes: called.value.into_iter().map(Change::from).collect(),
            findings: called.prepared.findings,
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
        let wait = self.request.readiness_timeout;
        let probes = called.session.probes(egress::Limits {
            time: wait,
            ..self.limits.egress.clone()
        });
        let probed =
            readiness::wait(&called.value.ready_when, wait, &*self.observer, &probes).await;
        let ready = match probed {
            Ok(ready) => ready,
            Err(error) => return Err(self.unready(error, &called).await),
        };
        Ok(DeployReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            app: app_id(&*called.prepared.app),
            release: Release::from(called.value),
            transferred: Transferred {
                bytes: self.counts.transferred(),
                skipped_bytes: self.counts.skipped(),
                requests: called.session.tally().requests,
            },
            ready,
            seconds: self.environment.started.elapsed().as_secs_f64(),
            findings: called.prepared.findings,
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
        let prepared = self.prepare(phase).await?;
        let ran = self.run(&prepared, phase, call, &self.limits, run).await?;
        Ok(Called {
            value: ran.value,
            session: ran.session,
            seen: ran.seen,
            prepared,
        })
    }

    /// All before the first call.
    async fn prepare(&self, phase: Phase) -> Result<Prepared, Error> {
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
        let keys = Keys::read(&self.target.manifest, &values)?;
        for note in keys.notes() {
            self.observer.event(Event::Note(note));
        }
        let grant = Grant::naming(&self.target.manifest, &values, &self.policies);
        Ok(Prepared {
            plugin,
            compiled,
            app: port,
            findings,
            app_folder,
            logins,
            values,
            keys: Arc::new(keys),
            grant,
        })
    }

    /// One call, within `limits`.
    async fn run<T, F, Fut>(
        &self,
        prepared: &Prepared,
        phase: Phase,
        call: &str,
        limits: &CallLimits,
        run: F,
    ) -> Result<Ran<T>, Error>
    where
        F: FnOnce(Plugin, Ports, Limits) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let Prepared { values, grant, .. } = prepared;
        let mounts = mounts::mount(values, phase, &prepared.app_folder)?;
        let keys = prepared.keys.clone();
        let vault = Arc::new(Vault::default());
        let seen =
            secrets::placeholders(&self.environment, values, &mounts.mounts, &keys, &vault).await?;
        let session = self.egress.session(
            grant.clone(),
            phase,
            vault,
            limits.egress.clone(),
            self.audit.clone(),
        );
        self.remember(&session, phase);
        self.audit.line(&Line::Call {
            plugin: self.target.manifest.name.as_str(),
            digest: &self.target.digest,
            call,
            compiled: prepared.compiled,
            mounts: mounts.mounts.iter().map(MountLine::from).collect(),
        });
        let network = Arc::new(NetworkPort::new(session.clone()));
        let ports = Ports {
            app: prepared.app.clone(),
            options: Arc::new(OptionsPort(seen.clone())),
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
        let outcome = run(prepared.plugin.clone(), ports, limits.sandbox.clone()).await;
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
                error.help = prepared
                    .logins
                    .help(&self.target, values, error.help.take());
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
        Ok(Ran {
            value,
            session,
            seen,
        })
    }

    /// For what is told of an interrupted command: of several calls the one that changes something.
    fn remember(&self, session: &Arc<Session>, phase: Phase) {
        let mut last = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none() || !phase.read_only() {
            *last = Some(session.clone());
        }
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
}

fn app_id(app: &dyn sandbox::App) -> AppId {
    AppId {
        name: app.name(),
        version: app.version(),
        fingerprint: app.fingerprint(),
    }
}
