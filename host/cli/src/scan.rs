//! A first look at the arguments, for what the real parse depends on: the target, the app, the format of errors.
//!
//! The flags of a target's plugin are not known yet, so an unknown flag may or may not take the next argument as its
//! value; what follows one is kept apart.

use std::collections::BTreeMap;

use clap::{Arg, Command};

/// What could be told without knowing the plugin's options.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The subcommand.
    pub(crate) command: Option<String>,
    /// Values of our own flags by their long name, the last one of each.
    pub(crate) values: BTreeMap<String, String>,
    /// Whether help was asked for.
    pub(crate) help: bool,
    /// What certainly is no flag's value.
    pub(crate) positional: Vec<String>,
    /// What follows an unknown flag: its value, or positional.
    pub(crate) unsure: Vec<String>,
}

/// Flags by `--long` and `-s`; whether they take a value.
#[derive(Default)]
struct Flags {
    long: BTreeMap<String, bool>,
    short: BTreeMap<char, (String, bool)>,
}

impl Flags {
    fn add<'a>(&mut self, args: impl Iterator<Item = &'a Arg>) {
        for arg in args {
            let Some(long) = arg.get_long() else { continue };
            let takes_value = arg.get_action().takes_values();
            self.long.insert(long.to_owned(), takes_value);
            if let Some(short) = arg.get_short() {
                self.short.insert(short, (long.to_owned(), takes_value));
            }
        }
    }
}

impl Scan {
    /// Looks at `arguments`, which do not include the program's name.
    pub(crate) fn of(arguments: &[String], root: &Command) -> Self {
        let mut scan = Self::default();
        let mut flags = Flags::default();
        flags.add(root.get_arguments());
        flags.long.insert("help".into(), false);
        flags.short.insert('h', ("help".into(), false));
        let mut after_unknown = false;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let follows_unknown = std::mem::take(&mut after_unknown);
            if argument == "--" {
                scan.positional.extend(rest.by_ref().cloned());
            } else if let Some(flag) = argument.strip_prefix("--") {
                let (name, value) = match flag.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (flag, None),
                };
                match flags.long.get(name) {
                    Some(true) => scan.set(name, value.or_else(|| rest.next().cloned())),
                    Some(false) => scan.set(name, Some(String::new())),
                    None => after_unknown = value.is_none(),
                }
            } else if let Some(cluster) = argument.strip_prefix('-').filter(|c| !c.is_empty()) {
                scan.cluster(cluster, &flags, &mut rest);
            } else if let Some(subcommand) = scan.subcommand(argument, root, follows_unknown) {
                flags.add(subcommand.get_arguments());
            } else if follows_unknown {
                scan.unsure.push(argument.clone());
            } else {
                scan.positional.push(argument.clone());
            }
        }
        scan
    }

    /// The value of one of our own flags.
    pub(crate) fn value(&self, long: &str) -> Option<&str> {
        self.values.get(long).map(String::as_str)
    }

    /// The first argument that is not a flag's value names the command.
    fn subcommand<'c>(
        &mut self,
        argument: &str,
        root: &'c Command,
        unsure: bool,
    ) -> Option<&'c Command> {
        if self.command.is_some() {
            return None;
        }
        let found = root.find_subcommand(argument);
        if found.is_some() || !unsure {
            self.command = Some(argument.to_owned());
        }
        found
    }

    /// `-qt oci`, `-toci`, `-t=oci`.
    fn cluster(&mut self, cluster: &str, flags: &Flags, rest: &mut std::slice::Iter<'_, String>) {
        for (at, short) in cluster.char_indices() {
            match flags.short.get(&short) {
                Some((long, true)) => {
                    let value = &cluster[at + short.len_utf8()..];
                    let value = value.strip_prefix('=').unwrap_or(value);
                    let value = if value.is_empty() {
                        rest.next().cloned()
                    } else {
                        Some(value.to_owned())
                    };
                    return self.set(long, value);
                }
                Some((long, false)) => self.set(long, Some(String::new())),
                None => return,
            }
        }
    }

    fn set(&mut self, long: &str, value: Option<String>) {
        if long == "help" {
            self.help = true;
        } else if let Some(value) = value {
            self.values.insert(long.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use rstest::rstest;

    use super::*;
    use crate::arguments::Arguments;

    fn scan(line: &str) -> Scan {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Scan::of(&words, &Arguments::command())
    }

    #[rstest]
    #[case("deploy -t oci")]
    #[case("deploy -toci")]
    #[case("deploy -t=oci")]
    #[case("deploy -qt oci")]
    #[case("deploy --target oci")]
    #[case("deploy --target=oci")]
    #[case("deploy --reference a/b:v1 --target oci")]
    #[case("--output json deploy -f app --unknown -t oci")]
    #[case("-q deploy --unknown=x -t oci --unknown y")]
    fn a_target_is_found_wherever_it_stands(#[case] line: &str) {
        let scan = scan(line);
        assert_eq!(
            (scan.command.as_deref(), scan.value("target")),
            (Some("deploy"), Some("oci"))
        );
    }

    #[rstest]
    #[case("deploy oci", &["oci"], &[])]
    #[case("deploy -f app oci", &["oci"], &[])]
    #[case("deploy --unknown=x oci", &["oci"], &[])]
    #[case("deploy -q oci --yes", &["oci"], &[])]
    #[case("deploy --reference a/b oci", &["oci"], &["a/b"])]
    #[case("deploy --force oci", &[], &["oci"])]
    #[case("deploy --force -- oci", &["oci"], &[])]
    #[case("deploy --force --other oci", &[], &["oci"])]
    fn what_may_be_a_value_is_kept_apart(
        #[case] line: &str,
        #[case] positional: &[&str],
        #[case] unsure: &[&str],
    ) {
        let scan = scan(line);
        assert_eq!(
            (&scan.positional[..], &scan.unsure[..]),
            (
                &positional
                    .iter()
                    .map(|s| (*s).to_owned())
                    .collect::<Vec<_>>()[..],
                &unsure.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>()[..],
            )
        );
    }

    #[rstest]
    #[case("deploy --output json --nonsense", Some("json"))]
    #[case("--output=json", Some("json"))]
    #[case("nonsense --output json", Some("json"))]
    #[case("deploy", None)]
    fn the_format_of_an_error_is_known_before_the_error(
        #[case] line: &str,
        #[case] format: Option<&str>,
    ) {
        assert_eq!(scan(line).value("output"), format);
    }

    #[test]
    fn a_flag_at_the_end_without_its_value_is_not_a_target() {
        assert_eq!(scan("deploy -t").value("target"), None);
    }

    #[rstest]
    #[case("deploy --help -t oci")]
    #[case("deploy -t oci -h")]
    fn help_does_not_hide_the_target(#[case] line: &str) {
        let scan = scan(line);
        assert!(scan.help && scan.value("target") == Some("oci"));
    }
}
