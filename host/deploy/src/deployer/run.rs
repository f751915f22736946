//! What all commands share: everything before the plugin is called, the call, and a login where one is missing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use spin_deployer_app::{App, Composition, Finding, Identity};
use spin_deployer_egress::{Session, Vault};
use spin_deployer_grants::{Grant, Phase, Values};
use spin_deployer_sandbox::{self as sandbox, Limits, Outcome, Plugin, Ports};

use super::Deployer;
use crate::audit::{AppLine, Line, MountLine};
use crate::logins::{self, Logins};
use crate::policy::CallLimits;
use crate::ports::{AppPort, IdentityPort, NetworkPort, OptionsPort, ProgressPort};
use crate::signing::{Keys, SignerPort};
use crate::{Code, Error, Event};
use crate::{admission, code, compatibility, failure, loading, mounts, secrets, values};

/// All that calls of the plugin need and that is the same for each of them, so that a user is asked once.
pub(super) struct Prepared {
    pub(super) plugin: Plugin,
    /// Whether the plugin had to be compiled for it.
    pub(super) compiled: bool,
    pub(super) app: Arc<dyn sandbox::App>,
    /// Of all contents of the app, in bytes; 0 where the call needs none.
    pub(super) size: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) logins: Logins,
    pub(super) values: Values,
    pub(super) keys: Arc<Keys>,
    pub(super) grant: Grant,
}

/// A call that has ended, with what is needed to report on it.
pub(super) struct Called<T> {
    pub(super) value: T,
    pub(super) session: Arc<Session>,
    pub(super) vault: Arc<Vault>,
    /// What the plugin saw of the values.
    pub(super) seen: BTreeMap<String, sandbox::Value>,
    pub(super) prepared: Prepared,
}

/// One call of several with the same preparation.
pub(super) struct Ran<T> {
    pub(super) value: T,
    pub(super) session: Arc<Session>,
    pub(super) vault: Arc<Vault>,
    pub(super) seen: BTreeMap<String, sandbox::Value>,
}

