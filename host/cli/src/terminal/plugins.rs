//! What came of a command about plugins, as text for standard output.

use std::fmt::Write as _;

use console::Style;
use indicatif::DecimalBytes;
use spin_deployer_plugins::report::{
    About, AboutOption, BuildReport, CatalogsReport, CheckReport, FetchReport, InstallReport,
    ListReport, NewReport, PackReport, PluginId, PushReport, SearchReport, ShowReport,
    UninstallReport, UpgradeReport, Upgraded, Verified, VerifyReport,
};

use super::consent::consent;
use super::escape;
use super::tables::{Cell, shorten, table, titled};

/// The answer of `plugins new`.
pub(crate) fn new(report: &NewReport) -> String {
    let folder = report.folder.display().to_string();
    let file = folder.replace('-', "_");
    let rows: Vec<_> = report.files.iter().map(|f| vec![Cell::text(f)]).collect();
    format!(
        "Created {}\n{}Build it, and try it:\n  cd {folder}\n  cargo build --release --target wasm32-wasip2\n  \
         spin-deployer plugins pack target/wasm32-wasip2/release/{file}.wasm\n  spin-deployer plugins check {folder}.wasm\n",
        escape::line(&folder),
        table(2, &rows)
    )
}

/// The answer of `plugins pack`.
pub(crate) fn packed(report: &PackReport) -> String {
    let file = report.file.display().to_string();
    let rows = vec![
        pair("plugin", &who(&report.plugin)),
        pair("digest", &report.plugin.digest),
        pair("size", &DecimalBytes(report.size).to_string()),
    ];
    format!(
        "Packed {}{}\n{}{}",
        escape::line(&file),
        if report.replaced {
            ", with another manifest than before"
        } else {
            ""
        },
        table(2, &rows),
        warnings(&report.warnings)
    )
}

/// The answer of `plugins check`.
pub(crate) fn checked(report: &CheckReport) -> String {
    format!(
        "{}\n{}{}",
        about(&report.plugin, Vec::new()),
        consent(&report.consent),
        warnings(&report.warnings)
    )
}

/// The answer of `plugins show`.
pub(crate) fn shown(report: &ShowReport) -> String {
    let mut more = vec![pair("from", report.from)];
    let provenance = &report.provenance;
    more.extend(provenance.source.iter().map(|text| pair("source", text)));
    more.extend(provenance.signer.iter().map(|text| pair("signer", text)));
    let manifest: String = report
        .manifest
        .lines()
        .map(|line| format!("  | {}\n", escape::line(line)))
        .collect();
    format!(
        "{}\n{}\nManifest\n{manifest}",
        about(&report.plugin, more),
        consent(&report.consent)
    )
}

fn about(plugin: &About, more: Vec<Vec<Cell>>) -> String {
    let exports = plugin.exports.join(", ");
    let triggers = plugin.app.triggers.as_ref().map(|all| all.join(", "));
    let spin = plugin.spin_compatibility.as_deref();
    let mut rows = vec![
        pair("digest", &plugin.digest),
        pair("size", &DecimalBytes(plugin.size).to_string()),
        pair("interface", &format!("{}: {exports}", plugin.interface)),
        pair("Spin", spin.unwrap_or("any")),
        pair("triggers", triggers.as_deref().unwrap_or("any")),
    ];
    rows.extend(plugin.license.iter().map(|text| pair("license", text)));
    rows.extend(plugin.homepage.iter().map(|text| pair("homepage", text)));
    rows.extend(more);
    let mut text = format!(
        "{} {}: {}\n{}",
        escape::line(&plugin.name),
        escape::line(&plugin.version),
        escape::line(&plugin.description),
        table(2, &rows)
    );
    if !plugin.options.is_empty() {
        let rows: Vec<_> = plugin.options.iter().map(option).collect();
        let _ = write!(text, "\nOptions\n{}", table(2, &rows));
    }
    text
}

