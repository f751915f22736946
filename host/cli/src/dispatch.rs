//! One command, from the arguments to the exit status.

use std::ffi::OsString;
use std::sync::Arc;

use clap::ColorChoice;
use spin_deployer_deploy::report::InspectReport;
use spin_deployer_deploy::{
    Agreeing, AppRequest, Code, Deployer, Environment, Error, Inspection, Oversight, Request,
    Search, Target, UNGUARDED, create_key, logout, logout_all, show_key,
};
use spin_deployer_manifest::OptionKind;

use crate::arguments::{Command, KeyAction, Output};
use crate::interrupted::last_words;
use crate::outputs::Outputs;
use crate::parse::{CommandLine, Parsed, Stop};
use crate::terminal::errors::{self, Kind};
use crate::terminal::progress::Progress;
use crate::terminal::{Screen, Streams, print, results, set_colors};
use crate::{crash, destroy, ending, interrupted, json, plugins, signals};

/// What a command leaves on standard output, and its exit status.
pub(crate) struct Done {
    pub(crate) text: Vec<u8>,
    pub(crate) exit_code: u8,
}

impl Done {
    fn new(text: String) -> Self {
        Self {
            text: text.into(),
            exit_code: 0,
        }
    }
}

/// Runs the command that `arguments` say, the program's name first. Returns the exit status.
pub(crate) fn run(arguments: Vec<OsString>) -> u8 {
    let environment = match Environment::capture() {
        Ok(environment) => environment,
        Err(error) => return fail(&error, Output::Text),
    };
    if UNGUARDED {
        to_stderr(
            "warning: UNGUARDED: nothing that a plugin sends is checked; for benchmarks only\n",
        );
    }
    set_colors(ColorChoice::Auto, &environment);
    let line = CommandLine::new(arguments, &environment);
    let output = line.output();
    crash::install(output == Output::Json);
    let done = match line.parse() {
        Err(Stop::Print(text)) => Ok(Done::new(text)),
        Err(Stop::Wrong(error)) => Err(error),
        Ok(parsed) => {
            set_colors(parsed.arguments.everywhere.color, &environment);
            execute(&line, parsed, &environment)
        }
    };
    match done {
        Ok(done) => finish(&done, output),
        Err(error) => fail(&error, output),
    }
}

fn finish(done: &Done, output: Output) -> u8 {
    if !ending::claim() {
        ending::leave_it_to_the_other();
    }
    match print(&done.text) {
        Ok(()) => done.exit_code,
        Err(e) => {
            let error =
                Error::new(Code::Failed, "the result cannot be written").detail(e.to_string());
            tell(&error, output)
        }
    }
}

fn fail(error: &Error, output: Output) -> u8 {
    if !ending::claim() {
        ending::leave_it_to_the_other();
    }
    tell(error, output)
}

fn tell(error: &Error, output: Output) -> u8 {
    let exit_code = error.code.exit_code();
    to_stderr(&errors::error(error));
    if output == Output::Json {
        let _ = print(json::error(error, None, exit_code, None).as_bytes());
    }
    exit_code
}

