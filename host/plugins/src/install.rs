//! `plugins install`: fetched, verified, understood, admitted, agreed to, compiled, kept; in this order, and what is kept
//! is what was verified.

use semver::Version;
use spin_deployer_deploy::{Agreeing, Asked, Code, Error, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Ask, Line, PluginName};
use spin_deployer_signature::PublicKey;
use spin_deployer_store::{AgreedPlugin, bundled};

use crate::agreement;
use crate::arrive::{Arrivals, Arrived, another};
use crate::component::{Component, LARGEST};
use crate::kept::{Kept, unkept};
use crate::lock::AppLock;
use crate::pack::id;
use crate::report::{InstallReport, PluginId, Provenance, SCHEMA};
use crate::signer::{self, Keys, Signer};
use crate::source::Source;

/// What to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// Where from.
    pub source: String,
    /// Look for a name in this catalog only.
    pub catalog: Option<String>,
    /// The publisher's key: a file, or the key itself.
    pub key: Option<String>,
    /// Whether it may take the place of a plugin that is in the program.
    pub override_built_in: bool,
    /// How the user agrees.
    pub agreeing: Agreeing,
    /// The Spin that it is for, where it is not the one that is here.
    pub spin_version: Option<Version>,
    /// How long compiling it may take.
    pub limits: Asked,
}

/// Installs one plugin.
///
/// # Errors
/// What one of the steps has against it. Then nothing changed.
pub async fn install(workbench: &Workbench, request: &Install) -> Result<InstallReport, Error> {
    let environment = workbench.environment();
    let source = Source::parse(&request.source, &environment.cwd)?;
    let typed = request
        .key
        .as_deref()
        .map(|key| signer::key(key, &environment.cwd))
        .transpose()?;
    let fetching = workbench.fetching(LARGEST)?;
    let spin = match &source {
        Source::Catalog { .. } => workbench.spin(request.spin_version.as_ref()).await?,
        _ => None,
    };
    let arrivals = Arrivals {
        workbench,
        fetching: &fetching,
        spin,
        catalog: request.catalog.clone(),
    };
    let arrived = arrivals.bring(&source).await?;
    let step = Step {
        workbench,
        arrivals: &arrivals,
        kept: Kept::of(environment)?,
        lock: AppLock::here(environment)?,
        typed,
        override_built_in: request.override_built_in,
        agreeing: request.agreeing,
        spin_version: request.spin_version.as_ref(),
        limits: &request.limits,
    };
    let checked = step.check(arrived).await?;
    step.same_version(&checked)?;
    step.keep(checked).await
}

/// What is needed to take a plugin in that has arrived.
pub(crate) struct Step<'a> {
    pub(crate) workbench: &'a Workbench,
    pub(crate) arrivals: &'a Arrivals<'a>,
    pub(crate) kept: Kept,
    pub(crate) lock: Option<AppLock>,
    pub(crate) typed: Option<PublicKey>,
    pub(crate) override_built_in: bool,
    pub(crate) agreeing: Agreeing,
    pub(crate) spin_version: Option<&'a Version>,
    pub(crate) limits: &'a Asked,
}

/// A plugin that may be taken in, if its user agrees.
pub(crate) struct Checked {
    pub(crate) component: Component,
    pub(crate) source: Source,
    pub(crate) signer: Option<Signer>,
    /// What there is under its name: by the lock of the app, or else installed.
    pub(crate) before: Option<LockedPlugin>,
}

impl Checked {
    pub(crate) fn name(&self) -> &PluginName {
        &self.component.manifest.name
    }
}