fn option(option: &AboutOption) -> Vec<Cell> {
    let flag = match option.kind.as_str() {
        "flag" => format!("--{}", option.name),
        _ => format!("--{} <{}>", option.name, option.value_name),
    };
    let mut help = option.help.clone();
    let mut note = |text: String| {
        let _ = write!(help, " [{text}]");
    };
    if option.required {
        note("required".to_owned());
    }
    if !option.env.is_empty() {
        note(format!("env: {}", option.env.join(", ")));
    }
    if let Some(default) = &option.default {
        note(format!("default: {}", default.join(", ")));
    }
    if !option.choices.is_empty() {
        note(format!("possible values: {}", option.choices.join(", ")));
    }
    vec![
        Cell::text(&flag),
        Cell::text(&option.kind),
        Cell::text(&help),
    ]
}

/// The answer of `plugins install`.
pub(crate) fn installed(report: &InstallReport) -> String {
    let provenance = &report.provenance;
    let mut rows = vec![pair("digest", &report.plugin.digest)];
    rows.extend(provenance.source.iter().map(|text| pair("source", text)));
    rows.extend(provenance.signer.iter().map(|text| pair("signer", text)));
    rows.extend(report.comment.iter().map(|text| pair("comment", text)));
    if let Some(before) = &report.replaced {
        rows.push(pair("before", &who(before)));
    }
    if let Some(lock) = &report.lock {
        rows.push(pair("lock", &lock.display().to_string()));
    }
    let who = escape::line(&who(&report.plugin)).into_owned();
    match report.unchanged {
        true => format!(
            "Installed already, nothing was done: {who}\n{}",
            table(2, &rows)
        ),
        false => format!("Installed {who}\n{}", table(2, &rows)),
    }
}

/// The answer of `plugins upgrade`.
pub(crate) fn upgraded(report: &UpgradeReport) -> String {
    if report.plugins.is_empty() {
        return "No plugin is installed\n".to_owned();
    }
    let mut text = String::new();
    for plugin in &report.plugins {
        let _ = writeln!(text, "{}", escape::line(&outcome(plugin, report.dry_run)));
        let rows: Vec<_> = plugin
            .difference
            .iter()
            .filter(|_| plugin.changes)
            .map(|line| vec![Cell::text(line)])
            .collect();
        text.push_str(&table(2, &rows));
    }
    text
}

fn outcome(plugin: &Upgraded, dry_run: bool) -> String {
    let Upgraded { name, from, to, .. } = plugin;
    let why = plugin.error.as_ref().map(|error| &error.message);
    let note = why.or(plugin.note.as_ref());
    let said = match (plugin.changes, dry_run, note) {
        (false, _, Some(_)) => format!("{name} stays {from}"),
        (false, _, None) => format!("{name} {from} is the newest"),
        (true, true, _) => format!("{name} {from} would become {to}"),
        (true, false, _) => format!("{name} {from} is {to} now"),
    };
    match note {
        Some(note) => format!("{said}: {note}"),
        None => said,
    }
}

/// The answer of `plugins uninstall`.
pub(crate) fn uninstalled(report: &UninstallReport) -> String {
    let rows: Vec<_> = report
        .removed
        .iter()
        .map(|plugin| {
            vec![
                Cell::text(&who(plugin)),
                Cell::text(&shorten(&plugin.digest)),
            ]
        })
        .collect();
    let mut text = format!("Uninstalled\n{}", table(2, &rows));
    if let Some(lock) = &report.lock {
        let lock = lock.display().to_string();
        text += &format!(
            "{} still names what is gone: a deploy wants it, until you take its table out\n",
            escape::line(&lock)
        );
    }
    text
}