impl Deployer {
    /// Loads, resolves, admits, connects and runs: everything that all commands share.
    pub(super) async fn call<T, F, Fut>(
        &self,
        phase: Phase,
        call: &str,
        run: F,
    ) -> Result<Called<T>, Error>
    where
        F: Fn(Plugin, Ports, Limits) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let mut prepared = self.prepare(phase).await?;
        let ran = self.run_or_log_in(&mut prepared, phase, call, run).await?;
        Ok(Called {
            value: ran.value,
            session: ran.session,
            vault: ran.vault,
            seen: ran.seen,
            prepared,
        })
    }

    /// All before the first call.
    pub(super) async fn prepare(&self, phase: Phase) -> Result<Prepared, Error> {
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
        let (logins, values) = self.resolve_or_log_in(phase, &plugin).await?;
        for note in logins.notes() {
            self.observer.event(Event::Note(note));
        }
        if let Some(app) = &loaded {
            admission::admit(&self.target, app, &self.policies)?;
        }
        let mut prepared = self.prepared((plugin, compiled), port, findings, (logins, values))?;
        prepared.size = loaded.as_ref().map_or(0, |app| app.total_size());
        if let Some(app) = loaded {
            let keys = prepared.keys.clone();
            loading::blocking(move || keys.refuse_published(&app)).await?;
        }
        for note in prepared.keys.notes() {
            self.observer.event(Event::Note(note));
        }
        Ok(prepared)
    }

    /// Values of the options, and what logins are there for them.
    pub(super) fn resolve(&self, phase: Phase, plugin: &Plugin) -> Result<(Logins, Values), Error> {
        let from = self.request.app.from.as_deref();
        let own = plugin.exports().login;
        let given = &self.request.given;
        let mut logins = Logins::of(&self.environment, &self.target, given, from, own);
        if phase == Phase::Login {
            logins = logins.now();
        }
        let values = values::resolve(
            &self.environment,
            &self.target,
            given,
            &self.app_folder(),
            &mut logins,
            &self.questions,
        )?;
        Ok((logins, values))
    }

    /// The same; where a login is missing or has expired, and the user wants one, after it.
    async fn resolve_or_log_in(
        &self,
        phase: Phase,
        plugin: &Plugin,
    ) -> Result<(Logins, Values), Error> {
        let resolved = self.resolve(phase, plugin);
        if !self.can_log_in(plugin) {
            return resolved;
        }
        let missing = match &resolved {
            Ok((logins, _)) => logins.expired(&self.target),
            Err(error) if error.code == Code::Unauthenticated => Some(error.message.clone()),
            Err(_) => None,
        };
        match missing {
            None => resolved,
            Some(why) => match self.log_in_meanwhile(plugin, &why).await? {
                true => self.resolve(phase, plugin),
                false => resolved,
            },
        }
    }

    /// Puts together what calls need.
    pub(super) fn prepared(
        &self,
        (plugin, compiled): (Plugin, bool),
        app: Arc<dyn sandbox::App>,
        findings: Vec<Finding>,
        (logins, values): (Logins, Values),
    ) -> Result<Prepared, Error> {
        Ok(Prepared {
            plugin,
            compiled,
            app,
            size: 0,
            findings,
            keys: Arc::new(Keys::read(&self.target.manifest, &values)?),
            grant: Grant::naming(&self.target.manifest, &values, &self.policies),
            logins,
            values,
        })
    }

    /// One call; where the platform does not know who is asking, and the user wants it, a login, and once again.
    pub(super) async fn run_or_log_in<T, F, Fut>(
        &self,
        prepared: &mut Prepared,
        phase: Phase,
        call: &str,
        run: F,
    ) -> Result<Ran<T>, Error>
    where
        F: Fn(Plugin, Ports, Limits) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let limits = &self.limits;
        let result = self
            .run(prepared, phase, call, limits, &run, |_, _| Ok(()))
            .await;
        let why = match &result {
            Err(error) if error.code == Code::Unauthenticated => self.says(&error.message),
            _ => return result,
        };
        // What the user gives counts more than what a login saves.
        let given = logins::are_given(&self.target.manifest, &prepared.values);
        if given || !self.can_log_in(&prepared.plugin) {
            return result;
        }
        if !self.log_in_meanwhile(&prepared.plugin, &why).await? {
            return result;
        }
        let resolved = self.resolve(phase, &prepared.plugin)?;
        let plugin = (prepared.plugin.clone(), prepared.compiled);
        let findings = std::mem::take(&mut prepared.findings);
        *prepared = self.prepared(plugin, prepared.app.clone(), findings, resolved)?;
        self.run(prepared, phase, call, limits, &run, |_, _| Ok(()))
            .await
    }

    /// Whether a login can be had in the middle of this command.
    fn can_log_in(&self, plugin: &Plugin) -> bool {
        let once = !self.logged_in.load(Ordering::Relaxed);
        once && plugin.exports().login && self.observer.can_ask()
    }

    /// One call, within `limits`. `seen` sees what comes of it before anybody else does.
    pub(super) async fn run<T, F, Fut>(
        &self,
        prepared: &Prepared,
        phase: Phase,
        call: &str,
        limits: &CallLimits,
        run: F,
        seen: impl FnOnce(&mut Outcome<T>, &Vault) -> Result<(), Error>,
    ) -> Result<Ran<T>, Error>
    where
        F: FnOnce(Plugin, Ports, Limits) -> Fut,
        Fut: Future<Output = Outcome<T>>,
    {
        let Prepared { values, grant, .. } = prepared;
        let mounts = mounts::mount(values, phase, &self.app_folder())?;
        let keys = prepared.keys.clone();
        let vault = Arc::new(Vault::default());
        let options =
            secrets::placeholders(&self.environment, values, &mounts.mounts, &keys, &vault).await?;
        let session = self.egress.session(
            grant.clone(),
            phase,
            vault.clone(),
            limits.egress.clone(),
            self.audit.clone(),
        );
        self.remember(&session);
        self.audit.line(&Line::Call {
            plugin: self.target.manifest.name.as_str(),
            digest: &self.target.digest,
            call,
            app: AppLine::of(&*prepared.app),
            compiled: prepared.compiled,
            mounts: mounts.mounts.iter().map(MountLine::from).collect(),
        });
        self.audit.complete()?;
        let network = Arc::new(NetworkPort::new(session.clone()));
        let ports = Ports {
            app: prepared.app.clone(),
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
        let for_app = limits.for_app(prepared.size);
        let mut outcome = run(prepared.plugin.clone(), ports, for_app).await;
        // What the plugin has not waited for gets its line before the call does.
        session.end();
        let ended = Line::ended(call, &outcome.result, &network.last(), began);
        if self.running().take().is_some() {
            self.audit.line(&ended);
        }
        seen(&mut outcome, &vault)?;
        self.observer.event(Event::Output {
            stdout: outcome.stdout,
            stderr: outcome.stderr,
        });
        let result = outcome.result.map_err(|error| {
            let plugin = self.target.manifest.name.as_str();
            let mut error = failure::explain(error, plugin, network.last(), limits, prepared.size);
            if error.code == Code::Unauthenticated {
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
        self.audit.complete().map_err(|error| Error {
            sent: network.sent(),
            ..error
        })?;
        Ok(Ran {
            value,
            session,
            vault,
            seen: options,
        })
    }

    /// For what is told of an interrupted command.
    fn remember(&self, session: &Arc<Session>) {
        let sessions = &self.sessions;
        let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.push(session.clone());
    }

    /// The app as the plugin sees it, and all of it where the call may need that.
    pub(super) async fn load_app(
        &self,
        phase: Phase,
    ) -> Result<(Arc<dyn sandbox::App>, Option<Arc<App>>), Error> {
        if matches!(phase, Phase::Plan | Phase::Deploy) {
            let runs_modules = self.target.manifest.app.modules;
            let app = self.loader.app(Composition::Required, runs_modules).await?;
            let app = Arc::new(app);
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
    pub(super) async fn load_plugin(&self) -> Result<(Plugin, bool), Error> {
        let cache = self.environment.directories.cache().map(Path::to_owned);
        let target = self.target.clone();
        let (limits, observer) = (self.limits.clone(), self.observer.clone());
        let audit = self.audit.clone();
        loading::blocking(move || {
            code::plugin(&target, cache.as_deref(), &limits, &*observer, &audit)
        })
        .await
    }
}
