//! `destroy`: what would go is shown before anybody is asked, and where it is not asked too.

use spin_deployer_deploy::report::DestroyReport;
use spin_deployer_deploy::{Code, Deployer, Error};

use crate::terminal::progress::Progress;
use crate::terminal::{escape, prompt, results};

/// How the user agrees.
pub(crate) struct Asks<'a> {
    /// They have.
    pub(crate) yes: bool,
    /// They can be asked.
    pub(crate) interactive: bool,
    /// They want to read nothing that they need not.
    pub(crate) quiet: bool,
    /// The target's name.
    pub(crate) target: &'a str,
}

/// Removes the app where there is something to remove and the user wants it.
pub(crate) async fn run(
    deployer: &Deployer,
    progress: &Progress,
    asks: Asks<'_>,
) -> Result<DestroyReport, Error> {
    let removal = deployer.removal().await?;
    if !removal.is_empty() {
        if !(asks.yes && asks.quiet) {
            progress.say(&results::removal(asks.target, removal.changes.as_deref()));
        }
        if !asks.yes {
            confirm(&asks, removal.changes.is_some())?;
        }
    }
    deployer.destroy(removal).await
}

/// `listed`: they have seen what it is.
fn confirm(asks: &Asks<'_>, listed: bool) -> Result<(), Error> {
    let name = escape::line(asks.target);
    let (what, all) = match listed {
        true => ("this", "all of it"),
        false => ("the app", "the app"),
    };
    if !asks.interactive {
        let message = format!("destroy would remove {what} from {name}, and nobody can be asked");
        return Err(Error::new(Code::Usage, message).help("add --yes"));
    }
    match prompt::confirm(&format!("Remove {all} from {name}?")) {
        true => Ok(()),
        false => Err(Error::new(Code::Failed, "nothing was removed")),
    }
}
