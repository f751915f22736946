//! One command, from the app to the report.

mod login;
mod logs;
mod removal;
mod rollback;
mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use semver::Version;
use spin_deployer_egress::{self as egress, Egress, Proxies, Session};
use spin_deployer_grants::{Phase, Policies};
use spin_deployer_sandbox as sandbox;

use crate::audit::{AuditLog, Line};
use crate::consent::{self, Agreeing, Record};
use crate::loading::{AppRequest, Loader};
use crate::policy::{self, Asked, CallLimits, Oversight};
use crate::ports::Counts;
use crate::questions::Questions;
use crate::report::{
    AppId, Change, DeployReport, PlanReport, PluginId, Release, ReleasesReport, SCHEMA, Transferred,
};
use crate::{Environment, Error, Observer, Target, readiness, target};

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
    /// How the user agrees to what the plugin asks for.
    pub agreeing: Agreeing,
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
    questions: Questions,
    audit: Arc<AuditLog>,
    policies: Policies,
    limits: CallLimits,
    /// What a deploy writes into the lock.
    record: Mutex<Record>,
    counts: Arc<Counts>,
    egress: Egress,
    loader: Loader,
    /// Of all calls so far.
    sessions: Mutex<Vec<Arc<Session>>>,
    /// Whether this command has asked for a login: once is enough.
    logged_in: AtomicBool,
    /// The call that runs, and since when.
    running: Mutex<Option<(String, Instant)>>,
}

impl Deployer {
    /// Prepares a command, and asks whether the plugin may run where nobody has agreed to that. Nothing is loaded and nothing
    /// is sent yet.
    ///
    /// # Errors
    /// The audit log cannot be written, a policy or the lock cannot be read, a policy refuses the plugin or a limit, or the
    /// plugin is not what the lock says or nobody agrees to it.
    pub fn new(
        environment: Environment,
        mut target: Target,
        request: Request,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let from = request.app.from.as_deref();
        let (policies, audit) = request.oversight.begin(&environment, Some(&target), from)?;
        policies.admits(target.digest.as_str()).map_err(|refusal| {
            audit.line(&Line::Denied {
                plugin: target.manifest.name.as_str(),
                digest: target.digest.as_str(),
                why: refusal.to_string(),
            });
            let (plugin, version) = (&target.manifest.name, &target.manifest.version);
            policy::denied(&refusal).detail(format!("that is plugin `{plugin}` {version}"))
        })?;
        policy::admit_signer(&policies, &target, &audit)?;
        let limits = request.limits.under(&policies)?;
        let record = consent::settle(
            &environment,
            &mut target,
            from,
            request.agreeing,
            &policies,
            &*observer,
            &audit,
        )?;
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
            questions: Questions::new(observer.clone()),
            observer,
            audit,
            policies,
            limits,
            record: Mutex::new(record),
            counts: Arc::default(),
            sessions: Mutex::default(),
            logged_in: AtomicBool::new(false),
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
            effects: called.prepared.grant.effects(),
            sent: called.session.tally().written,
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
        self.audit.complete().map_err(|error| Error {
            sent: true,
            ..error
        })?;
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
            lock: self.record().written(),
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

    /// What already is on the platform.
    pub fn landed(&self) -> Landed {
        let sessions = &self.sessions;
        let sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        Landed {
            changed: sessions.iter().flat_map(|s| s.tally().changed).collect(),
            transferred: self.counts.transferred(),
            steps_done: self.counts.steps_done(),
        }
    }

    /// Ends what runs beside this process, and writes the audit lines of what is under way, for a process that ends
    /// without waiting for anything. Nothing more goes out after this.
    pub fn end(&self) {
        self.loader.end();
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
            digest: self.target.digest.to_string(),
        }
    }

    /// Writes down which plugin it is that deploys.
    fn write_lock(&self) {
        self.record().write(&*self.observer, &self.audit);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn releases(&self, releases: Vec<Release>) -> ReleasesReport {
        ReleasesReport {
            schema: SCHEMA,
            target: self.target.name.clone(),
            plugin: self.plugin_id(),
            releases,
        }
    }

    /// Where `deployer.toml` lies, and where default paths start.
    fn app_folder(&self) -> PathBuf {
        target::folder(&self.environment, self.request.app.from.as_deref())
    }
}

fn app_id(app: &dyn sandbox::App) -> AppId {
    AppId {
        name: app.name(),
        version: app.version(),
        fingerprint: app.fingerprint(),
    }
}
