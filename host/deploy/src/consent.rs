//! Whether the plugin may run, before anything of it does: what the lock says, what this user has agreed to, and the
//! question where neither is enough.
//!
//! What the user names they grant by that. For the rest, places that the author chose and variables of the user's, somebody
//! has to agree, once for each digest. Where nobody can be asked, or nothing may change, the lock is the agreement: it was
//! committed and reviewed. At a terminal it is not, because it may have come with a checkout of somebody else's: there
//! it counts what this user agreed to before.

use std::path::PathBuf;

use spin_deployer_grants::{LockedPlugin, Policies};
use spin_deployer_manifest::{Ask, PluginName};
use spin_deployer_oci::Digest;
use spin_deployer_store::{AgreedPlugin, bundled};

use crate::audit::{AuditLog, Line};
use crate::lock::{FILE, LockFile};
use crate::policy::denied;
use crate::report::Consent;
use crate::{Code, Environment, Error, Event, Found, Observer, Target};

/// How the user agrees in this run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agreeing {
    /// `--locked`: only to what the lock has, and nothing changes.
    pub locked: bool,
    /// `--yes`: to everything.
    pub yes: bool,
}

/// What a deploy writes into the lock.
pub(crate) struct Record {
    file: LockFile,
    name: PluginName,
    /// What the lock had.
    before: Option<LockedPlugin>,
    /// `None`: nothing.
    entry: Option<LockedPlugin>,
    /// Whether that is done, and changed something.
    written: bool,
}

/// Lets the plugin run or not. What was agreed to is in `target` from then on.
///
/// # Errors
/// A lock that cannot be used, or is not kept to; a policy that requires one; or nobody agrees.
pub(crate) fn settle(
    environment: &Environment,
    target: &mut Target,
    from: Option<&str>,
    agreeing: Agreeing,
    policies: &Policies,
    observer: &dyn Observer,
    audit: &AuditLog,
) -> Result<Record, Error> {
    let file = LockFile::beside(environment, from)?;
    let locked = agreeing.locked || environment.is_ci() && file.exists();
    policies
        .requires_lock(locked)
        .map_err(|refusal| denied(&refusal))?;
    let entry = file.lock().plugins.get(&target.manifest.name).cloned();
    if locked {
        keep_to_lock(&file, entry, target, audit)?;
        return Ok(Record {
            file,
            name: target.manifest.name.clone(),
            before: None,
            entry: None,
            written: false,
        });
    }
    let asking = Asking {
        environment,
        yes: agreeing.yes,
        observer,
        audit,
    };
    if target.overrides && !asking.lets_override(target)? {
        let name = &target.manifest.name;
        let change = format!("+ takes the place of the plugin `{name}` of this program");
        asking.ask(target, vec![change])?;
    } else if target.agreed.is_none() {
        let entry = entry.as_ref().filter(|entry| target.is_meant_by(entry));
        asking.agree(entry.cloned().as_ref(), target)?;
    }
    if let Some(entry) = entry.as_ref().filter(|e| e.digest != target.digest) {
        observer.event(Event::Note(format!(
            "plugin `{}` is another one than in {FILE}: {} {} there, {} {} here",
            target.manifest.name,
            entry.version,
            short(&entry.digest),
            target.manifest.version,
            short(&target.digest),
        )));
    }
    let here = target.entry();
    let says_it = |e: &LockedPlugin| {
        e.digest == here.digest && e.version == here.version && e.asks.covers(&here.asks)
    };
    // By its name comes what the lock says: what says something else by now, another command wrote meanwhile.
    let overtaken = entry.as_ref().is_some_and(|e| e.digest != target.digest)
        && matches!(target.found, Found::Installed | Found::Vendored)
        && bundled::find(target.manifest.name.as_str()).is_none();
    let is_new = file.is_kept() && !overtaken && !entry.as_ref().is_some_and(says_it);
    Ok(Record {
        file,
        name: target.manifest.name.clone(),
        before: entry,
        entry: is_new.then_some(here),
        written: false,
    })
}

impl Record {
    /// The lock, where this changed it.
    pub(crate) fn written(&self) -> Option<PathBuf> {
        self.written.then(|| self.file.path().to_owned())
    }

    /// Writes the lock, where there is something to write. Where that cannot be done the deploy goes on: what was agreed to
    /// holds for this run, and the next one asks again.
    pub(crate) fn write(&mut self, observer: &dyn Observer, audit: &AuditLog) {
        let Some(entry) = self.entry.take() else {
            return;
        };
        let (name, digest) = (self.name.clone(), entry.digest.clone());
        let version = entry.version.clone();
        let before = self.before.take();
        let written = self.file.update(|lock| {
            // Where it is another one by now, somebody upgraded it meanwhile.
            if lock.plugins.get(&self.name) == before.as_ref() {
                lock.plugins.insert(self.name.clone(), entry);
            }
        });
        match written {
            Ok(false) => {}
            Ok(true) => {
                self.written = true;
                audit.line(&Line::Locked {
                    plugin: name.as_str(),
                    digest: digest.as_str(),
                    lock: self.file.path().display().to_string(),
                });
                let short = short(&digest);
                observer.event(Event::Locked(format!("{FILE}: {name} {version} ({short})")));
            }
            Err(error) => {
                let why = error.detail.unwrap_or_default();
                observer.event(Event::Note(format!("{}: {why}", error.message)));
            }
        }
    }
}

