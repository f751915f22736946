//! Runs commands in the root of the repository and shows each before it runs.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};

/// The root of the repository, and what commands are told.
pub(crate) struct Shell {
    root: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    /// Variables of this process that commands are not given.
    withheld: Vec<OsString>,
}

impl Shell {
    pub(crate) fn at_root() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let root = root.context("xtask has a parent folder")?.to_owned();
        Ok(Self {
            root,
            variables: Vec::new(),
            withheld: Vec::new(),
        })
    }

    /// The same, whose commands get this variable too.
    pub(crate) fn with(&self, name: &'static str, value: impl Into<OsString>) -> Self {
        let mut variables = self.variables.clone();
        variables.push((name, value.into()));
        Self {
            root: self.root.clone(),
            variables,
            withheld: self.withheld.clone(),
        }
    }

    /// The same, whose commands do not get those of this process's variables whose names are unwanted.
    pub(crate) fn without(&self, unwanted: impl Fn(&str) -> bool) -> Self {
        let names = std::env::vars_os().map(|(name, _)| name);
        let unwanted = names.filter(|name| unwanted(&name.to_string_lossy()));
        Self {
            root: self.root.clone(),
            variables: self.variables.clone(),
            withheld: self.withheld.iter().cloned().chain(unwanted).collect(),
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
        let mut command = self.command(program, arguments);
        let status = command
            .status()
            .with_context(|| format!("{:?}", command.get_program()))?;
        succeeded(&command, status)
    }

    /// Runs a command to its success, and returns what it prints; its errors and its progress are on this terminal.
    pub(crate) fn read<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>> {
        let mut command = self.command(program, arguments);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{:?}", command.get_program()))?;
        succeeded(&command, output.status)?;
        Ok(output.stdout)
    }

    /// Runs the cargo that runs this.
    pub(crate) fn cargo<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<()> {
        self.run(cargo(), arguments)
    }

    /// What the cargo that runs this prints.
    pub(crate) fn read_cargo<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Vec<u8>> {
        self.read(cargo(), arguments)
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

    /// A command in the root of the repository, shown already.
    fn command<A: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root);
        for name in &self.withheld {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        self.show(&command);
        command
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

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"))
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    let program = command.get_program();
    ensure!(status.success(), "{program:?} ended with {status}");
    Ok(())
}
