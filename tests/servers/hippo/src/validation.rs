//! The rules that several kinds of rows share. All rules of a request are asked, and all that failed are told.

use crate::failure::Findings;
use crate::state::Strategy;

/// `^[a-zA-Z0-9-_]*$` for a property with this display name.
pub(crate) fn is_name(findings: &mut Findings, display: &str, value: &str) {
    of(findings, display, value, "-_");
}

/// Only ASCII letters, digits and these.
pub(crate) fn of(findings: &mut Findings, display: &str, value: &str, more: &str) {
    if !value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    {
        bad_format(findings, display);
    }
}

pub(crate) fn longest(findings: &mut Findings, display: &str, value: &str, most: usize) {
    let length = value.chars().count();
    if length > most {
        findings.add(
            &property(display),
            format!(
                "The length of '{display}' must be {most} characters or fewer. You entered {length} characters."
            ),
        );
    }
}

/// `^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$`: no port, no single label, no upper case.
pub(crate) fn is_domain(findings: &mut Findings, value: &str) {
    let letters = |c: char| c.is_ascii_lowercase();
    let label = |label: &str| {
        label
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(|c| letters(c) || c.is_ascii_digit()))
    };
    let good = value.rsplit_once('.').is_some_and(|(labels, last)| {
        last.len() >= 2 && last.chars().all(letters) && labels.split('.').all(label)
    });
    if !good {
        bad_format(findings, "Domain");
    }
}

/// A range rule goes without a revision, and the other strategy only with one.
pub(crate) fn agree(findings: &mut Findings, strategy: Strategy, revision: bool) {
    match (strategy, revision) {
        (Strategy::RangeRule, true) => findings.add(
            "ActiveRevisionId",
            "Active revision cannot be specified with a range rule.",
        ),
        (Strategy::Specified, false) => {
            findings.add("ActiveRevisionId", "Active revision must be specified.");
        }
        _ => {}
    }
}

fn bad_format(findings: &mut Findings, display: &str) {
    let message = format!("'{display}' is not in the correct format.");
    findings.add(&property(display), message);
}

fn property(display: &str) -> String {
    display.replace(' ', "")
}