/// The answer of `plugins list`.
pub(crate) fn listed(report: &ListReport) -> String {
    let headings = ["PLUGIN", "VERSION", "NEWER", "FROM", "SIGNED", "SOURCE"];
    let rows = report.plugins.iter().map(|plugin| {
        let from = match plugin.overrides {
            true => format!("{}, in place of the built-in one", plugin.from),
            false => plugin.from.to_owned(),
        };
        let newer = match (&plugin.newer, &plugin.unknown) {
            (Some(newer), _) => newer.as_str(),
            (None, Some(_)) => "?",
            (None, None) => "",
        };
        let signer = plugin.provenance.signer.as_deref();
        let signed = signer.map(|signer| signer.split(':').next().unwrap_or(signer));
        vec![
            Cell::text(&plugin.name),
            Cell::text(&plugin.version),
            Cell::text(newer).style(Style::new().yellow()),
            Cell::text(&from),
            Cell::maybe(signed),
            Cell::text(&shorten(
                plugin.provenance.source.as_deref().unwrap_or_default(),
            )),
        ]
    });
    let mut text = titled(headings, rows.collect());
    for plugin in &report.plugins {
        if let Some(why) = &plugin.unknown {
            let (name, why) = (escape::line(&plugin.name), escape::line(why));
            let _ = writeln!(text, "Whether {name} is outdated cannot be told: {why}");
        }
    }
    text
}

/// The answer of `plugins search`.
pub(crate) fn found(report: &SearchReport) -> String {
    if report.plugins.is_empty() {
        return "Nothing found\n".to_owned();
    }
    let headings = ["", "PLUGIN", "VERSION", "CATALOG", "DESCRIPTION"];
    let rows = report.plugins.iter().map(|plugin| {
        vec![
            Cell::text(if plugin.installed { "*" } else { " " }).style(Style::new().green()),
            Cell::text(&plugin.name),
            Cell::text(&plugin.version),
            Cell::text(&plugin.catalog),
            Cell::text(&plugin.description),
        ]
    });
    titled(headings, rows.collect())
}

