//! The commands `plugins …` and `catalog …`, from their arguments to what they leave on standard output.

use std::path::Path;
use std::sync::Arc;

use spin_deployer_deploy::{Agreeing, Environment, Error, Oversight, Workbench};
use spin_deployer_plugins::{
    self as plugins, Build, Install, New, Pack, Push, Upgrade,
    report::{UpgradeReport, VerifyReport},
};

use crate::arguments::plugins::{CatalogCommand, Language, PluginsCommand};
use crate::arguments::{Everywhere, Output};
use crate::dispatch::{Done, cannot_start, runtime, show};
use crate::interrupted::{self, last_words};
use crate::terminal::plugins as texts;
use crate::terminal::progress::Progress;
use crate::terminal::{Screen, Streams, errors};
use crate::{crash, signals};

/// Runs a command about plugins.
pub(crate) fn run(
    command: PluginsCommand,
    flags: Everywhere,
    environment: &Environment,
) -> Result<Done, Error> {
    let output = flags.output;
    let cwd = &environment.cwd;
    match command {
        PluginsCommand::New {
            name,
            language: Language::Rust,
            sdk,
        } => Ok(show(
            &plugins::new(cwd, &New { name, sdk })?,
            output,
            texts::new,
        )),
        PluginsCommand::Pack {
            file,
            manifest,
            out,
            force,
        } => {
            let request = Pack {
                file,
                manifest,
                out,
                force,
            };
            Ok(show(&plugins::pack(cwd, &request)?, output, texts::packed))
        }
        PluginsCommand::Check { file } => {
            let report = plugins::check(&cwd.join(file))?;
            Ok(show(&report, output, texts::checked))
        }
        PluginsCommand::Show { named } => Ok(show(
            &plugins::show(environment, &named, vendor(&flags))?,
            output,
            texts::shown,
        )),
        PluginsCommand::Uninstall { names } => {
            let report = plugins::uninstall(environment, &names)?;
            Ok(show(&report, output, texts::uninstalled))
        }
        PluginsCommand::Verify => {
            let report = plugins::verify(environment, vendor(&flags))?;
            Ok(verified(&report, output))
        }
        command => at_the_bench(command, flags, environment),
    }
}

/// Runs a command about catalogs. None of them sends anything.
pub(crate) fn catalog(
    command: CatalogCommand,
    output: Output,
    environment: &Environment,
) -> Result<Done, Error> {
    let report = match command {
        CatalogCommand::Build { folder, key } => {
            let report = plugins::build(environment, &Build { folder, key })?;
            return Ok(show(&report, output, texts::built));
        }
        CatalogCommand::List => plugins::list_catalogs(environment)?,
        CatalogCommand::Remove { name } => plugins::remove_catalog(environment, &name)?,
        CatalogCommand::Add {
            name,
            location,
            token_file,
        } => plugins::add_catalog(environment, &name, &location, token_file.as_deref())?,
    };
    Ok(show(&report, output, texts::catalogs))
}

/// Runs one that may send something, or take long.
fn at_the_bench(
    command: PluginsCommand,
    flags: Everywhere,
    environment: &Environment,
) -> Result<Done, Error> {
    let output = flags.output;
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
    let observer = progress.clone();
    let bench = Workbench::new(environment.clone(), &oversight, flags.offline, observer)?;
    {
        let bench = bench.clone();
        crash::keep(move || bench.end());
    }
    let interrupted = {
        let (bench, progress) = (bench.clone(), progress.clone());
        move |signal| {
            last_words(signal, &progress, output, || interrupted::workbench(&bench));
        }
    };
    signals::listen(interrupted).map_err(|e| cannot_start(&e))?;
    let runtime = runtime()?;
    let done = runtime.block_on(call(&bench, command, flags));
    runtime.shutdown_background();
    progress.clear();
    done
}

async fn call(
    bench: &Workbench,
    command: PluginsCommand,
    flags: Everywhere,
) -> Result<Done, Error> {
    let output = flags.output;
    let agreeing = Agreeing {
        locked: flags.locked,
        yes: flags.yes,
    };
    let vendor = vendor(&flags).map(Path::to_owned);
    let spin_version = flags.spin_version;
    match command {
        PluginsCommand::Install {
            source,
            catalog,
            key,
            override_built_in,
        } => {
            let request = Install {
                source,
                catalog,
                key: key.key,
                override_built_in,
                agreeing,
                spin_version,
                limits: flags.limits.into(),
            };
            let report = plugins::install(bench, &request).await?;
            Ok(show(&report, output, texts::installed))
        }
        PluginsCommand::Upgrade {
            names,
            all: _,
            dry_run,
            downgrade,
            version,
            key,
        } => {
            let request = Upgrade {
                names,
                dry_run,
                downgrade,
                version,
                key: key.key,
                agreeing,
                spin_version,
                limits: flags.limits.into(),
            };
            let report = plugins::upgrade(bench, &request).await?;
            Ok(upgraded(&report, output))
        }
        PluginsCommand::List => {
            let report = plugins::list(bench, true, spin_version.as_ref()).await?;
            Ok(show(&report, output, texts::listed))
        }
        PluginsCommand::Search { text, catalog } => {
            let report = plugins::search(bench, &text.join(" "), catalog.as_deref()).await?;
            Ok(show(&report, output, texts::found))
        }
        PluginsCommand::Fetch => {
            let report = plugins::fetch(bench, vendor.as_deref()).await?;
            Ok(show(&report, output, texts::fetched))
        }
        PluginsCommand::Push { file, reference } => {
            let report = plugins::push(bench, &Push { file, reference }).await?;
            Ok(show(&report, output, texts::pushed))
        }
        PluginsCommand::New { .. }
        | PluginsCommand::Pack { .. }
        | PluginsCommand::Check { .. }
        | PluginsCommand::Show { .. }
        | PluginsCommand::Uninstall { .. }
        | PluginsCommand::Verify => Err(cannot_start(&std::io::ErrorKind::InvalidInput.into())),
    }
}

/// What failed is told like an error of its own, and the report has what became of the others.
fn upgraded(report: &UpgradeReport, output: Output) -> Done {
    for (name, failure) in report.failures() {
        crate::dispatch::to_stderr(&errors::message(
            errors::Kind::Error,
            &format!("`{name}` is not upgraded: {}", failure.message),
            failure.detail.as_deref(),
            failure.help.as_deref(),
        ));
    }
    let first = report.failures().next();
    Done {
        exit_code: first.map_or(0, |(_, failure)| failure.exit_code),
        ..show(report, output, texts::upgraded)
    }
}

/// What differs is told like an error, and the report is there all the same.
fn verified(report: &VerifyReport, output: Output) -> Done {
    if output == Output::Text {
        for problem in report.problems() {
            crate::dispatch::to_stderr(&errors::message(
                errors::Kind::Error,
                &texts::differs(problem),
                problem.problem.as_deref(),
                Some(texts::mend(problem)),
            ));
        }
    }
    Done {
        exit_code: u8::from(!report.ok),
        ..show(report, output, texts::verified)
    }
}

fn vendor(flags: &Everywhere) -> Option<&Path> {
    flags.vendor.as_deref()
}