pub(crate) fn to_stderr(text: &str) {
    use std::io::Write as _;
    // Nobody is left to be told when standard error is gone.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn execute(
    line: &CommandLine<'_>,
    parsed: Parsed,
    environment: &Environment,
) -> Result<Done, Error> {
    let Parsed {
        arguments,
        target,
        given,
    } = parsed;
    let flags = arguments.everywhere;
    let output = flags.output;
    let command = match arguments.command {
        Command::Plugins { command } => return plugins::run(command, flags, environment),
        Command::Catalog { command } => return plugins::catalog(command, output, environment),
        command => command,
    };
    let target = match (&command, target) {
        (Command::Inspect { .. }, _) => None,
        (Command::Targets(app), _) => {
            let search = Search {
                from: app.from.as_deref(),
                vendor: flags.vendor.as_deref(),
            };
            return list_targets(environment, search, output, flags.verbose);
        }
        (Command::Completions { shell }, _) => {
            return Ok(Done {
                text: line.completions(*shell),
                exit_code: 0,
            });
        }
        (Command::Key { action, file }, _) => {
            let (report, text): (_, fn(&_) -> _) = match action {
                KeyAction::Create => (create_key(environment, file)?, results::key_created),
                KeyAction::Show => (show_key(environment, file)?, results::key_shown),
            };
            if let Some(note) = report.note.as_deref().filter(|_| !flags.quiet) {
                to_stderr(&errors::message(Kind::Warning, note, None, None));
            }
            return Ok(show(&report, output, text));
        }
        (Command::Logout { all: true, .. }, _) => {
            let report = logout_all(environment, flags.audit_log.as_deref())?;
            return Ok(show(&report, output, results::logged_out));
        }
        (Command::Logout { account, .. }, Some(target)) => {
            let from = account.from.from.as_deref();
            let audit_log = flags.audit_log.as_deref();
            let report = logout(environment, &target, &given, from, audit_log)?;
            return Ok(show(&report, output, results::logged_out));
        }
        (_, Some(target)) => Some(target),
        (_, None) => return Err(Error::new(Code::Failed, "the command has no target")),
    };
    let app = app_request(&command, flags.offline, environment);

    let screen = Screen::new(&flags, environment, Streams::of_this_process());
    let progress = Arc::new(Progress::new(
        screen.drawing,
        flags.verbose,
        screen.interactive,
    ));
    let oversight = Oversight {
        command: command.name(),
        audit_log: flags.audit_log.clone(),
        policy: flags.policy.clone(),
    };
    let Some(target) = target else {
        let inspection = Inspection::new(environment.clone(), app, &oversight, progress.clone())?;
        let inspection = Arc::new(inspection);
        {
            let inspection = inspection.clone();
            crash::keep(move || inspection.end());
        }
        let interrupted = {
            let (inspection, progress) = (inspection.clone(), progress.clone());
            move |signal| {
                last_words(signal, &progress, output, || {
                    interrupted::inspection(&inspection)
                });
            }
        };
        signals::listen(interrupted).map_err(|e| cannot_start(&e))?;
        let runtime = runtime()?;
        let report = runtime.block_on(inspection.run());
        runtime.shutdown_background();
        progress.clear();
        return Ok(show_app(&report?, output, flags.quiet));
    };
    for option in &target.manifest.options {
        if option.kind == OptionKind::Secret && given.contains_key(option.name.as_str()) {
            progress.say(&errors::typed_secret(option));
        }
    }
    let name = target.name.clone();
    let shown = name.clone();
    let request = Request {
        app,
        given,
        limits: flags.limits.into(),
        readiness_timeout: flags.readiness_timeout,
        oversight,
        agreeing: Agreeing {
            locked: flags.locked,
            yes: flags.yes,
        },
        spin_version: flags.spin_version,
    };
    let deployer = Deployer::new(environment.clone(), target, request, progress.clone())?;
    let deployer = Arc::new(deployer);
    {
        let deployer = deployer.clone();
        crash::keep(move || deployer.end());
    }
    let interrupted = {
        let (deployer, progress) = (deployer.clone(), progress.clone());
        move |signal| {
            last_words(signal, &progress, output, || {
                interrupted::deployer(&deployer, &name)
            });
        }
    };
    signals::listen(interrupted).map_err(|e| cannot_start(&e))?;

    let runtime = runtime()?;
    let done = runtime.block_on(async {
        match &command {
            Command::Destroy(_) => {
                let asks = destroy::Asks {
                    yes: flags.yes,
                    interactive: screen.interactive,
                    quiet: flags.quiet,
                    target: &shown,
                };
                let report = destroy::run(&deployer, &progress, asks).await?;
                Ok(show(&report, output, results::destroyed))
            }
            command => call(&deployer, command, output).await,
        }
    });
    // Not one that still hashes or waits for a lock holds up the end.
    runtime.shutdown_background();
    progress.clear();
    if done.as_ref().is_err_and(|e| e.code == Code::Crashed)
        && let Some(words) = progress.last_words()
    {
        progress.say(&words);
    }
    done
}