/// The answer of `plugins verify`; what differs stands on standard error.
pub(crate) fn verified(report: &VerifyReport) -> String {
    let wrong = report.problems().count();
    let count = |kind: &str| report.checked.iter().filter(|one| one.kind == kind).count();
    let kinds = [
        ("built-in", "built-in plugins"),
        ("component", "installed components"),
        ("vendored", "vendored components"),
        ("compiled", "compiled plugins"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|(kind, words)| (count(kind), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    let looked = parts.join(", ");
    match wrong {
        0 => format!("All is as it should be: {looked}\n"),
        wrong => format!("{wrong} of these differ: {looked}\n"),
    }
}

/// What is said of one that differs.
pub(crate) fn differs(one: &Verified) -> String {
    let kind = match one.kind {
        "component" => "the component",
        "vendored" => "the vendored component",
        "compiled" => "the compiled code",
        _ => "the built-in plugin",
    };
    let name = one.name.as_ref().map(|name| format!(" of `{name}`"));
    let file = one.file.as_ref().map(|file| format!(" {}", file.display()));
    format!(
        "{kind}{}{} is not what it should be",
        name.unwrap_or_default(),
        file.unwrap_or_default()
    )
}

/// What to do about it.
pub(crate) fn mend(one: &Verified) -> &'static str {
    match one.kind {
        "component" => {
            "install it again; `spin-deployer plugins list` shows its source. Nothing of it is run as it is"
        }
        "vendored" => "`spin-deployer plugins fetch --vendor DIR` puts the right one there",
        "compiled" => "remove the file: it is made again. Nothing of it is run as it is",
        _ => "install spin-deployer again",
    }
}

/// The answer of `plugins fetch`.
pub(crate) fn fetched(report: &FetchReport) -> String {
    let lock = report.lock.display().to_string();
    if report.plugins.is_empty() {
        return format!("{} names no plugin\n", escape::line(&lock));
    }
    let rows: Vec<_> = report
        .plugins
        .iter()
        .map(|plugin| {
            let what = match (plugin.was_here, &plugin.file) {
                (true, None) => "built in",
                (true, Some(_)) => "was here",
                (false, _) => "fetched",
            };
            vec![
                Cell::text(&plugin.name),
                Cell::text(&shorten(&plugin.digest)),
                Cell::text(what),
            ]
        })
        .collect();
    format!(
        "All of {} is here\n{}",
        escape::line(&lock),
        table(2, &rows)
    )
}

/// The answer of `plugins push`.
pub(crate) fn pushed(report: &PushReport) -> String {
    let rows = vec![
        pair("reference", &report.reference),
        pair("component", &report.plugin.digest),
    ];
    format!(
        "Pushed {}\n{}",
        escape::line(&who(&report.plugin)),
        table(2, &rows)
    )
}

/// The answer of `catalog list`, `add` and `remove`.
pub(crate) fn catalogs(report: &CatalogsReport) -> String {
    if report.catalogs.is_empty() {
        return "No catalogs\n".to_owned();
    }
    let rows = report.catalogs.iter().map(|catalog| {
        vec![
            Cell::text(&catalog.name),
            Cell::text(&catalog.location),
            Cell::text(if catalog.token { "yes" } else { "" }),
        ]
    });
    titled(["CATALOG", "LOCATION", "TOKEN"], rows.collect())
}

/// The answer of `catalog build`.
pub(crate) fn built(report: &BuildReport) -> String {
    let folder = report.folder.display().to_string();
    let rows: Vec<_> = report
        .plugins
        .iter()
        .map(|plugin| {
            vec![
                Cell::text(&who(plugin)),
                Cell::text(&shorten(&plugin.digest)),
            ]
        })
        .collect();
    format!(
        "Wrote {} files of the catalog in {}\n{}",
        report.files.len(),
        escape::line(&folder),
        table(2, &rows)
    )
}

fn warnings(warnings: &[String]) -> String {
    let lines = warnings
        .iter()
        .map(|warning| format!("  {}\n", escape::line(warning)));
    match warnings.is_empty() {
        true => String::new(),
        false => format!(
            "\nWhat its author should know\n{}",
            lines.collect::<String>()
        ),
    }
}

fn who(plugin: &PluginId) -> String {
    format!("{} {}", plugin.name, plugin.version)
}

fn pair(name: &str, value: &str) -> Vec<Cell> {
    vec![Cell::text(name), Cell::text(value)]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use spin_deployer_plugins::report::{Failure, SCHEMA};

    use super::*;

    #[rstest]
    #[case(false, None, None, "shelf 0.1.0 is the newest\n")]
    #[case(true, None, None, "shelf 0.1.0 is 0.2.0 now\n")]
    #[case(
        true,
        Some("0.3.0 is there"),
        None,
        "shelf 0.1.0 is 0.2.0 now: 0.3.0 is there\n"
    )]
    #[case(
        false,
        Some("it came from a file"),
        None,
        "shelf stays 0.1.0: it came from a file\n"
    )]
    #[case(
        false,
        Some("0.3.0 is there"),
        Some("no\u{1b}[2J"),
        "shelf stays 0.1.0: no\\u{1b}[2J\n"
    )]
    fn what_became_of_a_plugin_is_said_and_nothing_else(
        #[case] changes: bool,
        #[case] note: Option<&str>,
        #[case] error: Option<&str>,
        #[case] says: &str,
    ) {
        let plugin = Upgraded {
            name: "shelf".to_owned(),
            from: "0.1.0".to_owned(),
            to: if changes { "0.2.0" } else { "0.1.0" }.to_owned(),
            digest: String::new(),
            difference: Vec::new(),
            changes,
            note: note.map(str::to_owned),
            error: error.map(|text| {
                let error =
                    spin_deployer_deploy::Error::new(spin_deployer_deploy::Code::Denied, text);
                Failure::from(error)
            }),
        };
        let report = UpgradeReport {
            schema: SCHEMA,
            dry_run: false,
            plugins: vec![plugin],
        };
        assert_eq!(upgraded(&report), says);
    }
}
