//! The line of one running step.

use std::time::Instant;

use console::truncate_str;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

use super::escape;

/// More of a label than this would leave no room for the bar.
const LABEL_WIDTH: usize = 32;

/// What is known of a running step. Its texts are escaped.
pub(crate) struct Step {
    pub(crate) label: String,
    pub(crate) detail: String,
    pub(crate) expected: u64,
    pub(crate) sent: u64,
    pub(crate) skipped: u64,
    pub(crate) began: Instant,
    pub(crate) bar: ProgressBar,
}

impl Step {
    /// Draws it anew.
    pub(crate) fn redraw(&self) {
        if self.bar.is_hidden() {
            return;
        }
        let skipped = (self.skipped > 0).then(|| format!("{} skipped", DecimalBytes(self.skipped)));
        let rest = skipped
            .into_iter()
            .chain(Some(self.detail.clone()).filter(|d| !d.is_empty()));
        let rest = rest.collect::<Vec<_>>().join(", ");
        if self.expected > 0 {
            if self.bar.length().is_none() {
                self.bar.set_style(bar());
                self.bar
                    .set_prefix(truncate_str(&self.label, LABEL_WIDTH, "…").into_owned());
            }
            self.bar.set_length(self.expected);
            self.bar.set_position(self.sent);
            self.bar.set_message(rest);
        } else if rest.is_empty() {
            self.bar.set_message(self.label.clone());
        } else {
            self.bar.set_message(format!("{}: {rest}", self.label));
        }
    }

    /// `Push layers: 12.3 MB, 4.5 MB skipped`.
    pub(crate) fn ended(&self, text: Option<&str>, failed: bool) -> String {
        let mut parts = Vec::new();
        if failed {
            parts.push("failed".to_owned());
        }
        parts.extend(
            text.filter(|t| !t.is_empty())
                .map(|t| escape::line(t).into_owned()),
        );
        if self.sent > 0 {
            parts.push(DecimalBytes(self.sent).to_string());
        }
        if self.skipped > 0 {
            parts.push(format!("{} skipped", DecimalBytes(self.skipped)));
        }
        if parts.is_empty() {
            return self.label.clone();
        }
        format!("{}: {}", self.label, parts.join(", "))
    }
}

const SPINNER: &str = "{spinner:.cyan} {wide_msg}";
const BAR: &str = "{spinner:.cyan} {prefix} {bar:20.cyan/dim} {decimal_bytes}/{decimal_total_bytes} \
                   {decimal_bytes_per_sec} {eta} {wide_msg}";

/// A line without bytes.
pub(crate) fn spinner() -> ProgressStyle {
    style(SPINNER)
}

fn bar() -> ProgressStyle {
    style(BAR)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_understood() {
        for template in [SPINNER, BAR] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
