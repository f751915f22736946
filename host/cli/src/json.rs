//! The one document that standard output gets with `--output json`.

use serde::Serialize;
use spin_deployer_deploy::report::{SCHEMA, TargetSummary};
use spin_deployer_deploy::{Error, Landed};

use crate::terminal::escape;

/// A report as a document.
pub(crate) fn document(report: &impl Serialize) -> String {
    // Reports are plain structs with text keys, for which this cannot fail.
    let text = serde_json::to_string_pretty(report).unwrap_or_default();
    escape::json(&text) + "\n"
}

/// The answer of `targets`.
pub(crate) fn targets(targets: &[TargetSummary]) -> String {
    document(&serde_json::json!({ "schema": SCHEMA, "targets": targets }))
}

/// `{schema, error: {code, exit_code, message, detail, help, sent}}`, with the findings about the app where they are
/// the reason, what a release wrote that is not ready, and what has landed where the command was interrupted.
pub(crate) fn error(
    error: &Error,
    code: Option<&str>,
    exit_code: u8,
    landed: Option<&Landed>,
) -> String {
    let code = match code {
        Some(code) => serde_json::Value::from(code),
        None => serde_json::to_value(error.code).unwrap_or_default(),
    };
    let mut body = serde_json::json!({
        "code": code,
        "exit_code": exit_code,
        "message": error.message,
        "detail": error.detail,
        "help": error.help,
        "sent": error.sent,
    });
    if !error.findings.is_empty() {
        body["findings"] = serde_json::to_value(&error.findings).unwrap_or_default();
    }
    if !error.log.is_empty() {
        body["log"] = serde_json::json!(error.log);
    }
    if let Some(landed) = landed {
        body["landed"] = serde_json::json!({
            "changed": landed.changed,
            "transferred": landed.transferred,
            "steps_done": landed.steps_done,
        });
    }
    document(&serde_json::json!({ "schema": SCHEMA, "error": body }))
}

#[cfg(test)]
mod tests {
    use spin_deployer_deploy::Code;

    use super::*;

    #[test]
    fn an_error_is_a_document_with_all_its_fields() {
        let wrong = Error::new(Code::NotReady, "not ready").detail("503\u{1b}[2J\u{202e}");
        let text = error(&wrong, None, 8, None);
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            serde_json::json!({ "schema": 1, "error": {
                "code": "not-ready", "exit_code": 8, "message": "not ready",
                "detail": "503\u{1b}[2J\u{202e}", "help": null, "sent": false,
            }})
        );
    }
}
