//! Spin itself, run for what only it can do: its builds, and the composition of its triggers' dependencies.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use spin_deployer_app::{NoTriggerComposer, RemoteError, TriggerComposer};

use crate::Environment;

/// The binary that started us, as it says itself. Not one that happens to be on the PATH.
pub(crate) fn ours(environment: &Environment) -> Option<PathBuf> {
    environment.var("SPIN_BIN_PATH").map(PathBuf::from)
}

/// The binary that started us, or the one that the user's shell would find.
pub(crate) fn any(environment: &Environment) -> Option<PathBuf> {
    ours(environment).or_else(|| {
        let name = format!("spin{}", std::env::consts::EXE_SUFFIX);
        let path = environment.var("PATH")?;
        std::env::split_paths(path)
            .map(|folder| folder.join(&name))
            .find(|file| file.is_file())
    })
}

/// The program that runs for us at the moment, to end it with us.
#[derive(Debug, Default)]
pub(crate) struct Child {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Running(u32),
    /// We are about to end, and start nothing any more.
    Ended,
}

impl Child {
    /// Runs a program to its end. Blocks.
    pub(crate) fn run(&self, command: &mut Command) -> std::io::Result<std::process::Output> {
        let child = {
            let mut state = self.state();
            if matches!(*state, State::Ended) {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let child = command.spawn()?;
            *state = State::Running(child.id());
            child
        };
        let output = child.wait_with_output();
        let mut state = self.state();
        if matches!(*state, State::Running(_)) {
            *state = State::Idle;
        }
        output
    }

    /// Asks it to end. What a Ctrl-C does on a terminal by itself, SIGTERM does not.
    pub(crate) fn end(&self) {
        let state = std::mem::replace(&mut *self.state(), State::Ended);
        #[cfg(unix)]
        if let State::Running(id) = state
            && let Some(id) = i32::try_from(id)
                .ok()
                .and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has triggers compose, through Spin.
pub(crate) struct SpinTriggers<'a> {
    pub(crate) spin: Option<PathBuf>,
    pub(crate) temporary: Option<&'a Path>,
    pub(crate) child: &'a Child,
}

impl SpinTriggers<'_> {
    /// Arguments and variables are those of `spin registry push`: two triggers are built in, the others are plugins.
    fn command(spin: &Path, trigger_type: &str, component: &str) -> Command {
        let mut command = Command::new(spin);
        match trigger_type {
            "http" | "redis" => command.args(["trigger", trigger_type]),
            other => command.arg(format!("trigger-{other}")),
        };
        command
            .args(["--precompose-only", "--precompose-component-id", component])
            .env("SPIN_PLUGINS_SUPPRESS_COMPATIBILITY_WARNINGS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        command
    }

    fn run(
        &self,
        spin: &Path,
        trigger_type: &str,
        component: &str,
        locked: &Value,
    ) -> std::io::Result<std::process::Output> {
        let folder = match self.temporary {
            Some(parent) => tempfile::tempdir_in(parent).or_else(|_| tempfile::tempdir()),
            None => tempfile::tempdir(),
        }?;
        let file = folder.path().join("spin.lock");
        std::fs::write(&file, serde_json::to_vec_pretty(locked)?)?;
        let url = url::Url::from_file_path(&file)
            .map_err(|()| std::io::Error::other(format!("{} has no URL", file.display())))?;
        let mut command = Self::command(spin, trigger_type, component);
        command
            .env("SPIN_LOCKED_URL", url.as_str())
            .env("SPIN_WORKING_DIR", folder.path());
        self.child.run(&mut command)
    }
}

impl TriggerComposer for SpinTriggers<'_> {
    fn compose(
        &self,
        trigger_type: &str,
        component: &str,
        locked: &Value,
    ) -> Result<Vec<u8>, RemoteError> {
        let Some(spin) = &self.spin else {
            return NoTriggerComposer.compose(trigger_type, component, locked);
        };
        let failed = |reason: String| RemoteError {
            code: "composition",
            message: format!(
                "{} could not compose `{component}` with the dependencies of its `{trigger_type}` trigger: {reason}",
                spin.display()
            ),
            help: "Spin 4.1 or newer can; what it said stands above".to_owned(),
        };
        let output = self
            .run(spin, trigger_type, component, locked)
            .map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failed(output.status.to_string()))
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn who_ends_starts_nothing_more() {
        let child = Child::default();
        let run = || child.run(&mut Command::new("true"));
        assert!(run().unwrap().status.success());
        assert!(run().unwrap().status.success());
        child.end();
        let refused = run().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::Interrupted);
    }
}
