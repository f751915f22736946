//! Questions. Asked on standard error, and only where [`super::Screen`] says that somebody is there.

use dialoguer::{Confirm, Input, Password, Select};
use spin_deployer_manifest::{OptionKind, OptionSpec};

use super::escape;

/// Asks for the value of an option. `None`: the user gave up, or the terminal went away.
pub(crate) fn option(option: &OptionSpec) -> Option<String> {
    let question = format!("{} (--{})", escape::line(&option.help), option.name);
    // The checks of the option itself, so that a typing mistake is asked again instead of ending the command.
    let check = |typed: &String| {
        option
            .parse(std::slice::from_ref(typed))
            .map(drop)
            .map_err(|e| escape::line(&e.to_string()).into_owned())
    };
    match &option.kind {
        OptionKind::Secret => Password::new().with_prompt(question).interact().ok(),
        OptionKind::Flag => {
            let yes = Confirm::new()
                .with_prompt(question)
                .interact_opt()
                .ok()
                .flatten()?;
            Some(yes.to_string())
        }
        OptionKind::Choice(choices) => {
            let shown: Vec<_> = choices.iter().map(|c| escape::line(c)).collect();
            let chosen = Select::new().with_prompt(question).items(&shown).default(0);
            chosen
                .interact_opt()
                .ok()
                .flatten()
                .and_then(|at| choices.get(at).cloned())
        }
        _ => Input::<String>::new()
            .with_prompt(question)
            .validate_with(check)
            .interact_text()
            .ok(),
    }
}

/// Asks whether to go on. No is the answer to everything but yes.
pub(crate) fn confirm(question: &str) -> bool {
    let question = escape::line(question).into_owned();
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact_opt()
        .ok()
        .flatten()
        == Some(true)
}