/// Nothing may be another one than the lock says, and the lock is the agreement.
fn keep_to_lock(
    file: &LockFile,
    entry: Option<LockedPlugin>,
    target: &mut Target,
    audit: &AuditLog,
) -> Result<(), Error> {
    let name = &target.manifest.name;
    if !file.exists() {
        let message = format!("there is no {FILE}, and --locked keeps to one");
        return Err(Error::new(Code::Usage, message)
            .detail(file.path().display().to_string())
            .help("a deploy without --locked writes it: look at it, and commit it"));
    }
    let differences = differences(entry.as_ref(), target);
    if !differences.is_empty() {
        audit.line(&Line::Differs {
            plugin: name.as_str(),
            digest: target.digest.as_str(),
            differences: &differences,
        });
        let lines = differences.join("\n");
        let message = format!("plugin `{name}` is not what {FILE} says, and nothing was sent");
        return Err(Error::new(Code::Denied, message)
            .detail(format!("{}\n{lines}", file.path().display()))
            .help("if that is wanted, deploy once without --locked and without CI, and commit the lock"));
    }
    let asks = Ask::of(&target.manifest);
    if let Some(entry) = entry
        && target.wants_more(&asks)
        && entry.asks.covers(&asks)
    {
        agreed(audit, target, "lock");
        target.agreed = Some(entry.asks);
    }
    Ok(())
}

/// What the lock has and what is here, where they differ: a line each.
fn differences(entry: Option<&LockedPlugin>, target: &Target) -> Vec<String> {
    let (manifest, digest) = (&target.manifest, &target.digest);
    let Some(entry) = entry else {
        let (name, version) = (&manifest.name, &manifest.version);
        return vec![format!("{name} {version} {digest} is not in it")];
    };
    let mut lines = entry.other(&target.entry());
    if !covers(entry, target) {
        let changes = entry.difference(manifest);
        lines.extend(changes.iter().map(ToString::to_string));
    }
    lines
}

fn signer(signer: Option<&spin_deployer_manifest::Line>) -> &str {
    signer.map_or("nobody", |signer| signer.as_str())
}

/// Whether who agreed to this entry has agreed to the plugin here: to all that it asks for, or to all but variables, which
/// it then does not get.
fn covers(entry: &LockedPlugin, target: &Target) -> bool {
    entry.covers(&target.manifest) || {
        let without = target.entry().asks;
        !Ask::of(&target.manifest).chooses_places() && entry.asks.covers(&without)
    }
}

fn agreed(audit: &AuditLog, target: &Target, by: &str) {
    audit.line(&Line::Agreed {
        plugin: target.manifest.name.as_str(),
        digest: target.digest.as_str(),
        by,
        to: Ask::of(&target.manifest).powers(),
    });
}

/// `sha256:0123456789ab`
fn short(digest: &Digest) -> &str {
    digest.as_str().get(..19).unwrap_or(digest.as_str())
}

/// Who can be asked, and where it is remembered.
struct Asking<'a> {
    environment: &'a Environment,
    yes: bool,
    observer: &'a dyn Observer,
    audit: &'a AuditLog,
}

