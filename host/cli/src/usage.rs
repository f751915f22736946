//! What clap has against the arguments, in our form of an error.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use spin_deployer_deploy::{Code, Environment, Error, Search, Target};

use crate::arguments::Arguments;

/// Whether clap did not know a flag, and which.
pub(crate) fn unknown_flag(error: &clap::Error) -> Option<&str> {
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => flag.strip_prefix("--"),
        _ => None,
    }
}

/// An error of usage. Clap's text comes in paragraphs: what is wrong, tips, the usage line.
pub(crate) fn error(error: &clap::Error) -> Error {
    use ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    if matches!(
        error.kind(),
        DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand
    ) {
        let command = Arguments::command();
        let names: Vec<&str> = match error.get(ContextKind::ValidSubcommand) {
            // Of the command that wants one of its own.
            Some(ContextValue::Strings(names)) => names.iter().map(String::as_str).collect(),
            _ => command
                .get_subcommands()
                .map(clap::Command::get_name)
                .collect(),
        };
        return Error::new(Code::Usage, "a command is missing").help(format!(
            "commands are {}; --help says more",
            names.join(", ")
        ));
    }
    let text = error.render().to_string();
    let mut message = String::new();
    let mut tips = Vec::new();
    let mut usage = None;
    for paragraph in text.split("\n\n").map(str::trim) {
        if let Some(first) = paragraph.strip_prefix("error: ") {
            message = first.split_whitespace().collect::<Vec<_>>().join(" ");
        } else if let Some(line) = paragraph.strip_prefix("Usage: ") {
            usage = Some(format!("usage: {line}"));
        } else if !paragraph.starts_with("For more information") {
            let lines = paragraph
                .lines()
                .map(|l| l.trim().trim_start_matches("tip: "));
            // That a mistyped flag could be the target's name helps nobody.
            tips.extend(
                lines
                    .filter(|l| !l.is_empty() && !l.starts_with("to pass '"))
                    .map(str::to_owned),
            );
        }
    }
    tips.extend(misplaced(error).map(str::to_owned));
    let help = if tips.is_empty() {
        usage
    } else {
        Some(tips.join("\n"))
    };
    Error {
        help,
        ..Error::new(Code::Usage, message)
    }
}

/// Where a word belongs that stands where none is expected.
fn misplaced(error: &clap::Error) -> Option<&'static str> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidArg)?;
            let found = "a target is named with -t TARGET, an app with -f APP; --help says more";
            (!word.starts_with('-')).then_some(found)
        }
        ErrorKind::InvalidSubcommand => {
            let asks = word(ContextKind::InvalidSubcommand)? == "help";
            asks.then_some("`--help` shows all commands, and behind a command its options")
        }
        _ => None,
    }
}

/// Targets whose plugins do have an option.
pub(crate) fn targets_with(
    environment: &Environment,
    search: Search<'_>,
    option: &str,
) -> Vec<String> {
    let targets = Target::list(environment, search).unwrap_or_default();
    let has = |name: &str| {
        Target::resolve(environment, search, Some(name))
            .is_ok_and(|t| t.manifest.options.iter().any(|o| o.name.as_str() == option))
    };
    targets
        .into_iter()
        .map(|t| t.name)
        .filter(|name| has(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(line: &str) -> Error {
        let words = std::iter::once("spin-deployer").chain(line.split_whitespace());
        error(
            &Arguments::command()
                .try_get_matches_from(words)
                .unwrap_err(),
        )
    }

    #[rstest]
    #[case(
        "deploy --tarket oci",
        "unexpected argument '--tarket' found",
        "'--target'"
    )]
    #[case(
        "rollback",
        "the following required arguments were not provided: <ID>",
        "usage: "
    )]
    #[case(
        "deploy a -t b",
        "the argument '[TARGET]' cannot be used with '--target <TARGET>'",
        "usage: "
    )]
    #[case(
        "history --limit 0",
        "invalid value '0' for '--limit <NUMBER>': 0 is not in 1..=4294967295",
        ""
    )]
    #[case("rollback 3 hippo", "unexpected argument 'hippo' found", "-t TARGET")]
    #[case("inspect hippo", "unexpected argument 'hippo' found", "-f APP")]
    #[case("help", "unrecognized subcommand 'help'", "--help")]
    #[case("deploi", "unrecognized subcommand 'deploi'", "'deploy'")]
    #[case("", "a command is missing", "--help")]
    #[case("plugins", "a command is missing", "install, upgrade")]
    #[case("catalog", "a command is missing", "add, list")]
    fn a_wrong_line_is_one_sentence_and_a_way_out(
        #[case] line: &str,
        #[case] message: &str,
        #[case] help: &str,
    ) {
        let error = of(line);
        assert_eq!((error.code, error.message.as_str()), (Code::Usage, message));
        assert!(
            error.help.as_deref().unwrap_or_default().contains(help),
            "{error:?}"
        );
    }

    #[test]
    fn only_a_flag_that_nobody_knows_may_belong_to_another_target() {
        let flag = |line: &str| {
            let words = std::iter::once("spin-deployer").chain(line.split_whitespace());
            let error = Arguments::command()
                .try_get_matches_from(words)
                .unwrap_err();
            unknown_flag(&error).map(str::to_owned)
        };
        assert_eq!(flag("deploy --reference x").as_deref(), Some("reference"));
        assert_eq!(flag("deploy --reference=x").as_deref(), Some("reference"));
        assert_eq!(flag("deploy a b"), None);
        assert_eq!(flag("deploy -t"), None);
    }
}
