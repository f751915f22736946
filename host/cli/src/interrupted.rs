//! What an interrupted command says before it ends: what is already on the platform, and how to complete it.

use indicatif::DecimalBytes;
use spin_deployer_deploy::{Code, Deployer, Error, Inspection, Landed, Workbench};

use crate::arguments::Output;
use crate::signals::Signal;
use crate::terminal::progress::Progress;
use crate::terminal::{errors, print};
use crate::{ending, json};

/// The most requests that are listed; the JSON document has them all, up to a thousand.
const MOST: usize = 5;

/// Says it. `end` ends what is under way, and tells what is there where something can be. The caller ends the process.
pub(crate) fn last_words(
    signal: Signal,
    progress: &Progress,
    output: Output,
    end: impl FnOnce() -> (Error, Option<Landed>),
) {
    if !ending::claim() {
        // The result is just being written.
        ending::leave_it_to_the_other();
    }
    let (error, landed) = end();
    progress.clear();
    progress.say(&errors::error(&error));
    if output == Output::Json {
        let document = json::error(
            &error,
            Some("interrupted"),
            signal.exit_code(),
            landed.as_ref(),
        );
        let _ = print(document.as_bytes());
    }
}

/// The end of a command that talks to a target.
pub(crate) fn deployer(deployer: &Deployer, target: &str) -> (Error, Option<Landed>) {
    deployer.end();
    let landed = deployer.landed();
    (explain(&landed, target), Some(landed))
}

/// The end of `inspect`, which changes nothing anywhere.
pub(crate) fn inspection(inspection: &Inspection) -> (Error, Option<Landed>) {
    inspection.end();
    (Error::new(Code::Failed, "interrupted"), None)
}

/// The end of a command about plugins. What it keeps it keeps whole or not at all.
pub(crate) fn workbench(workbench: &Workbench) -> (Error, Option<Landed>) {
    workbench.end();
    (Error::new(Code::Failed, "interrupted"), None)
}

fn explain(landed: &Landed, target: &str) -> Error {
    let error = Error::new(Code::Failed, "interrupted");
    let mut there = Vec::new();
    if landed.transferred > 0 {
        there.push(format!(
            "{} of contents sent",
            DecimalBytes(landed.transferred)
        ));
    }
    if !landed.steps_done.is_empty() {
        there.push(format!("done: {}", landed.steps_done.join(", ")));
    }
    // A POST opens an upload: nothing is there because of it.
    let landed_there: Vec<&String> = landed
        .changed
        .iter()
        .filter(|request| !request.starts_with("POST "))
        .collect();
    there.extend(
        landed_there
            .iter()
            .take(MOST)
            .map(|request| (*request).clone()),
    );
    if landed_there.len() > MOST {
        there.push(format!("and {} more requests", landed_there.len() - MOST));
    }
    if there.is_empty() {
        return error.detail(format!("nothing was changed on {target}"));
    }
    let sent = landed.transferred > 0 || !landed.changed.is_empty();
    Error { sent, ..error }
        .detail(format!("already on {target}:\n{}", there.join("\n")))
        .help("run the same command again: it completes what is there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_command_says_what_is_there() {
        let landed = Landed {
            changed: (0..12)
                .map(|n| format!("PUT http://127.0.0.1:5000/{n}"))
                .collect(),
            transferred: 1_500_000,
            steps_done: vec!["Push layers".into()],
        };
        let shown = errors::error(&explain(&landed, "oci"));
        let expected = "error: interrupted\n  --> already on oci:\n      1.50 MB of contents sent\n      \
                        done: Push layers\n      PUT http://127.0.0.1:5000/0\n";
        assert!(shown.starts_with(expected), "{shown}");
        assert!(
            shown.contains("and 7 more requests\n  help: run the same command again"),
            "{shown}"
        );
        assert!(explain(&landed, "oci").sent);
    }

    #[test]
    fn a_command_that_changed_nothing_says_so() {
        let error = explain(&Landed::default(), "oci");
        assert_eq!(
            (error.detail.as_deref(), error.sent),
            (Some("nothing was changed on oci"), false)
        );
    }
}
