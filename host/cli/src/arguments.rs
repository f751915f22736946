//! Commands and flags of our own. Those of a target's plugin are added in [`crate::options`].

pub(crate) mod plugins;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ColorChoice, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use semver::Version;
use spin_deployer_deploy::{Asked, Environment, UNGUARDED};
use spin_deployer_manifest::ByteSize;

use plugins::{CatalogCommand, PluginsCommand};

/// A program that checks nothing says so.
const VERSION: &str = match UNGUARDED {
    true => concat!(
        env!("CARGO_PKG_VERSION"),
        " UNGUARDED: nothing that a plugin sends is checked; for benchmarks only"
    ),
    false => env!("CARGO_PKG_VERSION"),
};

/// Deploys Spin applications through sandboxed plugins
#[derive(Debug, Parser)]
#[command(
    name = "spin-deployer",
    version = VERSION,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy the app, wait until it answers, report
    Deploy {
        #[command(flatten)]
        named: NamedTarget,
        #[command(flatten)]
        build: Build,
        /// Append url, digest and release to a file, a line each, as CI systems read them
        #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
        outputs: Option<PathBuf>,
    },
    /// Show what deploy would do; the sandbox keeps it from changing anything
    Plan {
        #[command(flatten)]
        named: NamedTarget,
        #[command(flatten)]
        build: Build,
        /// Exit with 2 where deploy would change something
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Show the active release
    Status(NamedTarget),
    /// List releases, newest first
    History {
        #[command(flatten)]
        named: NamedTarget,
        /// How many at most
        #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Make an earlier release the active one again
    Rollback {
        /// The release, as `history` shows it
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Remove the app from the platform; asks first
    Destroy(NamedTarget),
    /// Log in to the platform, or type its secrets once, and save them for the next commands
    Login(Account),
    /// Remove what login saved
    Logout {
        #[command(flatten)]
        account: Account,
        /// For all targets, also what cannot be read any more
        #[arg(long, conflicts_with_all = ["named", "target"])]
        all: bool,
    },
    /// Show what would be deployed: components, files, sizes, digests
    Inspect {
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        build: Build,
    },
    /// List the targets of this app and the plugins that could be one
    Targets(From),
    /// Make a key to sign with, or show the public half of one
    Key {
        /// What to do with the file
        #[arg(value_name = "ACTION")]
        action: KeyAction,
        /// The file with the private key, as `openssl genpkey -algorithm ed25519` writes it too
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Manage plugins: install, upgrade, list, verify; or write one: new, pack, check, push
    #[command(visible_alias = "plugin", arg_required_else_help = false)]
    Plugins {
        #[command(subcommand)]
        command: PluginsCommand,
    },
    /// Manage catalogs of plugins
    #[command(arg_required_else_help = false)]
    Catalog {
        #[command(subcommand)]
        command: CatalogCommand,
    },
    /// Write completions for a shell to standard output
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Where the app is.
#[derive(Debug, Args)]
pub(crate) struct From {
    /// The app: spin.toml, its folder, oci-layout:DIR, or an image in a registry; otherwise found from here upwards
    #[arg(short, long, value_name = "APP", value_hint = clap::ValueHint::AnyPath)]
    pub(crate) from: Option<String>,
}

/// Which app.
#[derive(Debug, Args)]
pub(crate) struct App {
    #[command(flatten)]
    pub(crate) from: From,
    /// Deploy it under this name instead of its own, as a preview or a stage of its own
    #[arg(long, value_name = "NAME", value_parser = visible)]
    pub(crate) name: Option<String>,
    /// Deploy it as this version instead of its own
    #[arg(long, value_name = "VERSION", value_parser = visible)]
    pub(crate) app_version: Option<String>,
}

/// How the app is built.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Build the app first: with Spin where it is, else with the commands in spin.toml [env: SPIN_ALWAYS_BUILD]
    #[arg(long)]
    pub(crate) build: bool,
    /// The build profile: what profile.NAME in spin.toml replaces
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

/// Which app, and where to.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Where to: a target of deployer.toml, a plugin, or a plugin's .wasm file [env: SPIN_DEPLOYER_TARGET]
    #[arg(short, long)]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) app: App,
}

/// A place whose target may be named without a flag.
#[derive(Debug, Args)]
pub(crate) struct NamedTarget {
    /// The same as --target
    #[arg(value_name = "TARGET", conflicts_with = "target")]
    pub(crate) named: Option<String>,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Where the user is known. Nothing of the app is needed but its folder, for `deployer.toml`.
#[derive(Debug, Args)]
pub(crate) struct Account {
    /// The same as --target
    #[arg(value_name = "TARGET", conflicts_with = "target")]
    pub(crate) named: Option<String>,
    /// Where to: a target of deployer.toml, a plugin, or a plugin's .wasm file [env: SPIN_DEPLOYER_TARGET]
    #[arg(short, long)]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) from: From,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Everywhere {
    /// What standard output gets: text, or one JSON document, also for errors
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Output,
    /// Answer every question with yes, but the one whether to log in
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Ask nothing; say what is missing. So it is without a terminal and where CI is set
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Fetch nothing: what the app refers to elsewhere must have been fetched before
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// Change nothing in deployer.lock, and run no plugin that differs from it. So it is where CI is set and there is one
    #[arg(long, global = true)]
    pub(crate) locked: bool,
    /// A folder with plugins as `plugins fetch` leaves them, for those that deployer.lock names
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(crate) vendor: Option<PathBuf>,
    /// Append a line of JSON for every request to this file
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) audit_log: Option<PathBuf>,
    /// A policy that narrows what may run and go out, besides those of the machine [env: SPIN_DEPLOYER_POLICY]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: Limits,
    /// How long to wait until a release answers; 0 does not wait
    #[arg(long, global = true, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) readiness_timeout: Duration,
    /// The Spin that the app is for, where it is not the one that is here
    #[arg(long, global = true, value_name = "VERSION", value_parser = version)]
    pub(crate) spin_version: Option<Version>,
    /// Show no progress and, where the command ends well, no warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show what the plugin writes, and times
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// When to use colours; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
}

/// How much a plugin may use. What is not given is the default, or what a policy lowers it to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the plugin")]
pub(crate) struct Limits {
    /// The longest that one call of the plugin may take [default: 15m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout)]
    pub(crate) timeout: Option<Duration>,
    /// The most memory that the plugin may use [default: 256MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub(crate) max_memory: Option<ByteSize>,
    /// The longest that the plugin may compute, waiting not counted [default: 60s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout)]
    pub(crate) max_compute: Option<Duration>,
    /// The most requests that the plugin may send [default: 10000]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = number)]
    pub(crate) max_requests: Option<u64>,
    /// The most that all its requests and answers may have in their bodies together [default: 1024GiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub(crate) max_bytes: Option<ByteSize>,
    /// The most that one answer may have in its body [default: 64MiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub(crate) max_answer: Option<ByteSize>,
    /// The most that the headers of a request, or of an answer, may have [default: 64KiB]
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub(crate) max_headers: Option<ByteSize>,
    /// The most that the plugin may write to your directories [default: 1GiB, or twice the app]
    #[arg(long, global = true, value_name = "SIZE")]
    pub(crate) max_written: Option<ByteSize>,
    /// The longest that compiling the plugin may take, at its first start [default: 2m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = timeout)]
    pub(crate) max_compile: Option<Duration>,
}

impl std::convert::From<Limits> for Asked {
    fn from(limits: Limits) -> Self {
        Self {
            time: limits.timeout,
            memory: limits.max_memory,
            compute: limits.max_compute,
            requests: limits.max_requests,
            bytes: limits.max_bytes,
            answer: limits.max_answer,
            headers: limits.max_headers,
            written: limits.max_written,
            compile: limits.max_compile,
        }
    }
}

/// What is done with the file of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyAction {
    /// Make an Ed25519 key in a new file that only you can read
    Create,
    /// Show the public key, in base64
    Show,
}

/// What standard output gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    #[default]
    Text,
    Json,
}

impl Command {
    /// As it is typed.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Deploy { .. } => "deploy",
            Self::Plan { .. } => "plan",
            Self::Status(_) => "status",
            Self::History { .. } => "history",
            Self::Rollback { .. } => "rollback",
            Self::Destroy(_) => "destroy",
            Self::Login(_) => "login",
            Self::Logout { .. } => "logout",
            Self::Inspect { .. } => "inspect",
            Self::Targets(_) => "targets",
            Self::Key { .. } => "key",
            Self::Plugins { command } => command.name(),
            Self::Catalog { .. } => "catalog",
            Self::Completions { .. } => "completions",
        }
    }

    /// The target that was named, for a command that has a target.
    pub(crate) fn target(&self) -> Option<&str> {
        match self {
            Self::Deploy { named, .. }
            | Self::Plan { named, .. }
            | Self::Status(named)
            | Self::Destroy(named)
            | Self::History { named, .. } => {
                named.named.as_deref().or(named.place.target.as_deref())
            }
            Self::Rollback { place, .. } => place.target.as_deref(),
            Self::Login(account) | Self::Logout { account, .. } => {
                account.named.as_deref().or(account.target.as_deref())
            }
            Self::Inspect { .. }
            | Self::Targets(_)
            | Self::Key { .. }
            | Self::Plugins { .. }
            | Self::Catalog { .. }
            | Self::Completions { .. } => None,
        }
    }

    /// Which app, for a command that has one, and how it is built, for one that loads it.
    pub(crate) fn app(&self) -> Option<(&App, Option<&Build>)> {
        match self {
            Self::Deploy { named, build, .. } | Self::Plan { named, build, .. } => {
                Some((&named.place.app, Some(build)))
            }
            Self::Inspect { app, build } => Some((app, Some(build))),
            Self::Status(named) | Self::Destroy(named) | Self::History { named, .. } => {
                Some((&named.place.app, None))
            }
            Self::Rollback { place, .. } => Some((&place.app, None)),
            Self::Login(_)
            | Self::Logout { .. }
            | Self::Targets(_)
            | Self::Key { .. }
            | Self::Plugins { .. }
            | Self::Catalog { .. }
            | Self::Completions { .. } => None,
        }
    }
}

