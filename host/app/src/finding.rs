//! What is wrong with an app, or worth knowing about it: one [`Finding`] each, all of them in one go.
//!
//! A finding says what, where and how out of it. Its texts may hold pieces of a hostile `spin.toml`, so control
//! and direction-changing characters are made visible where a finding is made, not where it is shown.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Whether a finding stops a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The app cannot be deployed as it is.
    Error,
    /// It can, and is probably not what was meant.
    Warning,
}

/// One thing found in an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Error or warning.
    pub level: Level,
    /// A stable word for scripts: `unknown-field`, `outside-app`.
    pub code: &'static str,
    /// One sentence, without a full stop.
    pub message: String,
    /// The file that it is about, as the user named it.
    pub file: Option<PathBuf>,
    /// Counted from 1.
    pub line: Option<usize>,
    /// In characters, counted from 1.
    pub column: Option<usize>,
    /// The line itself, and below it carets under the place.
    #[serde(skip)]
    pub excerpt: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Finding {
    /// An error about a whole file, or about none.
    pub(crate) fn error(
        code: &'static str,
        file: Option<&Path>,
        message: &str,
        help: &str,
    ) -> Self {
        Self {
            level: Level::Error,
            code,
            message: visible(message),
            file: file.map(Path::to_owned),
            line: None,
            column: None,
            excerpt: None,
            help: (!help.is_empty()).then(|| visible(help)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level}: {}", self.message)?;
        if let Some(file) = &self.file {
            write!(f, "\n  --> {}", visible(&file.to_string_lossy()))?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, ":{line}:{column}")?;
            }
        }
        if let (Some(line), Some(excerpt)) = (self.line, &self.excerpt) {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            write!(f, "\n {margin} |")?;
            for (index, text) in excerpt.lines().enumerate() {
                let number = if index == 0 { &number } else { &margin };
                write!(f, "\n {number} | {text}")?;
            }
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Why there is no app: at least one finding is an error. Warnings are among them.
#[derive(Debug, thiserror::Error)]
pub struct LoadError {
    /// In the order of the file where they have a place.
    pub findings: Vec<Finding>,
}

impl LoadError {
    pub(crate) fn one(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            finding.fmt(f)?;
        }
        Ok(())
    }
}

/// A place in the text of a file, in bytes.
pub(crate) type Place = Range<usize>;

/// A hostile file does not get to fill the terminal.
const MOST: usize = 100;
const WIDEST_LINE: usize = 160;

/// Collects what is found in one file.
pub(crate) struct Report<'t> {
    file: PathBuf,
    text: &'t str,
    found: Vec<(usize, Finding)>,
}

impl<'t> Report<'t> {
    pub(crate) fn new(file: &Path, text: &'t str) -> Self {
        Self {
            file: file.to_owned(),
            text,
            found: Vec::new(),
        }
    }

    /// An empty `help` is none.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        at: &Place,
        message: impl AsRef<str>,
        help: &str,
    ) {
        self.add(Level::Error, code, at, message.as_ref(), help);
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        at: &Place,
        message: impl AsRef<str>,
        help: &str,
    ) {
        self.add(Level::Warning, code, at, message.as_ref(), help);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found
            .iter()
            .any(|(_, finding)| finding.level == Level::Error)
    }

    /// Whether nothing that is found from now on counts: no need to work out what to say about it.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MOST && self.has_errors()
    }

    /// In the order of the file.
    pub(crate) fn into_findings(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|(start, _)| *start);
        self.found.into_iter().map(|(_, finding)| finding).collect()
    }

    pub(crate) fn add(
        &mut self,
        level: Level,
        code: &'static str,
        at: &Place,
        message: &str,
        help: &str,
    ) {
        // Past the limit only the first error still counts: it decides whether there is an app.
        if self.is_full() || (level == Level::Warning && self.found.len() >= MOST) {
            return;
        }
        let mut finding = Finding::error(code, Some(&self.file), message, help);
        finding.level = level;
        let (line, column, excerpt) = locate(self.text, at);
        (finding.line, finding.column, finding.excerpt) = (Some(line), Some(column), Some(excerpt));
        self.found.push((at.start, finding));
    }
}

/// Line, column and excerpt of a place. A place that runs over its line is cut there.
fn locate(text: &str, at: &Place) -> (usize, usize, String) {
    let start = floor(text, at.start);
    let end = floor(text, at.end.max(start));
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
    let line = text[..line_start].matches('\n').count() + 1;
    let before = text[line_start..start].chars().count();
    let marked = text[start..end.min(line_end).max(start)]
        .trim_end()
        .chars()
        .count()
        .max(1);
    // A long line is shown from near its place on.
    let skipped = before.saturating_sub(WIDEST_LINE / 2);
    let shown: String = text[line_start..line_end]
        .chars()
        .skip(skipped)
        .take(WIDEST_LINE)
        .collect();
    let marked = marked.min(WIDEST_LINE - (before - skipped).min(WIDEST_LINE - 1));
    let excerpt = format!(
        "{}\n{}{}",
        one_wide(shown.trim_end()),
        " ".repeat(before - skipped),
        "^".repeat(marked)
    );
    (line, before + 1, excerpt)
}

fn floor(text: &str, mut index: usize) -> usize {
    index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// Control, invisible and direction-changing characters written out; line breaks stay.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && c != '\n' {
            out.extend(c.escape_unicode())
        } else {
            out.push(c)
        }
    }
    out
}

/// The same with one character for each, so that the carets below stay where they belong.
fn one_wide(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            c if is_hidden(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_file_line_column_excerpt_and_help() {
        let text = "a = 1\nbogus = 2\n";
        let mut report = Report::new(Path::new("spin.toml"), text);
        report.error(
            "unknown-field",
            &(6..11),
            "unknown field `bogus`",
            "remove it",
        );
        let shown = report.into_findings()[0].to_string();
        assert_eq!(
            shown,
            "error: unknown field `bogus`\n  --> spin.toml:2:1\n   |\n 2 | bogus = 2\n   | ^^^^^\n  help: remove it"
        );
    }

    #[test]
    fn escape_sequences_of_a_hostile_file_do_not_reach_the_terminal() {
        let text = "name = '\u{1b}[31m\u{202e}'";
        let mut report = Report::new(Path::new("spin\u{1b}.toml"), text);
        report.error("x", &(8..9), "bad \u{1b}[0m name", "");
        let shown = report.into_findings()[0].to_string();
        assert!(
            !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
            "{shown:?}"
        );
    }

    #[test]
    fn any_place_can_be_shown() {
        let text = "\u{e9}\u{1f600}\nx";
        for start in 0..12 {
            for end in 0..12 {
                let (line, column, _) = locate(text, &(start..end));
                assert!(line >= 1 && column >= 1);
            }
        }
    }
}
