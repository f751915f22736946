//! Arguments to a command, its target and the target's options.
//!
//! Which flags exist depends on the target, and the target stands among the flags. So the target is looked for first
//! ([`Scan`]), its plugin's options are added, and everything is parsed; where the parse finds another target than
//! the look did, it is done again with that one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{ColorChoice, FromArgMatches as _};
use spin_deployer_deploy::{Code, Environment, Error, Oversight, Search, Target};
use spin_deployer_manifest::OptionSpec;

use crate::arguments::{self, Arguments, Output, variable};
use crate::scan::Scan;
use crate::terminal::escape;
use crate::{options, usage};

/// A command line that was understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) arguments: Arguments,
    /// For a command that has a target.
    pub(crate) target: Option<Target>,
    /// Options of the plugin that were typed as flags: name to raw values.
    pub(crate) given: BTreeMap<String, Vec<String>>,
}

/// A command line that runs nothing.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Help or the version was asked for.
    Print(String),
    /// It was not understood.
    Wrong(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

/// The arguments, with a first look at them.
pub(crate) struct CommandLine<'e> {
    environment: &'e Environment,
    raw: Vec<OsString>,
    root: clap::Command,
    scan: Scan,
}

impl<'e> CommandLine<'e> {
    /// `raw` begins with the program's name.
    pub(crate) fn new(raw: Vec<OsString>, environment: &'e Environment) -> Self {
        let words: Vec<String> = raw
            .iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let scan = Scan::of(&words, &arguments::command(environment, ColorChoice::Auto));
        let color = match setting(&scan, environment, "color") {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        };
        Self {
            environment,
            raw,
            root: arguments::command(environment, color),
            scan,
        }
    }

    /// What standard output gets, known also where the rest is wrong.
    pub(crate) fn output(&self) -> Output {
        match setting(&self.scan, self.environment, "output") {
            Some("json") => Output::Json,
            _ => Output::Text,
        }
    }

    /// Parses everything.
    ///
    /// # Errors
    /// [`Stop::Print`] for help and version, [`Stop::Wrong`] for wrong usage and for a target that cannot be found.
    pub(crate) fn parse(&self) -> Result<Parsed, Stop> {
        let Some(command) = self.command_with_target() else {
            let arguments = self
                .matches(&self.root)
                .and_then(|m| Arguments::from_arg_matches(&m));
            let arguments = arguments.map_err(|e| self.stop(&e, None))?;
            return Ok(Parsed {
                arguments,
                target: None,
                given: BTreeMap::new(),
            });
        };
        let variable = self.environment.var("SPIN_DEPLOYER_TARGET");
        let positional = TAKES_TARGET.contains(&command);
        let explicit = self.scan.value("target");
        let explicit = explicit.or(self
            .scan
            .positional
            .first()
            .filter(|_| positional)
            .map(String::as_str));
        let mut name = explicit.or(variable).map(str::to_owned);
        let mut unsure = self
            .scan
            .unsure
            .iter()
            .filter(|_| positional && explicit.is_none());
        // As often as two plugins can disagree on what is a flag's value and what is the target.
        for _ in 0..4 {
            let target = match self.resolve(name.as_deref()) {
                Ok(target) => target,
                // Help must not depend on what nobody asked about.
                Err(error) if self.scan.help && name.is_none() => return self.help_without(&error),
                Err(error) => {
                    self.oversight(command)
                        .refused(self.environment, name.as_deref(), &error);
                    return Err(error.into());
                }
            };
            let root = self.with_options(command, &target)?;
            let error = match self.matches(&root) {
                Ok(matches) => {
                    let arguments =
                        Arguments::from_arg_matches(&matches).map_err(|e| self.stop(&e, None))?;
                    let found = arguments.command.target().or(variable);
                    if found.is_none() || found == name.as_deref() {
                        let specs = &target.manifest.options;
                        let own = matches
                            .subcommand()
                            .map(|(_, own)| options::given(own, specs));
                        let given = own.unwrap_or_default();
                        return Ok(Parsed {
                            arguments,
                            target: Some(target),
                            given,
                        });
                    }
                    name = found.map(str::to_owned);
                    continue;
                }
                Err(error) => error,
            };
            // The unknown flag may be of a target whose name stands right behind it.
            let known = usage::unknown_flag(&error).is_none();
            match unsure.find(|name| !known && self.resolve(Some(name)).is_ok()) {
                Some(other) => name = Some(other.clone()),
                None => return Err(self.stop(&error, Some(&target))),
            }
        }
        let error = Error::new(Code::Usage, "it cannot be told which target is meant");
        Err(error.help("name it with -t").into())
    }

