//! The lock of the app in the working directory, where there is an app or a lock.

use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Agreeing, Code, Environment, Error, LOCK_FILE, LockFile};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Line, Manifest, PluginName};
use spin_deployer_store::bundled;

use crate::source::{Location, Source};

/// A `deployer.lock` that is there or may be made.
pub(crate) struct AppLock(LockFile);

impl AppLock {
    /// # Errors
    /// There is one, and it is wrong.
    pub(crate) fn here(environment: &Environment) -> Result<Option<Self>, Error> {
        let file = LockFile::beside(environment, None)?;
        Ok(file.is_kept().then_some(Self(file)))
    }

    /// Whether it is there.
    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where relative paths of its sources begin; those of what is installed have none.
    pub(crate) fn folder<'a>(lock: Option<&'a Self>, environment: &'a Environment) -> &'a Path {
        let beside = lock.and_then(|lock| lock.path().parent());
        beside.unwrap_or(&environment.cwd)
    }

    pub(crate) fn shown(&self) -> String {
        self.path().display().to_string()
    }

    /// What it says of a plugin.
    pub(crate) fn entry(&self, name: &PluginName) -> Option<LockedPlugin> {
        self.0.lock().plugins.get(name).cloned()
    }

    /// What it says of plugins that are not in the program, by name.
    pub(crate) fn third_party(&self) -> impl Iterator<Item = (&PluginName, &LockedPlugin)> {
        self.all().filter(|(name, entry)| !is_built_in(name, entry))
    }

    /// Everything that it says, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&PluginName, &LockedPlugin)> {
        self.0.lock().plugins.iter()
    }

    /// Whether it says that already.
    pub(crate) fn names(&self, name: &PluginName, entry: &LockedPlugin) -> bool {
        self.0.lock().plugins.get(name) == Some(&self.local(entry))
    }

    /// Whether nothing else may run than what it says.
    pub(crate) fn is_kept_to(&self, environment: &Environment, agreeing: Agreeing) -> bool {
        agreeing.locked || environment.is_ci() && self.exists()
    }

    /// Whether the user lets it change to this entry, of the plugin with this manifest.
    ///
    /// # Errors
    /// With `--locked`, and where CI is set and there is a lock: each difference.
    pub(crate) fn may_change(
        &self,
        environment: &Environment,
        manifest: &Manifest,
        entry: &LockedPlugin,
        agreeing: Agreeing,
    ) -> Result<(), Error> {
        if !self.is_kept_to(environment, agreeing) {
            return Ok(());
        }
        let name = &manifest.name;
        let here = self.local(entry);
        let mut lines = vec![self.shown()];
        match self.entry(name) {
            None => lines.push(format!(
                "{name} {} {} is not in it",
                here.version, here.digest
            )),
            Some(there) => {
                lines.extend(there.other(&here));
                if there.source != here.source {
                    let (there, here) = (there.source.as_str(), here.source.as_str());
                    lines.push(format!("source: {there} in the lock, {here} here"));
                }
                let changes = there.difference(manifest);
                lines.extend(changes.iter().map(ToString::to_string));
                if lines.len() == 1 {
                    lines.push("its options are written otherwise there".to_owned());
                }
            }
        }
        let message = format!("{LOCK_FILE} would have to change for `{name}`, and may not");
        Err(Error::new(Code::Denied, message)
            .detail(lines.join("\n"))
            .help("if that is wanted, run it once without --locked and without CI, and commit what changes; `spin-deployer plugins fetch` brings what the lock names"))
    }

    /// Writes down what an app is deployed with.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn put(&self, name: &PluginName, entry: LockedPlugin) -> Result<(), Error> {
        let entry = self.local(&entry);
        let mut file = self.0.clone();
        file.update(|lock| {
            lock.plugins.insert(name.clone(), entry);
        })?;
        Ok(())
    }

    /// A file or a catalog below the app is named from there: the lock is read on other machines too.
    fn local(&self, entry: &LockedPlugin) -> LockedPlugin {
        let inside = self.path().parent().and_then(|folder| {
            let text = match Source::parse(entry.source.as_str(), folder).ok()? {
                Source::File(path) => below(folder, &path)?,
                Source::Catalog {
                    location: Some(Location::Folder(path)),
                    request,
                } => {
                    let location = Some(Location::Folder(PathBuf::from(below(folder, &path)?)));
                    Source::Catalog { location, request }.to_string()
                }
                _ => return None,
            };
            Line::try_from(text).ok()
        });
        LockedPlugin {
            source: inside.unwrap_or_else(|| entry.source.clone()),
            ..entry.clone()
        }
    }
}

/// `./` and the way from the folder to a path in it, with `/` on every system.
fn below(folder: &Path, path: &Path) -> Option<String> {
    let path = path.strip_prefix(folder).ok()?;
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(format!("./{}", parts?.join("/")))
}

/// Whether an entry means the plugin that is in the program, whatever version of it.
pub(crate) fn is_built_in(name: &PluginName, entry: &LockedPlugin) -> bool {
    bundled::find(name.as_str()).is_some() && !entry.overrides
}
