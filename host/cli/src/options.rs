//! A plugin's options as flags. What a value must look like is checked later, by the same table for every source.

use std::collections::BTreeMap;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use spin_deployer_deploy::{Code, Error, Target};
use spin_deployer_manifest::{Manifest, OptionKind, OptionSpec};

use crate::terminal::escape;

/// Refuses a plugin that has one of `ours` as an option.
pub(crate) fn refuse_clash<'a>(
    ours: impl Iterator<Item = &'a Arg>,
    manifest: &Manifest,
) -> Result<(), Error> {
    let ours: Vec<&str> = ours
        .filter_map(Arg::get_long)
        .chain(["help", "version"])
        .collect();
    let clash = manifest
        .options
        .iter()
        .find(|o| ours.contains(&o.name.as_str()));
    clash.map_or(Ok(()), |option| {
        let message = format!(
            "plugin `{}` has an option `{}`, which is a flag of spin-deployer itself",
            manifest.name, option.name
        );
        Err(Error::new(Code::Incompatible, message))
    })
}

/// Adds a target's options to a command.
pub(crate) fn add(command: clap::Command, target: &Target) -> clap::Command {
    let heading = match target.manifest.name.as_str() {
        plugin if plugin == target.name => format!("Options of {plugin}"),
        plugin => format!(
            "Options of {} (plugin {plugin})",
            escape::line(&target.name)
        ),
    };
    let options = &target.manifest.options;
    command.args(
        options
            .iter()
            .map(|option| argument(option).help_heading(heading.clone())),
    )
}

/// The flag of an option. Its id cannot be that of an argument of ours.
pub(crate) fn argument(option: &OptionSpec) -> Arg {
    let name = option.name.as_str();
    let arg = Arg::new(id(option))
        .long(name.to_owned())
        .help(help(option))
        .required(false);
    let (action, hint) = look(&option.kind);
    let value_name = match &option.kind {
        OptionKind::Flag => "true|false",
        kind => option.value_name.as_deref().unwrap_or(kind.value_name()),
    };
    let arg = arg
        .action(action)
        .value_name(escape::line(value_name).into_owned())
        .value_hint(hint)
        .allow_negative_numbers(option.kind == OptionKind::Number)
        // A key in place of its file begins with `-----`, and clap would repeat it as a flag that it does not know.
        .allow_hyphen_values(option.kind == OptionKind::SigningKey);
    match &option.kind {
        // `--force`, and `--force=false` against what deployer.toml says.
        OptionKind::Flag => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(["true", "false"])
            .hide_possible_values(true),
        OptionKind::Choice(choices) if choices.iter().all(|c| escape::line(c) == c.as_str()) => {
            arg.value_parser(PossibleValuesParser::new(choices.clone()))
        }
        _ => arg,
    }
}

/// What was typed: raw values by the option's name.
pub(crate) fn given(matches: &ArgMatches, options: &[OptionSpec]) -> BTreeMap<String, Vec<String>> {
    options
        .iter()
        .filter(|option| matches.value_source(&id(option)) == Some(ValueSource::CommandLine))
        .filter_map(|option| {
            let values = matches.get_many::<String>(&id(option))?;
            Some((option.name.to_string(), values.cloned().collect()))
        })
        .collect()
}

fn id(option: &OptionSpec) -> String {
    format!("option {}", option.name)
}

fn look(kind: &OptionKind) -> (ArgAction, ValueHint) {
    match kind {
        OptionKind::List | OptionKind::Pairs => (ArgAction::Append, ValueHint::Other),
        OptionKind::Url => (ArgAction::Set, ValueHint::Url),
        OptionKind::File | OptionKind::SigningKey => (ArgAction::Set, ValueHint::FilePath),
        OptionKind::Directory | OptionKind::OutputDirectory => (ArgAction::Set, ValueHint::DirPath),
        _ => (ArgAction::Set, ValueHint::Other),
    }
}