/// The command line without a plugin's options, named as the user called it.
pub(crate) fn command(environment: &Environment, color: ColorChoice) -> clap::Command {
    let by_spin = ["SPIN_BIN_PATH", "SPIN_VERSION"]
        .iter()
        .any(|v| environment.var(v).is_some());
    let mut command = Arguments::command().color(color).bin_name("spin-deployer");
    if by_spin {
        command = command
            .bin_name("spin deployer")
            .mut_subcommand("deploy", |c| {
                c.override_usage("spin deploy [OPTIONS] [TARGET]")
            })
            .mut_subcommand("login", |c| {
                c.override_usage("spin login [OPTIONS] [TARGET]")
            });
    }
    command
        .mut_args(|arg| with_variable(arg, environment))
        .mut_subcommands(|c| c.mut_args(|arg| with_variable(arg, environment)))
}

/// Every flag `--a-b` can be set as `SPIN_DEPLOYER_A_B`; an empty variable is none.
fn with_variable(arg: clap::Arg, environment: &Environment) -> clap::Arg {
    let Some(long) = arg.get_long() else {
        return arg;
    };
    // The target's variable gives way to a positional TARGET, which clap would call a conflict; a policy's adds to the
    // flag; and nobody wants to log out everywhere, always.
    if matches!(long, "target" | "policy" | "all") {
        return arg;
    }
    let name = variable(long);
    let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
    let arg = if is_flag {
        arg.value_parser(BoolishValueParser::new())
    } else {
        arg
    };
    let is_empty = environment.vars.get(&name).is_some_and(String::is_empty);
    if is_empty {
        arg
    } else {
        arg.env(name).hide_env_values(true)
    }
}