impl Asking<'_> {
    /// Of a plugin that this user has not agreed to yet.
    fn agree(&self, entry: Option<&LockedPlugin>, target: &mut Target) -> Result<(), Error> {
        let asks = Ask::of(&target.manifest);
        let wants_more = target.wants_more(&asks);
        // A variable that is not set is nothing to agree to now.
        let is_set = |name: &str| {
            let file = format!("{name}_FILE");
            self.environment.var(name).is_some() || self.environment.var(&file).is_some()
        };
        let wants_now = asks.chooses_places()
            || asks
                .variables()
                .any(|name| !target.is_for_plugins(name) && is_set(name));
        let Some(entry) = entry else {
            return match wants_now {
                true => self.ask(target, Vec::new()),
                false => Ok(()),
            };
        };
        let is_same = entry.digest == target.digest;
        let other_signer = !is_same && entry.signer.is_some() && entry.signer != target.signer;
        if other_signer || !covers(entry, target) {
            if self.agreed_to(&target.digest, &asks)? {
                target.agreed = Some(asks);
                return Ok(());
            }
            let mut changes: Vec<String> = Vec::new();
            if other_signer {
                changes.push(format!("- signed by {}", signer(entry.signer.as_ref())));
                changes.push(format!("+ signed by {}", signer(target.proven_signer())));
            }
            let difference = entry.difference(&target.manifest);
            changes.extend(difference.iter().map(ToString::to_string));
            return self.ask(target, changes);
        }
        if !wants_more {
            return Ok(());
        }
        let is_agreed = entry.asks.covers(&asks);
        let is_mine = !is_same && self.agreed_to_earlier(&entry.digest, target, &asks)?;
        if is_agreed && (is_mine || !self.observer.can_ask()) {
            agreed(self.audit, target, "lock");
            target.agreed = Some(asks);
            return Ok(());
        }
        match wants_now {
            true => self.ask(target, Vec::new()),
            false => Ok(()),
        }
    }

    /// Whether it was this user who said that the plugin takes the place of one in the program. A lock can be anybody's.
    fn lets_override(&self, target: &Target) -> Result<bool, Error> {
        let installed = match self.environment.installed() {
            Some(installed) => installed.list()?.plugins.remove(&target.manifest.name),
            None => None,
        };
        let is_installed =
            installed.is_some_and(|one| one.overrides && one.digest == target.digest);
        let before = self.agreed(&target.digest)?;
        Ok(is_installed || before.is_some_and(|before| before.overrides))
    }

    /// Whether this user has agreed to as much of that component.
    fn agreed_to(&self, digest: &Digest, asks: &Ask) -> Result<bool, Error> {
        let before = self.agreed(digest)?;
        Ok(before.is_some_and(|before| before.asks.covers(asks)))
    }

    /// Whether this user has agreed to as much of an earlier component of the same name and place. That the lock has its
    /// digest says nothing: it may be any that somebody knows.
    fn agreed_to_earlier(
        &self,
        digest: &Digest,
        target: &Target,
        asks: &Ask,
    ) -> Result<bool, Error> {
        let before = self.agreed(digest)?;
        Ok(before.is_some_and(|before| {
            before.name == target.manifest.name
                && before.source == target.whole_source()
                && before.asks.covers(asks)
        }))
    }

    fn agreed(&self, digest: &Digest) -> Result<Option<AgreedPlugin>, Error> {
        match self.environment.agreed() {
            Some(store) => Ok(store.get(digest)?),
            None => Ok(None),
        }
    }

    /// Shows what the plugin asks for, and goes on where the user agrees. `changes`: what differs from what the lock has.
    fn ask(&self, target: &mut Target, changes: Vec<String>) -> Result<(), Error> {
        let name = target.manifest.name.clone();
        let asks = Ask::of(&target.manifest);
        if !self.yes && !self.observer.can_ask() {
            // Variables it does not need: it runs without.
            if changes.is_empty() && !asks.chooses_places() {
                return Ok(());
            }
            let message = match changes.is_empty() {
                true => format!(
                    "plugin `{name}` asks for more than what you name, and nobody has agreed to it"
                ),
                false => format!(
                    "plugin `{name}` asks for something else than {FILE} has, and nobody has agreed to it"
                ),
            };
            let lines = match changes.is_empty() {
                true => asks.powers(),
                false => changes,
            };
            self.audit.line(&Line::Differs {
                plugin: name.as_str(),
                digest: target.digest.as_str(),
                differences: &lines,
            });
            let lines = lines.join("\n");
            let (source, digest) = (target.source.as_str(), &target.digest);
            return Err(Error::new(Code::Denied, message)
                .detail(format!("{source} {digest}\n{lines}"))
                .help("if that is right, add --yes, or agree at a terminal; where nobody can be asked, the deployer.lock that this writes is enough from then on"));
        }
        let mut consent = Consent::of(
            &target.manifest,
            target.digest.as_str(),
            target.source.as_str(),
            target
                .proven_signer()
                .map(spin_deployer_manifest::Line::as_str),
        );
        consent.changes = changes;
        self.observer.event(Event::Consent {
            consent: Box::new(consent),
            agreed: self.yes,
        });
        if !self.yes
            && !self
                .observer
                .confirm(&format!("Let plugin {name} do that?"))
        {
            let message = format!("plugin `{name}` was not agreed to, and nothing was sent");
            return Err(Error::new(Code::Denied, message));
        }
        agreed(
            self.audit,
            target,
            if self.yes { "--yes" } else { "terminal" },
        );
        self.audit.complete()?;
        self.remember(target, &asks);
        target.agreed = Some(asks);
        Ok(())
    }

    /// That it cannot be remembered is no reason to fail: the user is asked again the next time.
    fn remember(&self, target: &Target, asks: &Ask) {
        let Some(store) = self.environment.agreed() else {
            return;
        };
        let plugin = AgreedPlugin {
            name: target.manifest.name.clone(),
            version: target.manifest.version.clone(),
            source: target.whole_source(),
            overrides: target.overrides,
            asks: asks.clone(),
        };
        if let Err(error) = store.put(target.digest.clone(), plugin) {
            let text = format!("it is not remembered that you agreed: {error}");
            self.observer.event(Event::Note(text));
        }
    }
}
