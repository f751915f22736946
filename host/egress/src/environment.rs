//! What this crate may know of the process's environment, given to it in full.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The variables of the environment. Whoever runs the program takes them from the process, a test writes them down.
#[derive(Clone, Default)]
pub struct Environment {
    /// Names and values as the system has them.
    pub vars: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// A variable's value; an empty one counts as unset.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.vars
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable that holds a path.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.path(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// Where programs of this user keep their configuration on this platform.
    pub fn config(&self) -> Option<PathBuf> {
        if cfg!(windows) {
            self.path("APPDATA")
        } else if cfg!(target_os = "macos") {
            Some(self.home()?.join("Library/Application Support"))
        } else {
            // The XDG specification: a relative path there is to be ignored.
            let xdg = self
                .path("XDG_CONFIG_HOME")
                .filter(|path| path.is_absolute());
            xdg.or_else(|| Some(self.home()?.join(".config")))
        }
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(vars: I) -> Self {
        Self {
            vars: vars
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }
}

/// Names only: variables are where people keep their tokens.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}