/// `SPIN_DEPLOYER_AUDIT_LOG` for `audit-log`.
pub(crate) fn variable(long: &str) -> String {
    format!("SPIN_DEPLOYER_{}", long.replace('-', "_").to_uppercase())
}

/// A name that can be seen, and nothing else in it.
fn visible(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it must not be empty".into());
    }
    if text.contains(char::is_control) {
        return Err("it has control characters in it".into());
    }
    Ok(text.to_owned())
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| format!("{error}; 4.0.2 is a version"))
}

/// `90s`, `15m`, `1h 30m`; a number alone is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => {
            humantime::parse_duration(text).map_err(|e| format!("{e}; 90s and 15m are durations"))
        }
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("nothing can be done in no time".into()),
        time => Ok(time),
    }
}

/// What a plugin needs some of.
fn size(text: &str) -> Result<ByteSize, String> {
    match text.parse()? {
        ByteSize(0) => Err("nothing fits into nothing".into()),
        size => Ok(size),
    }
}

fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err(
            "a plugin that may ask nothing cannot deploy; --offline is for what the app refers to"
                .into(),
        ),
        Ok(number) => Ok(number),
        Err(e) => Err(format!("{e}")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90", 90)]
    #[case("90s", 90)]
    #[case("15m", 900)]
    #[case("1h 30m", 5400)]
    fn durations_are_written_as_people_write_them(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case("")]
    #[case("soon")]
    #[case("-1")]
    #[case("99999999999999999999y")]
    fn what_is_no_duration_is_an_error(#[case] text: &str) {
        assert!(duration(text).is_err());
    }

    #[test]
    fn a_call_that_may_take_no_time_is_refused() {
        assert!(timeout("0s").is_err() && duration("0s").is_ok());
    }

    #[test]
    fn no_limit_is_nothing() {
        assert_eq!(size("1KiB"), Ok(ByteSize(1 << 10)));
        assert_eq!(number("1"), Ok(1));
        assert!(size("0B").is_err() && number("0").is_err() && number("-1").is_err());
    }

    #[test]
    fn a_program_that_checks_is_called_by_its_version_alone() {
        assert_eq!(VERSION, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn spins_own_flag_is_never_ours() {
        let command = Arguments::command();
        let flags = command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments);
        let flags = flags
            .chain(command.get_arguments())
            .filter_map(clap::Arg::get_long);
        assert!(
            !flags
                .into_iter()
                .any(|long| long == "override-compatibility-check")
        );
    }
}
