//! `--build`: the app's own build, by Spin where there is one, otherwise command by command as the manifest says.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use spin_deployer_app::{BuildCommand, LoadOptions, Source};

use crate::loading::invalid;
use crate::spin::{self, Child};
use crate::{Code, Environment, Error, Event, Observer};

/// Builds what `source` says. Its output goes to standard error: standard output is for results. Blocks.
pub(crate) fn build(
    environment: &Environment,
    source: &Source,
    options: &LoadOptions,
    child: &Child,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let Source::Manifest(manifest) = source else {
        let message = "only an app with a spin.toml can be built, this one is an image";
        return Err(Error::new(Code::Usage, message).help("leave --build out"));
    };
    if let Some(spin) = spin::any(environment) {
        let mut command = Command::new(&spin);
        command.arg("build").arg("--from").arg(manifest);
        if let Some(profile) = &options.profile {
            command.args(["--profile", profile]);
        }
        let shown = format!("{} build", spin.display());
        return run(command, &shown, None, child, observer);
    }
    let commands = spin_deployer_app::build_commands(source, options).map_err(invalid)?;
    if commands.is_empty() {
        let message = "there is nothing to build: no component has a build command";
        observer.event(Event::Note(message.to_owned()));
    }
    let folder = manifest.parent().unwrap_or(&environment.cwd);
    for step in commands {
        let mut command = shell(&step.command);
        command.current_dir(working_folder(folder, &step)?);
        run(
            command,
            &step.command,
            Some(&step.component),
            child,
            observer,
        )?;
    }
    Ok(())
}

/// The command line as the user's shell reads it; so does Spin.
fn shell(line: &str) -> Command {
    let (shell, flag) = if cfg!(windows) {
        ("cmd.exe", "/c")
    } else {
        ("sh", "-c")
    };
    let mut command = Command::new(shell);
    command.args([flag, line]);
    command
}

fn working_folder(app: &Path, step: &BuildCommand) -> Result<std::path::PathBuf, Error> {
    let Some(folder) = &step.folder else {
        return Ok(app.to_owned());
    };
    if Path::new(folder).has_root() {
        let message = format!(
            "the build of `{}` has the working directory `{folder}`",
            step.component
        );
        return Err(Error::new(Code::Usage, message)
            .help("`workdir` is relative to the folder of spin.toml"));
    }
    Ok(app.join(folder))
}

fn run(
    mut command: Command,
    shown: &str,
    component: Option<&str>,
    child: &Child,
    observer: &dyn Observer,
) -> Result<(), Error> {
    observer.event(Event::Building {
        component: component.map(str::to_owned),
        command: shown.to_owned(),
    });
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::from(std::io::stderr()))
        .stderr(Stdio::inherit());
    let what = component.map_or_else(
        || format!("`{shown}` failed"),
        |component| format!("the build of `{component}` failed"),
    );
    let reason = match child.run(&mut command) {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => ended(output.status, shown),
        Err(error) => format!("`{shown}` cannot be run: {error}"),
    };
    Err(Error::new(Code::Failed, what)
        .detail(reason)
        .help("what the build said stands above"))
}

fn ended(status: ExitStatus, shown: &str) -> String {
    match status.code() {
        Some(code) => format!("`{shown}` ended with the exit status {code}"),
        None => format!("`{shown}`: {status}"),
    }
}
