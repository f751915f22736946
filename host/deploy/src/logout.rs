//! Removes what logins left. No plugin runs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::audit::{AuditLog, Line, TargetLine};
use crate::logins::{self, identity, origins, undecided, unusable};
use crate::report::{LogoutReport, SCHEMA};
use crate::{Environment, Error, Target, target, values};

/// Removes what is saved for a target: for its plugin, and the places that these options name. Where one of those is
/// not given, for its plugin and all places. Each leaves a line in the audit log.
///
/// # Errors
/// The audit log cannot be written, an option that cannot be used, or saved secrets that cannot be read or written.
pub fn logout(
    environment: &Environment,
    target: &Target,
    given: &BTreeMap<String, Vec<String>>,
    from: Option<&str>,
    audit_log: Option<&Path>,
) -> Result<LogoutReport, Error> {
    let audit = begin(environment, Some(target), from, audit_log)?;
    let (manifest, plugin) = (&target.manifest, identity(target));
    let folder = target::folder(environment, from);
    let values = values::written(environment, target, given, &folder)?;
    let everywhere = undecided(manifest, &values);
    let secrets: BTreeMap<_, _> = logins::secrets(manifest)
        .flat_map(|secret| {
            let origins = origins(manifest, &values, &secret.name);
            let with = logins::companions(manifest, &secret.name);
            let saved = with.chain(std::iter::once(secret));
            saved.map(move |option| (option.name.to_string(), origins.clone()))
        })
        .collect();
    let mut report = LogoutReport {
        schema: SCHEMA,
        target: Some(target.name.clone()),
        removed: Vec::new(),
        left: 0,
    };
    if let Some(store) = logins::store(environment) {
        let done = store.remove(|saved| {
            saved.plugin == plugin
                && (everywhere || secrets.get(&saved.option) == Some(&saved.origins))
        });
        let done = done.map_err(unusable)?;
        report.removed = done.removed.into_iter().map(Into::into).collect();
        report.left = done.left;
    }
    told(&report, &audit);
    Ok(report)
}

/// Removes everything that is saved, also what cannot be read. As far as it can, each leaves a line in the audit log.
///
/// # Errors
/// The audit log cannot be written, or it cannot be removed.
pub fn logout_all(
    environment: &Environment,
    audit_log: Option<&Path>,
) -> Result<LogoutReport, Error> {
    let audit = begin(environment, None, None, audit_log)?;
    let removed = match logins::store(environment) {
        Some(store) => store.clear().map_err(unusable)?,
        None => Vec::new(),
    };
    let report = LogoutReport {
        schema: SCHEMA,
        target: None,
        removed: removed.into_iter().map(Into::into).collect(),
        left: 0,
    };
    told(&report, &audit);
    Ok(report)
}

fn begin(
    environment: &Environment,
    target: Option<&Target>,
    from: Option<&str>,
    audit_log: Option<&Path>,
) -> Result<AuditLog, Error> {
    let audit = AuditLog::open(audit_log, environment.directories.data())?;
    audit.begin(&Line::Run {
        command: "logout",
        target: target.map(TargetLine::from),
        from,
        policies: &[],
    });
    Ok(audit)
}

fn told(report: &LogoutReport, audit: &AuditLog) {
    for removed in &report.removed {
        audit.line(&Line::Removed(removed));
    }
}
