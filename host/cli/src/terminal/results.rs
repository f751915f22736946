//! What came of a command, as text for standard output.

use std::fmt::Write as _;

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_deploy::report::{
    Action, AppId, Change, DeployReport, DestroyReport, InspectReport, KeyReport, LoginReport,
    LogoutReport, PlanReport, Release, ReleasesReport, SavedId, TargetSummary,
};

use super::escape;
use super::tables::{Cell, shorten, table, titled};

/// The answer of `deploy`.
pub(crate) fn deployed(report: &DeployReport) -> String {
    let mut rows = release(&report.release);
    let sent = report.transferred;
    let mut text = DecimalBytes(sent.bytes).to_string();
    if sent.requests > 0 {
        let s = if sent.requests == 1 { "" } else { "s" };
        let _ = write!(text, " in {} request{s}", sent.requests);
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

/// The answer of `plan`.
pub(crate) fn planned(report: &PlanReport) -> String {
    let target = escape::line(&report.target);
    if report.changes.is_empty() {
        return format!(
            "Nothing to do: {} is on {target} as it is\n{}",
            app(&report.app),
            effects(report)
        );
    }
    let rows: Vec<_> = report.changes.iter().map(change).collect();
    format!(
        "Plan for {} on {target}\n{}{}\n{}",
        app(&report.app),
        table(2, &rows),
        totals(&report.changes),
        effects(report)
    )
}

/// A plan changes nothing, but for what the plugin's rules say; nobody should have to read a manifest to know that.
fn effects(report: &PlanReport) -> String {
    if report.effects.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = report
        .effects
        .iter()
        .map(|line| vec![Cell::text(line)])
        .collect();
    format!("The plan itself may have sent\n{}", table(2, &rows))
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
        let are = if report.left == 1 {
            "secret is"
        } else {
            "secrets are"
        };
        let _ = writeln!(
            text,
            "{} other {are} still saved; `spin-deployer logout --all` removes all",
            report.left
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
    let headings = ["", "TARGET", "PLUGIN", "FROM", "DESCRIPTION"];
    let rows = targets.iter().map(|target| {
        vec![
            Cell::text(if target.default { "*" } else { " " }).style(Style::new().green()),
            Cell::text(&target.name),
            Cell::text(&target.plugin),
            Cell::text(&target.from),
            Cell::text(&target.description),
        ]
    });
    titled(headings, rows.collect())
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

#[cfg(test)]
mod tests {
    use spin_deployer_deploy::report::{PluginId, Route, SCHEMA, Transferred};

    use super::*;

    fn plugin() -> PluginId {
        PluginId {
            name: "oci".into(),
            version: "0.1.0".into(),
            digest: "sha256:00".into(),
        }
    }

    fn hello() -> AppId {
        AppId {
            name: "hello".into(),
            version: Some("1.0.0".into()),
            fingerprint: "f".into(),
        }
    }

    fn example(id: &str, active: bool) -> Release {
        Release {
            id: id.into(),
            version: None,
            artifact: Some(format!("x@sha256:{}", "ab".repeat(32))),
            created: None,
            active,
            state: None,
            routes: vec![Route {
                name: "main".into(),
                url: "https://example.com/".into(),
            }],
        }
    }

    fn change(action: Action, name: &str, bytes: Option<u64>) -> Change {
        Change {
            action,
            kind: "layer".into(),
            name: name.into(),
            detail: None,
            bytes,
        }
    }

    #[test]
    fn a_plan_lines_up_and_adds_up() {
        let changes = vec![
            change(
                Action::Upload,
                &format!("sha256:{}", "ab".repeat(32)),
                Some(1_500_000),
            ),
            change(Action::Upload, "b", Some(500_000)),
            change(Action::Keep, "c", Some(9_000_000)),
        ];
        let report = PlanReport {
            schema: SCHEMA,
            target: "prod".into(),
            plugin: plugin(),
            app: hello(),
            changes,
            effects: vec!["POST to the token service of https://ghcr.io".into()],
            findings: vec![],
        };
        assert_eq!(
            planned(&report),
            "Plan for hello 1.0.0 on prod\n  \
             ^ upload  layer  sha256:abababababab    1.50 MB\n  \
             ^ upload  layer  b                    500.00 kB\n  \
             = keep    layer  c                      9.00 MB\n\
             2 to upload (2.00 MB), 1 to keep\n\
             The plan itself may have sent\n  \
             POST to the token service of https://ghcr.io\n"
        );
    }

    #[test]
    fn a_deploy_says_what_the_next_command_needs_in_full() {
        let transferred = Transferred {
            bytes: 2_000_000,
            skipped_bytes: 1_000,
            requests: 7,
        };
        let report = DeployReport {
            schema: SCHEMA,
            target: "prod".into(),
            plugin: plugin(),
            app: hello(),
            release: example("3", true),
            transferred,
            ready: Some(true),
            seconds: 1.25,
            findings: vec![],
        };
        let digest = "ab".repeat(32);
        assert_eq!(
            deployed(&report),
            format!(
                "Deployed hello 1.0.0 to prod in 1.2 s\n  \
                 release   3\n  \
                 artifact  x@sha256:{digest}\n  \
                 route     main https://example.com/\n  \
                 sent      2.00 MB in 7 requests, 1.00 kB skipped\n  \
                 ready     yes\n"
            )
        );
    }

    #[test]
    fn history_marks_the_active_release_and_cannot_be_drawn_over() {
        let report = ReleasesReport {
            schema: SCHEMA,
            target: "prod".into(),
            plugin: plugin(),
            releases: vec![example("2\n*  9", false), example("1", true)],
        };
        assert_eq!(
            history(&report),
            "   ID          ARTIFACT\n   \
             2\\u{a}*  9  x@sha256:abababababab\n\
             *  1           x@sha256:abababababab\n"
        );
    }

    #[test]
    fn the_platforms_own_word_for_a_state_is_shown_and_cannot_draw() {
        let state = |state: &str| Release {
            state: Some(state.into()),
            artifact: None,
            routes: vec![],
            ..example("1", true)
        };
        let report = |releases| ReleasesReport {
            schema: SCHEMA,
            target: "prod".into(),
            plugin: plugin(),
            releases,
        };
        assert_eq!(
            history(&report(vec![state("running"), state("\u{1b}[2Jdead\n")])),
            "   ID  STATE\n*  1   running\n*  1   \\u{1b}[2Jdead\\u{a}\n"
        );
        assert_eq!(
            status(&report(vec![state("pending\n  release  2")])),
            "Active on prod\n  release  1\n  state    pending\\u{a}  release  2\n"
        );
    }

    #[test]
    fn what_will_be_removed_is_listed_as_a_plan() {
        let changes = [
            change(Action::Delete, "a\nb", None),
            change(Action::Keep, "c", None),
        ];
        assert_eq!(
            removal("prod", Some(&changes)),
            "Destroy on prod\n  - delete  layer  a\\u{a}b\n  = keep    layer  c\n1 to delete, 1 to keep\n"
        );
    }

    #[test]
    fn nothing_there_is_said_so() {
        let report = ReleasesReport {
            schema: SCHEMA,
            target: "prod".into(),
            plugin: plugin(),
            releases: vec![],
        };
        assert_eq!(history(&report), "No release on prod\n");
        assert_eq!(status(&report), "No active release on prod\n");
    }
}
