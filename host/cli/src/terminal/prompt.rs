//! Questions. Asked on standard error, and only where [`super::Screen`] says that somebody is there.

use std::io;
use std::time::Duration;

use dialoguer::{Confirm, Input, Password, Select};
use spin_deployer_manifest::{OptionKind, OptionSpec};

use super::escape;

/// Asks for the value of an option. `None`: the user gave up, or the terminal went away.
pub(crate) fn option(option: &OptionSpec) -> Option<String> {
    let question = format!("{} (--{})", escape::line(&option.help), option.name);
    // The checks of the option itself, so that a typing mistake is asked again instead of ending the command.
    let check = |typed: &String| {
        let checked = option.parse(std::slice::from_ref(typed));
        checked
            .map(drop)
            .map_err(|e| escape::line(&e.to_string()).into_owned())
    };
    match &option.kind {
        OptionKind::Secret if option.required => {
            answer(Password::new().with_prompt(question).interact())
        }
        OptionKind::Secret => answer(
            Password::new()
                .with_prompt(format!("{question}, or nothing"))
                .allow_empty_password(true)
                .interact(),
        ),
        OptionKind::Flag => {
            let yes = Confirm::new().with_prompt(question).interact_opt();
            answer(yes)?.map(|yes| yes.to_string())
        }
        OptionKind::Choice(choices) => {
            let shown: Vec<_> = choices.iter().map(|c| escape::line(c)).collect();
            let chosen = Select::new()
                .with_prompt(question)
                .items(&shown)
                .default(0)
                .interact_opt();
            answer(chosen)?.and_then(|at| choices.get(at).cloned())
        }
        _ => answer(
            Input::new()
                .with_prompt(question)
                .validate_with(check)
                .interact_text(),
        ),
    }
}

/// Asks whether to go on. No is the answer to everything but yes.
pub(crate) fn confirm(question: &str) -> bool {
    // A whole line, and not the last key that could be an answer: `nay` is no yes.
    let answered = Input::<String>::new()
        .with_prompt(format!("{} [y/N]", escape::line(question)))
        .allow_empty(true)
        .interact_text();
    let answered = answer(answered).unwrap_or_default();
    matches!(answered.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

fn answer<T>(answered: dialoguer::Result<T>) -> Option<T> {
    match answered {
        Ok(answer) => Some(answer),
        Err(dialoguer::Error::IO(e)) if e.kind() == io::ErrorKind::Interrupted => {
            // Ctrl-C came as a key; the signal that it was made into ends the command, and not a missing option.
            let _ = console::Term::stderr().write_line("");
            std::thread::park_timeout(Duration::from_secs(1));
            None
        }
        Err(_) => None,
    }
}
