//! What was saved for the next commands, and keys.

use std::fmt::Write as _;

use spin_deployer_deploy::report::{KeyReport, LoginReport, LogoutReport, SavedId};
use spin_deployer_manifest::counted;

use super::pair;
use crate::terminal::escape;
use crate::terminal::tables::{Cell, table};

/// The answer of `login`.
pub(crate) fn logged_in(report: &LoginReport) -> String {
    let target = escape::line(&report.target);
    let mut text = match (report.logged_in, &report.account) {
        (true, Some(account)) => {
            let (plugin, account) = (escape::line(&report.plugin.name), escape::line(account));
            format!("Logged in to {target}; plugin {plugin} calls you {account}")
        }
        (true, None) => format!("Logged in to {target}"),
        (false, _) => format!("Saved for {target}"),
    };
    if report.saved.is_empty() {
        let _ = writeln!(text, "; there was nothing to save");
        return text;
    }
    let mut rows: Vec<_> = report.saved.iter().map(saved).collect();
    rows.extend(
        report
            .replaced
            .iter()
            .map(|old| pair("instead of", &old.option)),
    );
    rows.extend(report.expires.iter().map(|time| pair("until", time)));
    rows.push(pair("in", &report.store.path.display().to_string()));
    format!("{text}\n{}", table(2, &rows))
}

/// The answer of `logout`.
pub(crate) fn logged_out(report: &LogoutReport) -> String {
    let of = match &report.target {
        Some(target) => format!(" for {}", escape::line(target)),
        None => String::new(),
    };
    let mut text = if report.removed.is_empty() {
        format!("Nothing was saved{of}\n")
    } else {
        let rows: Vec<_> = report.removed.iter().map(saved).collect();
        format!("Removed what was saved{of}\n{}", table(2, &rows))
    };
    if report.left > 0 {
        let are = if report.left == 1 { "is" } else { "are" };
        let others = counted(
            u64::try_from(report.left).unwrap_or(u64::MAX),
            "other secret",
        );
        let _ = writeln!(
            text,
            "{others} {are} still saved; `spin-deployer logout --all` removes all"
        );
    }
    text
}

fn saved(saved: &SavedId) -> Vec<Cell> {
    pair(&saved.option, &format!("for {}", saved.origins.join(", ")))
}

/// The answer of `key create`.
pub(crate) fn key_created(report: &KeyReport) -> String {
    key("Created", report)
}

/// The answer of `key show`.
pub(crate) fn key_shown(report: &KeyReport) -> String {
    key("Key", report)
}

fn key(heading: &str, report: &KeyReport) -> String {
    let file = report.file.display().to_string();
    let rows = [pair("public key", &report.public_key)];
    format!("{heading} {}\n{}", escape::line(&file), table(2, &rows))
}
