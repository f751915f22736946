//! What of plugins is on this machine.

use spin_deployer_deploy::{Code, Environment, Error};
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::PluginName;
use spin_deployer_store::{Agreed, Installed};

/// The user's plugins, and what the user agreed to.
pub(crate) struct Kept {
    pub(crate) plugins: Installed,
    pub(crate) agreed: Agreed,
}

impl Kept {
    /// # Errors
    /// There is no place for them.
    pub(crate) fn of(environment: &Environment) -> Result<Self, Error> {
        match (environment.installed(), environment.agreed()) {
            (Some(plugins), Some(agreed)) => Ok(Self { plugins, agreed }),
            _ => Err(
                Error::new(Code::Usage, "there is no place for plugins on this machine")
                    .help("set SPIN_DEPLOYER_DATA_DIR to a folder of yours"),
            ),
        }
    }

    /// The plugin that is installed under this name.
    pub(crate) fn installed(&self, name: &PluginName) -> Result<Option<LockedPlugin>, Error> {
        let mut lock = self.plugins.list()?;
        Ok(lock.plugins.remove(name))
    }

    /// Whether that very plugin is installed, whole, and agreed to.
    pub(crate) fn is_whole(&self, name: &PluginName, entry: &LockedPlugin) -> Result<bool, Error> {
        if self.installed(name)?.as_ref() != Some(entry) {
            return Ok(false);
        }
        // One that is damaged is replaced.
        let whole = matches!(self.plugins.component(&entry.digest), Ok(Some(_)));
        let agreed = self.agreed.get(&entry.digest)?;
        Ok(whole && agreed.is_some_and(|agreed| agreed.asks.covers(&entry.asks)))
    }

    /// Where what is installed is written down.
    pub(crate) fn shown(&self) -> String {
        self.plugins.file().display().to_string()
    }
}