async fn call(deployer: &Deployer, command: &Command, output: Output) -> Result<Done, Error> {
    /// Text or document of a report.
    macro_rules! done {
        ($report:expr, $text:path) => {
            show(&$report, output, $text)
        };
    }
    Ok(match command {
        Command::Deploy { outputs, .. } => {
            let outputs = outputs.as_deref().map(Outputs::open).transpose()?;
            let report = deployer.deploy().await?;
            if let Some(mut outputs) = outputs {
                outputs.write(&report.release)?;
            }
            done!(report, results::deployed)
        }
        Command::Plan {
            detailed_exitcode, ..
        } => {
            let report = deployer.plan().await?;
            let exit_code = if *detailed_exitcode && report.changes_something() {
                2
            } else {
                0
            };
            Done {
                exit_code,
                ..done!(report, results::planned)
            }
        }
        Command::Status(_) => done!(deployer.status().await?, results::status),
        Command::History { limit, .. } => done!(deployer.history(*limit).await?, results::history),
        Command::Rollback { id, .. } => done!(deployer.rollback(id).await?, results::rolled_back),
        Command::Login(_) => done!(deployer.login().await?, results::logged_in),
        Command::Logout { .. }
        | Command::Destroy(_)
        | Command::Inspect { .. }
        | Command::Targets(_)
        | Command::Key { .. }
        | Command::Plugins { .. }
        | Command::Catalog { .. }
        | Command::Completions { .. } => {
            return Err(Error::new(Code::Failed, "the command runs no plugin"));
        }
    })
}

/// A report, as text or as a document.
pub(crate) fn show<T: serde::Serialize>(
    report: &T,
    output: Output,
    text: impl Fn(&T) -> String,
) -> Done {
    Done::new(match output {
        Output::Json => json::document(report),
        Output::Text => text(report),
    })
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.clamp(2, 4))
        .enable_all()
        .build()
        .map_err(|e| cannot_start(&e))
}

fn app_request(command: &Command, offline: bool, environment: &Environment) -> AppRequest {
    if let Command::Login(account) = command {
        return AppRequest {
            from: account.from.from.clone(),
            ..AppRequest::default()
        };
    }
    let Some((app, build)) = command.app() else {
        return AppRequest::default();
    };
    // Spin's own variable for its `--build`.
    let always = environment
        .var("SPIN_ALWAYS_BUILD")
        .is_some_and(|value| !["0", "false", "no", "off"].contains(&value));
    AppRequest {
        from: app.from.from.clone(),
        profile: build.and_then(|build| build.profile.clone()),
        name: app.name.clone(),
        version: app.app_version.clone(),
        build: build.is_some_and(|build| build.build || always),
        offline,
    }
}

fn show_app(report: &InspectReport, output: Output, quiet: bool) -> Done {
    if !quiet {
        report
            .findings
            .iter()
            .for_each(|finding| to_stderr(&errors::finding(finding)));
    }
    Done::new(match output {
        Output::Json => json::document(report),
        Output::Text => results::inspected(report),
    })
}

fn list_targets(
    environment: &Environment,
    search: Search<'_>,
    output: Output,
    verbose: bool,
) -> Result<Done, Error> {
    let targets = Target::list(environment, search)?;
    Ok(Done::new(match output {
        Output::Json => json::targets(&targets),
        Output::Text if verbose => results::targets_with_digests(&targets),
        Output::Text => results::targets(&targets),
    }))
}

pub(crate) fn cannot_start(error: &std::io::Error) -> Error {
    Error::new(Code::Failed, "the command cannot start").detail(error.to_string())
}