impl Step<'_> {
    /// Everything that can be said without asking anybody.
    pub(crate) async fn check(&self, arrived: Arrived) -> Result<Checked, Error> {
        let manifest = &arrived.component.manifest;
        let (name, digest) = (&manifest.name, &arrived.component.digest);
        let installed = self.kept.installed(name)?;
        let locked = self.lock.as_ref().and_then(|lock| lock.entry(name));
        let place = match &locked {
            Some(_) => self.lock.as_ref().map(AppLock::shown).unwrap_or_default(),
            None => self.kept.shown(),
        };
        let before = locked.or(installed);
        if bundled::find(name.as_str()).is_some()
            && !self.override_built_in
            && !before.as_ref().is_some_and(|before| before.overrides)
        {
            let message = format!("there is a plugin `{name}` in the program already");
            return Err(Error::new(Code::Usage, message).help(
                "if this one is to take its place, for everything that names it: --override-built-in",
            ));
        }
        self.workbench.admit(name.as_str(), digest.as_str())?;
        arrived.component.fits()?;
        self.workbench
            .compatible(manifest, self.spin_version)
            .await?;
        let earlier = before.as_ref().and_then(|before| before.signer.as_ref());
        let keys = Keys {
            typed: self.typed.clone(),
            earlier: earlier
                .map(|text| {
                    let key = signer::recorded(text.as_str(), &place)?;
                    Ok::<_, Error>((key, place.clone()))
                })
                .transpose()?,
            catalog: arrived.offered.clone(),
        };
        let signer = self.signer(&arrived, &keys).await?;
        Ok(Checked {
            component: arrived.component,
            source: arrived.source,
            signer,
            before,
        })
    }

    async fn signer(&self, arrived: &Arrived, keys: &Keys) -> Result<Option<Signer>, Error> {
        let name = arrived.component.manifest.name.as_str();
        let policies = self.workbench.policies();
        let wanted = keys.wanted(name, policies)?;
        let signer = match wanted.is_empty() {
            true => None,
            false => {
                let proof = self.arrivals.proof(arrived).await?;
                signer::verify(name, &wanted, &proof, &arrived.component.wasm)?
            }
        };
        let digest = arrived.component.digest.as_str();
        self.workbench
            .admit_signer(name, digest, signer.as_ref().map(|signer| &signer.key))?;
        Ok(signer)
    }

    /// What is published does not change. What somebody builds does, all day.
    ///
    /// # Errors
    /// Another component came under the version that is there.
    pub(crate) fn same_version(&self, checked: &Checked) -> Result<(), Error> {
        let Some(before) = &checked.before else {
            return Ok(());
        };
        let (version, digest) = (
            &checked.component.manifest.version,
            &checked.component.digest,
        );
        let moved = before.version == *version && before.digest != *digest;
        if !moved || matches!(checked.source, Source::File(_)) {
            return Ok(());
        }
        let name = checked.name();
        let error = another(&format!("`{name}` {version}"), &before.digest, digest);
        let help = error.help.clone().unwrap_or_default();
        Err(error.help(format!(
            "{help}; if you do, and want this one: spin-deployer plugins uninstall {name}, and install it again"
        )))
    }

    /// Asks, compiles, and keeps it.
    pub(crate) async fn keep(&self, checked: Checked) -> Result<InstallReport, Error> {
        let Checked {
            component,
            source,
            signer,
            before,
        } = checked;
        let manifest = &component.manifest;
        let name = &manifest.name;
        let source = source.to_string();
        let entry = LockedPlugin {
            source: line(&source)?,
            version: manifest.version.clone(),
            digest: component.digest.clone(),
            signer: signer
                .as_ref()
                .map(|signer| line(&signer.key.to_string()))
                .transpose()?,
            overrides: bundled::find(name.as_str()).is_some(),
            asks: Ask::of(manifest),
        };
        let there = self.kept.is_whole(name, &entry)?;
        let locked = self
            .lock
            .as_ref()
            .is_none_or(|lock| lock.names(name, &entry));
        let mut report = InstallReport {
            schema: SCHEMA,
            plugin: id(&component),
            provenance: Provenance {
                source: Some(source),
                signer: signer.as_ref().map(|signer| signer.key.to_string()),
            },
            comment: signer
                .map(|signer| signer.comment)
                .filter(|comment| !comment.is_empty()),
            replaced: before
                .as_ref()
                .filter(|before| before.digest != component.digest)
                .map(|before| PluginId {
                    name: name.to_string(),
                    version: before.version.to_string(),
                    digest: before.digest.to_string(),
                }),
            unchanged: there && locked,
            lock: self.lock.as_ref().map(|lock| lock.path().to_owned()),
        };
        if report.unchanged {
            return Ok(report);
        }
        if let Some(lock) = self.lock.as_ref().filter(|_| !locked) {
            lock.may_change(self.workbench.environment(), name, self.agreeing)?;
        }
        if !there {
            agreement::ask(
                self.workbench,
                &self.kept,
                &component,
                &report.provenance,
                before.as_ref(),
                self.agreeing.yes,
            )?;
        }
        self.workbench
            .compile(manifest, &entry, component.wasm.clone(), self.limits)
            .await?;
        let agreed = AgreedPlugin {
            name: name.clone(),
            version: manifest.version.clone(),
            asks: entry.asks.clone(),
        };
        let kept = &self.kept;
        kept.plugins
            .put(name, entry.clone(), &component.wasm)
            .map_err(unkept)?;
        kept.agreed
            .put(component.digest.clone(), agreed)
            .map_err(unkept)?;
        match &self.lock {
            Some(lock) => lock.put(name, entry)?,
            None => report.lock = None,
        }
        Ok(report)
    }
}

fn line(text: &str) -> Result<Line, Error> {
    Line::try_from(text.to_owned()).map_err(|why| {
        Error::new(Code::Usage, "that place cannot stand in a lock").detail(why.to_string())
    })
}
