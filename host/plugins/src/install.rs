//! `plugins install`: fetched, verified, understood, admitted, agreed to, compiled, kept; in this order, and what is kept
//! is what was verified.

use semver::Version;
use spin_deployer_deploy::{Agreeing, Asked, Code, Error, LOCK_FILE, Workbench};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Ask, Line, PluginName};
use spin_deployer_signature::{Proof, PublicKey};
use spin_deployer_store::{AgreedPlugin, bundled};

use crate::agreement::Agreement;
use crate::arrive::{Arrivals, Arrived, another};
use crate::component::{Component, LARGEST};
use crate::kept::Kept;
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
/// What one of the steps has against it. Then nothing changed, but that its component may lie here, which nothing names.
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
    step.not_older(&checked, &source)?;
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
    proof: Option<Proof>,
    before: Before,
}

/// What there is under a plugin's name already.
struct Before {
    /// By the lock of the app, which is anybody's.
    locked: Option<LockedPlugin>,
    /// By this user.
    installed: Option<LockedPlugin>,
}

impl Before {
    /// What is run here under that name.
    fn meant(&self) -> Option<&LockedPlugin> {
        self.locked.as_ref().or(self.installed.as_ref())
    }

    fn all(&self) -> impl Iterator<Item = &LockedPlugin> {
        self.locked.iter().chain(&self.installed)
    }
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
        let before = Before {
            locked: self.lock.as_ref().and_then(|lock| lock.entry(name)),
            installed: self.kept.installed(name)?,
        };
        if bundled::find(name.as_str()).is_some()
            && !self.override_built_in
            && !before
                .installed
                .as_ref()
                .is_some_and(|before| before.overrides)
        {
            let message = format!("there is a plugin `{name}` in the program already");
            return Err(Error::new(Code::Usage, message).help(
                "if this one is to take its place, for everything that names it: `spin-deployer plugins install --override-built-in`",
            ));
        }
        self.workbench.admit(name.as_str(), digest.as_str())?;
        arrived.component.fits()?;
        self.workbench
            .compatible(manifest, self.spin_version)
            .await?;
        let lock = self.lock.as_ref().map(AppLock::shown).unwrap_or_default();
        let places = [
            (&before.locked, lock),
            (&before.installed, self.kept.shown()),
        ];
        let earlier = places.into_iter().filter_map(|(entry, place)| {
            let text = entry.as_ref()?.signer.as_ref()?;
            Some(signer::recorded(text.as_str(), &place).map(|key| (key, place)))
        });
        let keys = Keys {
            typed: self.typed.clone(),
            earlier: earlier.collect::<Result<_, Error>>()?,
            catalog: arrived.offered.clone(),
        };
        let (signer, proof) = self.signer(&arrived, &keys).await?;
        Ok(Checked {
            component: arrived.component,
            source: arrived.source,
            signer,
            proof,
            before,
        })
    }

    async fn signer(
        &self,
        arrived: &Arrived,
        keys: &Keys,
    ) -> Result<(Option<Signer>, Option<Proof>), Error> {
        let name = arrived.component.manifest.name.as_str();
        let policies = self.workbench.policies();
        let wanted = keys.wanted(name, policies)?;
        let proof = match wanted.is_empty() {
            true => None,
            false => self.arrivals.proof(arrived).await?,
        };
        let signer = signer::verify(name, &wanted, proof.as_ref(), &arrived.component.wasm)?;
        let digest = arrived.component.digest.as_str();
        self.workbench
            .admit_signer(name, digest, signer.as_ref().map(|signer| &signer.key))?;
        Ok((signer, proof))
    }

    /// What is published does not change. What somebody builds does, all day.
    ///
    /// # Errors
    /// Another component came under a version that is there.
    pub(crate) fn same_version(&self, checked: &Checked) -> Result<(), Error> {
        let (version, digest) = (
            &checked.component.manifest.version,
            &checked.component.digest,
        );
        let moved = |before: &&LockedPlugin| before.version == *version && before.digest != *digest;
        let Some(before) = checked.before.all().find(moved) else {
            return Ok(());
        };
        if matches!(checked.source, Source::File(_)) {
            return Ok(());
        }
        let name = checked.name();
        let error = another(&format!("`{name}` {version}"), &before.digest, digest);
        let help = error.help.clone().unwrap_or_default();
        let mut first = Vec::new();
        if checked.before.installed.iter().any(|one| moved(&one)) {
            first.push(format!("`spin-deployer plugins uninstall {name}`"));
        }
        if checked.before.locked.iter().any(|one| moved(&one)) {
            first.push(format!("take [plugins.{name}] out of {LOCK_FILE}"));
        }
        Err(error.help(format!(
            "{help}; if you do, and want this one: {}, and install it again",
            first.join(", ")
        )))
    }

    /// Nobody gets an older version without having asked for that one.
    ///
    /// # Errors
    /// It is older than the one that is there, and is what `typed` leads to today.
    fn not_older(&self, checked: &Checked, typed: &Source) -> Result<(), Error> {
        let version = &checked.component.manifest.version;
        let Some(before) = checked.before.all().max_by_key(|before| &before.version) else {
            return Ok(());
        };
        if *version >= before.version || typed.is_exactly(version) {
            return Ok(());
        }
        let (name, there) = (checked.name(), &before.version);
        let message = format!("`{name}` {version} is older than {there}, which is here");
        Err(Error::new(Code::Usage, message)
            .detail(format!("{typed} leads to it"))
            .help("name that version, if it is the one that you want"))
    }

    /// Asks, compiles, and keeps it.
    pub(crate) async fn keep(&self, checked: Checked) -> Result<InstallReport, Error> {
        let Checked {
            component,
            source,
            signer,
            proof,
            before,
        } = checked;
        let manifest = &component.manifest;
        let name = &manifest.name;
        let entry = LockedPlugin {
            source: line(&source.to_string())?,
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
                source: Some(source.to_string()),
                signer: signer.as_ref().map(|signer| signer.key.to_string()),
            },
            comment: signer
                .map(|signer| signer.comment)
                .filter(|comment| !comment.is_empty()),
            replaced: before
                .meant()
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
            lock.may_change(
                self.workbench.environment(),
                manifest,
                &entry,
                self.agreeing,
            )?;
        }
        if !there {
            let agreement = Agreement {
                workbench: self.workbench,
                kept: &self.kept,
                lock: self.lock.as_ref(),
                agreeing: self.agreeing,
            };
            let before = [before.locked.as_ref(), before.installed.as_ref()];
            agreement.ask(&component, &report.provenance, &entry, before)?;
        }
        self.workbench
            .compile(manifest, &entry, component.wasm.clone(), self.limits)
            .await?;
        let proof = proof.as_ref().map(Proof::to_json);
        let proof = proof.as_ref().map(String::as_bytes);
        let agreed = AgreedPlugin {
            name: name.clone(),
            version: entry.version.clone(),
            source: entry.source.as_str().to_owned(),
            overrides: entry.overrides,
            asks: entry.asks.clone(),
        };
        let agreed_before = self.kept.agreed.get(&entry.digest)?;
        // The lock last: what it names is here then, whenever this is killed.
        let plugins = &self.kept.plugins;
        plugins.put(name, entry.clone(), &component.wasm, proof)?;
        self.kept.agreed.put(entry.digest.clone(), agreed)?;
        match &self.lock {
            None => report.lock = None,
            Some(lock) => lock.put(name, entry.clone()).inspect_err(|_| {
                // What cannot be taken back either is installed, and that it is not in the lock is the error.
                if !there {
                    let _ = match agreed_before {
                        Some(agreed) => self.kept.agreed.put(entry.digest.clone(), agreed),
                        None => self.kept.agreed.remove(&entry.digest).map(drop),
                    };
                    let _ = plugins.put_back(name, before.installed);
                }
            })?,
        }
        Ok(report)
    }
}

fn line(text: &str) -> Result<Line, Error> {
    Line::try_from(text.to_owned()).map_err(|why| {
        Error::new(Code::Usage, "that place cannot stand in a lock").detail(why.to_string())
    })
}
