//! What there is: an app before it is deployed, and targets.

use std::fmt::Write as _;

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_deploy::report::{InspectReport, TargetSummary};

use crate::terminal::escape;
use crate::terminal::tables::{Cell, shorten, table, titled};

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
    if let Some(other) = &report.fingerprint_with_modules {
        let _ = writeln!(
            text,
            "  fingerprint {} where modules stay modules, as bindle and hippo want them",
            escape::line(other)
        );
    }
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

/// The answer of `targets` with their digests, as a policy names them.
pub(crate) fn targets_with_digests(list: &[TargetSummary]) -> String {
    let rows = list.iter().map(|target| {
        let digest = target.digest.as_deref();
        vec![Cell::text(&target.name), Cell::maybe(digest)]
    });
    let digests = titled(["TARGET", "DIGEST"], rows.collect());
    format!("{}\n{digests}", targets(list))
}
