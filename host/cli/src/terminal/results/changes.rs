//! What would change, and what is gone.

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_deploy::report::{Action, Change, DestroyReport, PlanReport};

use super::app;
use crate::terminal::escape;
use crate::terminal::tables::{Cell, shorten, table};

/// The answer of `plan`.
pub(crate) fn planned(report: &PlanReport) -> String {
    let target = escape::line(&report.target);
    if report.changes.is_empty() {
        return format!(
            "Nothing to do: {} is on {target} as it is\n{}",
            app(&report.app),
            sent(report)
        );
    }
    let rows: Vec<_> = report.changes.iter().map(change).collect();
    format!(
        "Plan for {} on {target}\n{}{}\n{}",
        app(&report.app),
        table(2, &rows),
        totals(&report.changes),
        sent(report)
    )
}

/// A plan changes nothing, but for what the plugin's rules let out; nobody should have to read a log to know that.
fn sent(report: &PlanReport) -> String {
    if report.sent.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = report
        .sent
        .iter()
        .map(|line| vec![Cell::text(line)])
        .collect();
    format!("To ask, the plan itself sent\n{}", table(2, &rows))
}

/// What `destroy` is about to remove, if the plugin can tell.
pub(crate) fn removal(target: &str, changes: Option<&[Change]>) -> String {
    let target = escape::line(target);
    let Some(changes) = changes else {
        return format!(
            "Destroy on {target}\n  The plugin cannot tell beforehand what it removes: it was built against an older version of the interface\n"
        );
    };
    let rows: Vec<_> = changes.iter().map(change).collect();
    format!(
        "Destroy on {target}\n{}{}\n",
        table(2, &rows),
        totals(changes)
    )
}

/// The answer of `destroy`.
pub(crate) fn destroyed(report: &DestroyReport) -> String {
    let target = escape::line(&report.target);
    if report.removed.is_empty() {
        return format!("Nothing to remove from {target}\n");
    }
    let rows: Vec<_> = report
        .removed
        .iter()
        .map(|what| vec![Cell::text(what)])
        .collect();
    format!("Removed from {target}\n{}", table(2, &rows))
}

fn change(change: &Change) -> Vec<Cell> {
    let (sign, verb, style) = look(change.action);
    let bytes = change
        .bytes
        .map(|b| DecimalBytes(b).to_string())
        .unwrap_or_default();
    vec![
        Cell::text(&format!("{sign} {verb}")).style(style),
        Cell::text(&change.kind),
        Cell::text(&shorten(&change.name)),
        Cell::right(&bytes),
        Cell::text(&shorten(change.detail.as_deref().unwrap_or_default())),
    ]
}

fn look(action: Action) -> (char, &'static str, Style) {
    match action {
        Action::Create => ('+', "create", Style::new().green()),
        Action::Update => ('~', "update", Style::new().yellow()),
        Action::Upload => ('^', "upload", Style::new().cyan()),
        Action::Keep => ('=', "keep", Style::new().dim()),
        Action::Delete => ('-', "delete", Style::new().red()),
    }
}

/// `2 to upload (12.3 MB), 1 to keep`.
fn totals(changes: &[Change]) -> String {
    let actions = [
        Action::Create,
        Action::Update,
        Action::Upload,
        Action::Delete,
        Action::Keep,
    ];
    let parts: Vec<String> = actions
        .into_iter()
        .filter_map(|action| {
            let these = || changes.iter().filter(move |c| c.action == action);
            let bytes = these()
                .filter_map(|c| c.bytes)
                .fold(0u64, u64::saturating_add);
            let sent = match action {
                Action::Keep | Action::Delete => 0,
                _ => bytes,
            };
            let size = if sent > 0 {
                format!(" ({})", DecimalBytes(sent))
            } else {
                String::new()
            };
            let count = these().count();
            (count > 0).then(|| format!("{count} to {}{size}", look(action).1))
        })
        .collect();
    parts.join(", ")
}