    /// Writes completions: our own flags, and the options of every target that is known here.
    pub(crate) fn completions(&self, shell: clap_complete::Shell) -> Vec<u8> {
        let listed = Target::list(self.environment, Search::default()).unwrap_or_default();
        let mut names = BTreeSet::new();
        let specs: Vec<OptionSpec> = listed
            .iter()
            .filter_map(|target| self.resolve(Some(&target.name)).ok())
            .flat_map(|target| target.manifest.options)
            .filter(|option| names.insert(option.name.to_string()))
            .collect();
        let mut root = self.root.clone().bin_name("spin-deployer");
        for command in WITH_TARGET {
            root = root.mut_subcommand(command, |c| c.args(specs.iter().map(options::argument)));
        }
        root = self.with_plugin_names(root);
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut root, "spin-deployer", &mut script);
        match shell {
            // clap_complete 4.6 names what it looks for and what it finds differently where a program has a hyphen.
            clap_complete::Shell::Bash => String::from_utf8_lossy(&script)
                .replace("spin__subcmd__deployer", "spin__deployer")
                .into_bytes(),
            _ => script,
        }
    }

    /// Names of the plugins that are installed, for the commands that take one.
    fn with_plugin_names(&self, root: clap::Command) -> clap::Command {
        let names = spin_deployer_plugins::installed_names(self.environment);
        root.mut_subcommand("plugins", |plugins| {
            ["upgrade", "uninstall"]
                .into_iter()
                .fold(plugins, |plugins, command| {
                    plugins.mut_subcommand(command, |c| {
                        c.mut_arg("names", |arg| match names.is_empty() {
                            true => arg,
                            false => arg.value_parser(names.clone()),
                        })
                    })
                })
        })
    }

    fn command_with_target(&self) -> Option<&'static str> {
        let typed = self.scan.command.as_deref()?;
        // Everything that is saved can be removed whatever has become of the targets.
        if typed == "logout" && self.scan.value("all").is_some() {
            return None;
        }
        WITH_TARGET.into_iter().find(|command| *command == typed)
    }

    fn resolve(&self, name: Option<&str>) -> Result<Target, Error> {
        Target::resolve(self.environment, self.search(), name)
    }

    /// Who watches over the command, known before the rest is.
    fn oversight(&self, command: &'static str) -> Oversight {
        let path = |long| setting(&self.scan, self.environment, long).map(PathBuf::from);
        Oversight {
            command,
            audit_log: path("audit-log"),
            policy: path("policy"),
        }
    }

    /// Where targets are looked for, known before the rest is.
    fn search(&self) -> Search<'_> {
        Search {
            from: setting(&self.scan, self.environment, "from"),
            vendor: setting(&self.scan, self.environment, "vendor").map(Path::new),
        }
    }

    /// The command line with the options of a target.
    fn with_options(&self, command: &str, target: &Target) -> Result<clap::Command, Error> {
        let own = self.root.find_subcommand(command);
        let ours = self.root.get_arguments();
        let ours = ours.chain(own.iter().flat_map(|c| c.get_arguments()));
        options::refuse_clash(ours, &target.manifest)?;
        Ok(self.root.clone().mut_subcommand(command, |c| {
            options::add(c, target).after_help(OTHER_TARGETS)
        }))
    }

    fn matches(&self, root: &clap::Command) -> Result<clap::ArgMatches, clap::Error> {
        root.clone().try_get_matches_from(&self.raw)
    }

    /// The help of a command whose default target cannot be found.
    fn help_without(&self, why: &Error) -> Result<Parsed, Stop> {
        let note = format!(
            "The options of the default target cannot be shown: {}",
            escape::line(&why.message)
        );
        let root = self
            .root
            .clone()
            .mut_subcommands(|c| c.after_help(note.clone()));
        match self.matches(&root) {
            Err(error) => Err(self.stop(&error, None)),
            Ok(_) => Err(Stop::Wrong(why.clone())),
        }
    }

    fn stop(&self, error: &clap::Error, target: Option<&Target>) -> Stop {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            let colors = match self.root.get_color() {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => console::colors_enabled(),
            };
            let text = error.render();
            return Stop::Print(if colors {
                text.ansi().to_string()
            } else {
                text.to_string()
            });
        }
        let mut wrong = usage::error(error);
        if let (Some(flag), Some(target)) = (usage::unknown_flag(error), target) {
            let others = usage::targets_with(self.environment, self.search(), flag);
            if let Some(other) = others.first() {
                wrong.message = format!(
                    "target {} has no option `--{flag}`",
                    escape::line(&target.name)
                );
                wrong.help = Some(format!(
                    "it is an option of {}: add -t {other}",
                    others.join(", ")
                ));
            }
        }
        Stop::Wrong(wrong)
    }
}

