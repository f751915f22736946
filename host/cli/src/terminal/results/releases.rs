//! Releases: the one that was deployed, those that are there.

use std::fmt::Write as _;

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_deploy::report::{DeployReport, Release, ReleasesReport};
use spin_deployer_manifest::counted;

use super::{app, pair};
use crate::terminal::escape;
use crate::terminal::tables::{Cell, shorten, table, titled};

/// The answer of `deploy`.
pub(crate) fn deployed(report: &DeployReport) -> String {
    let mut rows = release(&report.release);
    let sent = report.transferred;
    let mut text = DecimalBytes(sent.bytes).to_string();
    if sent.requests > 0 {
        let _ = write!(text, " in {}", counted(sent.requests, "request"));
    }
    if sent.skipped_bytes > 0 {
        let _ = write!(text, ", {} skipped", DecimalBytes(sent.skipped_bytes));
    }
    rows.push(pair("sent", &text));
    if report.ready == Some(true) {
        rows.push(pair("ready", "yes"));
    }
    format!(
        "Deployed {} to {} in {:.1} s\n{}",
        app(&report.app),
        escape::line(&report.target),
        report.seconds,
        table(2, &rows)
    )
}

/// The answer of `history`, the active release marked.
pub(crate) fn history(report: &ReleasesReport) -> String {
    if report.releases.is_empty() {
        return format!("No release on {}\n", escape::line(&report.target));
    }
    let headings = ["", "ID", "VERSION", "STATE", "CREATED", "ARTIFACT"];
    let rows = report.releases.iter().map(|release| {
        vec![
            Cell::text(if release.active { "*" } else { " " }).style(Style::new().green()),
            Cell::text(&release.id),
            Cell::maybe(release.version.as_deref()),
            Cell::maybe(release.state.as_deref()),
            Cell::maybe(release.created.as_deref()),
            Cell::text(&shorten(release.artifact.as_deref().unwrap_or_default())),
        ]
    });
    titled(headings, rows.collect())
}

/// The answer of `status`.
pub(crate) fn status(report: &ReleasesReport) -> String {
    active(report, "Active on")
}

/// The answer of `rollback`.
pub(crate) fn rolled_back(report: &ReleasesReport) -> String {
    active(report, "Rolled back")
}

fn active(report: &ReleasesReport, heading: &str) -> String {
    let target = escape::line(&report.target);
    match report.releases.first() {
        Some(active) => format!("{heading} {target}\n{}", table(2, &release(active))),
        None => format!("No active release on {target}\n"),
    }
}

/// Identifiers in full: they are what the next command is given.
fn release(release: &Release) -> Vec<Vec<Cell>> {
    let mut rows = vec![pair("release", &release.id)];
    for (name, value) in [
        ("version", &release.version),
        ("state", &release.state),
        ("artifact", &release.artifact),
        ("created", &release.created),
    ] {
        rows.extend(value.as_deref().map(|v| pair(name, v)));
    }
    rows.extend(
        release
            .routes
            .iter()
            .map(|r| pair("route", format!("{} {}", r.name, r.url).trim())),
    );
    rows
}