/// The plugin's sentence, and in clap's manner where else the value can come from.
fn help(option: &OptionSpec) -> String {
    let mut help = escape::line(&option.help).into_owned();
    let mut note = |text: &str| {
        help.push_str(" [");
        help.push_str(&escape::line(text));
        help.push(']');
    };
    let instead: Vec<_> = option
        .conflicts_with
        .iter()
        .map(|o| format!("--{o}"))
        .collect();
    match instead.is_empty() {
        _ if !option.required => {}
        true => note("required"),
        false => note(&format!("required, or {}", instead.join(" and "))),
    }
    if !option.required_with.is_empty() {
        let others: Vec<_> = option
            .required_with
            .iter()
            .map(|name| format!("--{name}"))
            .collect();
        note(&format!("required with {}", others.join(", ")));
    }
    let variables: Vec<&str> = option.variables().map(String::as_str).collect();
    if !variables.is_empty() {
        note(&format!("env: {}", variables.join(", ")));
    }
    // The environment is the way for a secret; a default of one would be nobody's secret.
    if let Some(default) = option
        .default
        .as_ref()
        .filter(|_| option.kind != OptionKind::Secret)
    {
        note(&format!("default: {}", default.join(", ")));
    }
    help
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;

    /// A manifest as a plugin has it.
    fn manifest() -> Manifest {
        r#"
            name = "example"
            version = "1.0.0"
            description = "An example"

            [[options]]
            name = "address"
            env = "EXAMPLE_ADDRESS"
            type = "url"
            required = true
            help = "Where it is"

            [[options]]
            name = "note"
            type = "list"
            help = "A note"

            [[options]]
            name = "variable-pair"
            type = "pairs"
            help = "A variable"

            [[options]]
            name = "force"
            type = "flag"
            help = "All of it"

            [[options]]
            name = "level"
            type = "number"
            default = 3
            help = "How much"

            [[options]]
            name = "sign-key"
            type = "signing-key"
            required-with = ["note", "size"]
            help = "What signs"

            [[options]]
            name = "token"
            type = "secret"
            required = true
            conflicts-with = ["note", "size"]
            help = "Who"

            [[options]]
            name = "size"
            type = "choice"
            choices = ["small", "large"]
            help = "How large"
        "#
        .parse()
        .unwrap()
    }

    fn options() -> Vec<OptionSpec> {
        manifest().options
    }

    fn command() -> clap::Command {
        clap::Command::new("x")
            .arg(Arg::new("target").long("target"))
            .args(options().iter().map(argument))
    }

    fn parse(line: &str) -> Result<BTreeMap<String, Vec<String>>, clap::Error> {
        let words = std::iter::once("x").chain(line.split_whitespace());
        let matches = command().try_get_matches_from(words)?;
        Ok(given(&matches, &options()))
    }

    #[rstest]
    #[case("", &[])]
    #[case("--address http://a", &[("address", &["http://a"][..])])]
    #[case("--note a --note=b,c", &[("note", &["a", "b,c"][..])])]
    #[case("--variable-pair k=v --variable-pair l=w=x", &[("variable-pair", &["k=v", "l=w=x"][..])])]
    #[case("--force", &[("force", &["true"][..])])]
    #[case("--force=false", &[("force", &["false"][..])])]
    #[case("--level -4", &[("level", &["-4"][..])])]
    #[case("--size large", &[("size", &["large"][..])])]
    fn what_was_typed_arrives_as_it_was_typed(
        #[case] line: &str,
        #[case] expected: &[(&str, &[&str])],
    ) {
        let expected = expected
            .iter()
            .map(|(name, values)| {
                (
                    (*name).to_owned(),
                    values.iter().map(|v| (*v).to_owned()).collect(),
                )
            })
            .collect();
        assert_eq!(parse(line).unwrap(), expected);
    }

    #[test]
    fn a_key_in_place_of_its_file_is_no_flag_that_is_repeated() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n";
        let matches = command().try_get_matches_from(["x", "--sign-key", pem]);
        let given = given(&matches.unwrap(), &options());
        assert_eq!(given["sign-key"], [pem]);
    }

    #[rstest]
    #[case("--address a --address b")]
    #[case("--size huge")]
    #[case("--force=perhaps")]
    #[case("--level")]
    fn what_a_flag_cannot_mean_is_an_error(#[case] line: &str) {
        assert!(parse(line).is_err());
    }

    #[test]
    fn help_says_where_a_value_may_come_from() {
        let help = command().render_long_help().to_string();
        for line in [
            "--address <URL>",
            "Where it is [required] [env: EXAMPLE_ADDRESS]",
            "How much [default: 3]",
            "What signs [required with --note, --size]",
            "Who [required, or --note and --size]",
            "[possible values: small, large]",
        ] {
            assert!(help.contains(line), "{line}: {help}");
        }
    }

    #[test]
    fn a_manifest_cannot_draw_in_the_help() {
        let mut option = options().remove(0);
        option.help = "nice\u{1b}[2J".into();
        option.value_name = Some("U\u{202e}L".into());
        option.default = Some(vec!["x\ny".into()]);
        option.kind = OptionKind::Choice(vec!["a\u{7}".into()]);
        let help = clap::Command::new("x")
            .arg(argument(&option))
            .render_long_help()
            .to_string();
        assert!(!help.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{help:?}");
        assert!(
            help.contains(r"nice\u{1b}[2J") && help.contains(r"x\u{a}y"),
            "{help}"
        );
    }

    #[test]
    fn an_option_cannot_take_the_place_of_a_flag_of_ours() {
        let ours = [Arg::new("x").long("level")];
        let error = refuse_clash(ours.iter(), &manifest()).unwrap_err();
        assert!(
            error.code == Code::Incompatible && error.message.contains("`level`"),
            "{error:?}"
        );
        assert!(refuse_clash([Arg::new("x").long("other")].iter(), &manifest()).is_ok());
    }
}
