//! What a command takes from the process around it, read once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use spin_deployer_store::{Agreed, Directories, Installed};

use crate::{Code, Error};

/// Below the folder of the user's data.
const PLUGINS: &str = "plugins";

/// Variables, working directory and the user's directories. Nothing else in the workspace asks the process for them.
#[derive(Clone)]
pub struct Environment {
    /// Environment variables that are valid Unicode.
    pub vars: BTreeMap<String, String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// Where the user's files of ours live.
    pub directories: Directories,
    /// When the process began.
    pub started: Instant,
}

/// Names of variables only: their values are where people keep their tokens.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("vars", &self.vars.keys())
            .field("cwd", &self.cwd)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The working directory is gone or cannot be read.
    pub fn capture() -> Result<Self, Error> {
        let started = Instant::now();
        let vars: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let cwd = std::env::current_dir().map_err(|e| {
            Error::new(Code::Usage, "the working directory cannot be read").detail(e.to_string())
        })?;
        let directories = Directories::from_vars(&vars);
        Ok(Self {
            vars,
            cwd,
            directories,
            started,
        })
    }

    /// Plugins that the user installed. `None`: there is no place for them.
    pub fn installed(&self) -> Option<Installed> {
        Some(Installed::at(self.directories.data()?.join(PLUGINS)))
    }

    /// What the user agreed to. `None`: there is no place for it.
    pub fn agreed(&self) -> Option<Agreed> {
        Some(Agreed::at(self.directories.data()?.join(PLUGINS)))
    }

    /// Whether this is a runner of CI, where nobody watches and nothing may change by itself.
    pub fn is_ci(&self) -> bool {
        self.var("CI").is_some_and(|ci| ci != "false" && ci != "0")
    }

    /// A variable that is set and not empty.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }
}
