//! What the user sees: progress, errors and questions on standard error, results on standard output.

pub(crate) mod consent;
pub(crate) mod errors;
pub(crate) mod escape;
pub(crate) mod plugins;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod results;
pub(crate) mod step;
pub(crate) mod tables;

use std::io::{self, IsTerminal as _, Write as _};

use clap::ColorChoice;
use spin_deployer_deploy::Environment;

use crate::arguments::Everywhere;
use progress::Drawing;

/// What this terminal, these variables and flags allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    pub(crate) drawing: Drawing,
    /// Whether questions can be asked.
    pub(crate) interactive: bool,
}

/// What is known of the process's streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: bool,
    pub(crate) stderr: bool,
}

impl Streams {
    /// Which of them are terminals.
    pub(crate) fn of_this_process() -> Self {
        Self {
            stdin: io::stdin().is_terminal(),
            stderr: io::stderr().is_terminal(),
        }
    }
}

impl Screen {
    pub(crate) fn new(flags: &Everywhere, environment: &Environment, streams: Streams) -> Self {
        let ci = environment.is_ci();
        let dumb = environment.var("TERM") == Some("dumb");
        let drawing = match (flags.quiet, streams.stderr && !ci && !dumb) {
            (true, _) => Drawing::Nothing,
            (false, true) => Drawing::Bars,
            (false, false) => Drawing::Lines,
        };
        let interactive = streams.stdin && streams.stderr && !ci && !dumb && !flags.no_input;
        Self {
            drawing,
            interactive,
        }
    }
}

/// Decides on colours, for both streams. `--color` over `NO_COLOR` over what the terminal is.
pub(crate) fn set_colors(choice: ColorChoice, environment: &Environment) {
    let plain = environment.var("NO_COLOR").is_some() || environment.var("TERM") == Some("dumb");
    let wanted = |is_terminal: bool| match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !plain,
    };
    console::set_colors_enabled(wanted(io::stdout().is_terminal()));
    console::set_colors_enabled_stderr(wanted(io::stderr().is_terminal()));
}

/// Writes a result. A reader that has gone, as `head` does, is no error.
///
/// # Errors
/// Standard output cannot be written: a full disk.
pub(crate) fn print(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use rstest::rstest;

    use super::*;
    use crate::arguments::Arguments;

    const TERMINAL: Streams = Streams {
        stdin: true,
        stderr: true,
    };
    const PIPES: Streams = Streams {
        stdin: false,
        stderr: false,
    };

    fn screen(flags: &str, vars: &[(&str, &str)], streams: Streams) -> (Drawing, bool) {
        let mut environment = Environment::capture().unwrap();
        environment.vars = vars
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let words = ["spin-deployer", "deploy"]
            .into_iter()
            .chain(flags.split_whitespace());
        let flags = Arguments::try_parse_from(words).unwrap().everywhere;
        let screen = Screen::new(&flags, &environment, streams);
        (screen.drawing, screen.interactive)
    }

    #[rstest]
    #[case("", &[], TERMINAL, (Drawing::Bars, true))]
    #[case("", &[], PIPES, (Drawing::Lines, false))]
    #[case("", &[("CI", "true")], TERMINAL, (Drawing::Lines, false))]
    #[case("", &[("CI", "")], TERMINAL, (Drawing::Bars, true))]
    #[case("", &[("TERM", "dumb")], TERMINAL, (Drawing::Lines, false))]
    #[case("--no-input", &[], TERMINAL, (Drawing::Bars, false))]
    #[case("-q", &[], TERMINAL, (Drawing::Nothing, true))]
    #[case("", &[], Streams { stdin: false, stderr: true }, (Drawing::Bars, false))]
    fn nothing_is_drawn_or_asked_where_nobody_watches(
        #[case] flags: &str,
        #[case] vars: &[(&str, &str)],
        #[case] streams: Streams,
        #[case] expected: (Drawing, bool),
    ) {
        assert_eq!(screen(flags, vars, streams), expected);
    }
}
