//! Errors: what, where and why, what to do next, in this order.

use std::fmt::Write as _;

use console::Style;
use spin_deployer_deploy::Error;
use spin_deployer_manifest::OptionSpec;

use super::escape;

/// How a message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Warning,
}

impl Kind {
    fn label(self) -> String {
        let (word, style) = match self {
            Self::Error => ("error", Style::new().for_stderr().red().bold()),
            Self::Warning => ("warning", Style::new().for_stderr().yellow().bold()),
        };
        format!("{}:", style.apply_to(word))
    }
}

/// An error as it is shown. Findings about the app say it better than the sentence that sums them up.
pub(crate) fn error(error: &Error) -> String {
    if error.findings.is_empty() {
        let detail = error.detail.as_deref();
        message(Kind::Error, &error.message, detail, error.help.as_deref()) + &log(&error.log)
    } else {
        error
            .findings
            .iter()
            .map(finding)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// `error: …`, `  --> …`, `  help: …`; further lines of a field below its first.
pub(crate) fn message(
    kind: Kind,
    message: &str,
    detail: Option<&str>,
    help: Option<&str>,
) -> String {
    let mut text = format!("{} {}\n", kind.label(), escape::line(message));
    field(&mut text, "-->", Style::new().for_stderr().blue(), detail);
    field(&mut text, "help:", Style::new().for_stderr().cyan(), help);
    text
}

/// What a release wrote, each line marked, so that none looks like one of ours.
fn log(lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("  log | {}\n", escape::line(line)))
        .collect()
}

fn field(text: &mut String, label: &str, style: Style, value: Option<&str>) {
    let Some(value) = value.map(str::trim_end).filter(|v| !v.is_empty()) else {
        return;
    };
    let value = escape::lines(value);
    let mut lines = value.lines();
    let _ = writeln!(
        text,
        "  {} {}",
        style.apply_to(label),
        lines.next().unwrap_or_default()
    );
    let margin = " ".repeat(label.len() + 3);
    for line in lines {
        let _ = writeln!(text, "{margin}{line}");
    }
}

/// A finding about the app with file, line and excerpt.
pub(crate) fn finding(finding: &impl std::fmt::Display) -> String {
    let text = finding.to_string();
    let text = escape::lines(text.trim_end());
    for kind in [Kind::Error, Kind::Warning] {
        let plain = if kind == Kind::Error {
            "error:"
        } else {
            "warning:"
        };
        if let Some(rest) = text.strip_prefix(plain) {
            return format!("{}{rest}\n", kind.label());
        }
    }
    format!("{text}\n")
}

/// What is said of a secret that was typed where others can read it.
pub(crate) fn typed_secret(option: &OptionSpec) -> String {
    let help = match &option.env {
        Some(env) => format!("set {env} instead"),
        None => "leave the flag out to be asked for it".to_owned(),
    };
    message(
        Kind::Warning,
        &format!(
            "--{} is a secret, and a command line can be read by others and stays in the history of the shell",
            option.name
        ),
        None,
        Some(&help),
    )
}

#[cfg(test)]
mod tests {
    use spin_deployer_deploy::Code;

    use super::*;

    #[test]
    fn an_error_says_what_where_and_what_next() {
        let shown = error(
            &Error::new(
                Code::Forbidden,
                "hippo does not let `ci-bot` create channels",
            )
            .detail("POST https://hippo.example.com/api/channels answered 403")
            .help("ask an administrator for the role"),
        );
        assert_eq!(
            shown,
            "error: hippo does not let `ci-bot` create channels\n  \
             --> POST https://hippo.example.com/api/channels answered 403\n  \
             help: ask an administrator for the role\n"
        );
    }

    #[test]
    fn a_server_cannot_write_an_error_of_its_own() {
        let shown = error(
            &Error::new(Code::Failed, "no\nerror: yes")
                .detail("a\nerror: b\r\u{1b}[A")
                .help("\n"),
        );
        assert_eq!(
            shown,
            "error: no\\u{a}error: yes\n  --> a\n      error: b\\u{d}\\u{1b}[A\n"
        );
    }

    #[test]
    fn what_a_release_wrote_stands_below_and_cannot_draw() {
        let log = ["starting", "\u{1b}[2J\nerror: no"].map(str::to_owned);
        let shown = error(&Error {
            log: log.into(),
            ..Error::new(Code::NotReady, "not ready").help("look")
        });
        assert_eq!(
            shown,
            "error: not ready\n  help: look\n  log | starting\n  log | \\u{1b}[2J\\u{a}error: no\n"
        );
    }

    #[test]
    fn a_rule_to_paste_keeps_its_lines() {
        let shown = error(&Error::new(Code::Denied, "no").help("add\n[[http]]\nto = \"x\""));
        assert_eq!(
            shown,
            "error: no\n  help: add\n        [[http]]\n        to = \"x\"\n"
        );
    }
}
