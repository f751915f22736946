//! What came of a command, as text for standard output.

use std::fmt::Write as _;

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_deploy::report::{
    Action, AppId, Change, DeployReport, DestroyReport, InspectReport, PlanReport, Release,
    ReleasesReport, TargetSummary,
};

use super::escape;
use super::tables::{Cell, shorten, table};

/// The answer of `deploy`.
pub(crate) fn deployed(report: &DeployReport) -> String {
    let mut rows = release(&report.release);
    let sent = report.transferred;
    let mut text = format!("{} in {} requests", DecimalBytes(sent.bytes), sent.requests);
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

/// The answer of `plan`.
pub(crate) fn planned(report: &PlanReport) -> String {
    let target = escape::line(&report.target);
    if report.changes.is_empty() {
        return format!(
            "Nothing to do: {} is on {target} as it is\n",
            app(&report.app)
        );
    }
    let rows: Vec<_> = report.changes.iter().map(change).collect();
    format!(
        "Plan for {} on {target}\n{}{}\n",
        app(&report.app),
        table(2, &rows),
        totals(&report.changes)
    )
}

/// The answer of `history`, the active release marked.
pub(crate) fn history(report: &ReleasesReport) -> String {
    if report.releases.is_empty() {
        return format!("No release on {}\n", escape::line(&report.target));
    }
    let head = ["", "ID", "VERSION", "CREATED", "ARTIFACT"].map(Cell::text);
    let rows = report.releases.iter().map(|release| {
        vec![
            Cell::text(if release.active { "*" } else { " " }).style(Style::new().green()),
            Cell::text(&release.id),
            Cell::maybe(release.version.as_deref()),
            Cell::maybe(release.created.as_deref()),
            Cell::text(&shorten(release.artifact.as_deref().unwrap_or_default())),
        ]
    });
    table(
        0,
        &std::iter::once(head.into()).chain(rows).collect::<Vec<_>>(),
    )
}

/// The answer of `status`.
pub(crate) fn status(report: &ReleasesReport) -> String {
    active(report, "Active on")
}

/// The answer of `rollback`.
pub(crate) fn rolled_back(report: &ReleasesReport) -> String {
    active(report, "Rolled back")
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

/// The answer of `inspect`.
pub(crate) fn inspected(report: &InspectReport) -> String {
    // Read from the document, so that this does not depend on how the locked app is represented.
    let locked = serde_json::to_value(&report.locked).unwrap_or_default();
    let word = |pointer| {
        locked
            .pointer(pointer)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
    };
    let mut text = format!(
        "{} {}\n  fingerprint {}\n",
        escape::line(word("/metadata/name")),
        escape::line(word("/metadata/version")),
        escape::line(&report.fingerprint)
    );
    for component in &report.components {
        let _ = writeln!(text, "\n{}", escape::line(&component.id));
        let content = |name: &str, digest: &str, size| {
            let size = DecimalBytes(size).to_string();
            vec![
                Cell::text(name),
                Cell::right(&size),
                Cell::text(&shorten(digest)),
            ]
        };
        let mut rows = vec![content(
            "(wasm)",
            &component.wasm.digest,
            component.wasm.size,
        )];
        rows.extend(
            component
                .files
                .iter()
                .map(|f| content(&f.path, &f.digest, f.size)),
        );
        text.push_str(&table(2, &rows));
    }
    text
}

/// The answer of `targets`, the default one marked.
pub(crate) fn targets(targets: &[TargetSummary]) -> String {
    let head = ["", "TARGET", "PLUGIN", "FROM", "DESCRIPTION"].map(Cell::text);
    let rows = targets.iter().map(|target| {
        vec![
            Cell::text(if target.default { "*" } else { " " }).style(Style::new().green()),
            Cell::text(&target.name),
            Cell::text(&target.plugin),
            Cell::text(&target.from),
            Cell::text(&target.description),
        ]
    });
    table(
        0,
        &std::iter::once(head.into()).chain(rows).collect::<Vec<_>>(),
    )
}

fn active(report: &ReleasesReport, heading: &str) -> String {
    let target = escape::line(&report.target);
    match report.releases.first() {
        Some(active) => format!("{heading} {target}\n{}", table(2, &release(active))),
        None => format!("No active release on {target}\n"),
    }
}

fn app(app: &AppId) -> String {
    let version = app
        .version
        .as_deref()
        .map(|v| format!(" {v}"))
        .unwrap_or_default();
    escape::line(&format!("{}{version}", app.name)).into_owned()
}

/// Identifiers in full: they are what the next command is given.
fn release(release: &Release) -> Vec<Vec<Cell>> {
    let mut rows = vec![pair("release", &release.id)];
    for (name, value) in [
        ("version", &release.version),
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

fn pair(name: &str, value: &str) -> Vec<Cell> {
    vec![Cell::text(name), Cell::text(value)]
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
