//! Runs commands in the root of the repository and shows each before it runs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The root of the repository, and what commands are told.
pub(crate) struct Shell {
    root: PathBuf,
    variables: Vec<(&'static str, OsString)>,
}

impl Shell {
    pub(crate) fn at_root() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.context("xtask has a parent folder")?.to_owned();
        Ok(Self {
            root,
            variables: Vec::new(),
        })
    }

    /// The same, whose commands get this variable too.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<OsString>) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name, value.into()));
        Self {
            root: self.root.clone(),
            variables,
        }
    }

    /// A path of the repository.
    pub(crate) fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }

    /// Runs a command to its success, on this terminal.
    pub(crate) fn run<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.show(&command);
        let status = command
            .status()
            .with_context(|| format!("{:?}", command.get_program()))?;
        ensure!(
            status.success(),
            "{:?} ended with {status}",
            command.get_program()
        );
        Ok(())
    }

    /// Runs the cargo that runs this.
    pub(crate) fn cargo<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        self.run(cargo, arguments)
    }

    /// What a command prints, without showing it; `None` where it is not there or fails.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }

    /// Where a program of this name would be found.
    pub(crate) fn which(&self, program: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
        std::env::split_paths(&path)
            .map(|folder| folder.join(&file))
            .find(|file| file.is_file())
    }

    /// A program that was built into the folder of this one.
    pub(crate) fn sibling(&self, program: &str) -> Result<PathBuf> {
        let here = std::env::current_exe()?;
        Ok(here.with_file_name(format!("{program}{}", std::env::consts::EXE_SUFFIX)))
    }

    /// Prints a command as somebody could type it in the root of the repository.
    fn show(&self, command: &Command) {
        let shorter = |word: &OsStr| {
            let word = Path::new(word);
            let word = word.strip_prefix(&self.root).unwrap_or(word);
            word.display().to_string()
        };
        let mut line = shorter(command.get_program());
        if line.ends_with("bin/cargo") {
            line = "cargo".to_owned();
        }
        for argument in command.get_args() {
            line = format!("{line} {}", shorter(argument));
        }
        // Variables are absolute: a program may be somewhere else.
        let variables = self.variables.iter();
        let variables = variables.map(|(name, value)| format!("{name}={} ", value.display()));
        eprintln!("\n$ {}{line}", variables.collect::<String>());
    }
}