/// Commands that talk to a platform, through a plugin.
const WITH_TARGET: [&str; 8] = [
    "deploy", "plan", "status", "history", "rollback", "destroy", "login", "logout",
];
/// Those whose target may be named without a flag.
const TAKES_TARGET: [&str; 7] = [
    "deploy", "plan", "status", "history", "destroy", "login", "logout",
];
const OTHER_TARGETS: &str = "For the options of another target add -t TARGET to --help; `spin-deployer targets` lists them.";

/// One of our own flags, typed or from its variable.
fn setting<'a>(scan: &'a Scan, environment: &'a Environment, long: &str) -> Option<&'a str> {
    scan.value(long)
        .or_else(|| environment.var(&variable(long)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn environment(vars: &[(&str, &str)]) -> Environment {
        let mut environment = Environment::capture().unwrap();
        environment.vars = vars
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        environment
    }

    fn parse(line: &str, vars: &[(&str, &str)]) -> Result<Parsed, Stop> {
        let environment = environment(vars);
        let words = std::iter::once("spin-deployer").chain(line.split_whitespace());
        CommandLine::new(words.map(OsString::from).collect(), &environment).parse()
    }

    fn target(line: &str, vars: &[(&str, &str)]) -> String {
        parse(line, vars).unwrap().target.unwrap().name
    }

    fn wrong(line: &str) -> Error {
        match parse(line, &[]).unwrap_err() {
            Stop::Wrong(error) => error,
            Stop::Print(text) => panic!("{text}"),
        }
    }

    fn printed(line: &str, vars: &[(&str, &str)]) -> String {
        match parse(line, vars).unwrap_err() {
            Stop::Print(text) => text,
            Stop::Wrong(error) => panic!("{error:?}"),
        }
    }

    #[rstest]
    #[case("deploy", "local")]
    #[case("deploy oci", "oci")]
    #[case("plan oci --reference a.b/c", "oci")]
    #[case("deploy --reference a.b/c oci", "oci")]
    #[case("deploy --reference a.b/c --tag x -t oci --annotation k=v", "oci")]
    #[case("deploy --archive-layers oci", "oci")]
    #[case("deploy --directory out", "local")]
    #[case("deploy --directory oci", "local")]
    #[case("deploy --directory oci local", "local")]
    #[case("history -t oci", "oci")]
    #[case("history oci", "oci")]
    #[case("status oci --reference a.b/c", "oci")]
    #[case("destroy --reference a.b/c oci", "oci")]
    #[case("rollback --reference a.b/c 3 -t oci", "oci")]
    #[case("login", "local")]
    #[case("login --reference a.b/c oci", "oci")]
    #[case("logout -t oci", "oci")]
    fn the_target_is_the_one_that_was_meant(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(target(line, &[]), expected);
    }

    #[rstest]
    #[case("deploy", "oci")]
    #[case("deploy local", "local")]
    #[case("status -t local", "local")]
    fn the_variable_names_the_target_where_the_line_does_not(
        #[case] line: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(target(line, &[("SPIN_DEPLOYER_TARGET", "oci")]), expected);
    }

    #[test]
    fn options_of_the_plugin_are_found_among_ours() {
        let parsed = parse(
            "deploy --tag a -q --tag b oci --reference x.y/z -f app",
            &[],
        )
        .unwrap();
        assert_eq!(parsed.given["tag"], ["a", "b"]);
        assert_eq!(parsed.given["reference"], ["x.y/z"]);
        assert_eq!(parsed.given.len(), 2);
        assert!(parsed.arguments.everywhere.quiet);
    }

    #[rstest]
    #[case("deploy --refrence x -t oci", "'--reference'")]
    #[case("deploy --reference x.y/z", "add -t oci")]
    #[case("deploy oci -t local", "usage: ")]
    #[case("deploy nonsense", "oci")]
    fn a_mistake_comes_with_a_way_out(#[case] line: &str, #[case] help: &str) {
        let error = wrong(line);
        assert_eq!(error.code, Code::Usage);
        assert!(
            error.help.as_deref().unwrap_or_default().contains(help),
            "{error:?}"
        );
    }

    #[test]
    fn logging_out_everywhere_asks_for_no_target() {
        let vars = [("SPIN_DEPLOYER_TARGET", "nonsense")];
        assert!(parse("logout --all", &vars).unwrap().target.is_none());
        assert!(parse("logout", &vars).is_err());
        assert!(parse("logout oci --all", &[]).is_err());
        // The variable of a flag: it would be meant for no command in particular.
        let vars = [("SPIN_DEPLOYER_ALL", "1")];
        assert!(parse("logout", &vars).unwrap().target.is_some());
    }

    #[test]
    fn help_shows_the_options_of_the_target() {
        let help = printed("deploy --help -t oci", &[]);
        assert!(
            help.contains("Options of oci") && help.contains("--reference"),
            "{help}"
        );
        let help = printed("deploy --help", &[]);
        assert!(
            help.contains("Options of local") && help.contains("add -t TARGET"),
            "{help}"
        );
    }

    #[rstest]
    #[case("deploy --help", "Usage: spin deploy [OPTIONS] [TARGET]")]
    #[case("plan --help", "Usage: spin deployer plan ")]
    #[case("login --help", "Usage: spin login [OPTIONS] [TARGET]")]
    fn usage_says_what_spins_users_type(#[case] line: &str, #[case] usage: &str) {
        let help = printed(line, &[("SPIN_VERSION", "4.0.2")]);
        assert!(help.contains(usage), "{help}");
    }

    /// Flags of one command only are the exception: there the clash is refused when it happens.
    #[test]
    fn no_flag_of_every_command_can_be_an_option_of_a_plugin() {
        let root = arguments::command(&environment(&[]), ColorChoice::Never);
        let deploy = root.find_subcommand("deploy").unwrap().get_arguments();
        for long in root
            .get_arguments()
            .chain(deploy)
            .filter_map(clap::Arg::get_long)
        {
            assert!(spin_deployer_manifest::RESERVED.contains(&long), "--{long}");
        }
    }
}
