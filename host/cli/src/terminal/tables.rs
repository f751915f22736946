//! Aligned columns.

use console::{Alignment, Style, measure_text_width, pad_str};

use super::escape;

/// A field of a table: foreign text becomes one only through [`Cell::text`], which escapes it.
pub(crate) struct Cell {
    shown: String,
    style: Style,
    align: Alignment,
}

impl Cell {
    pub(crate) fn text(text: &str) -> Self {
        Self {
            shown: escape::line(text).into_owned(),
            style: Style::new(),
            align: Alignment::Left,
        }
    }

    /// Text that may be missing.
    pub(crate) fn maybe(text: Option<&str>) -> Self {
        Self::text(text.unwrap_or_default())
    }

    pub(crate) fn right(text: &str) -> Self {
        Self {
            align: Alignment::Right,
            ..Self::text(text)
        }
    }

    pub(crate) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Rows under each other, two blanks between the columns, each row indented by `indent` blanks. A column without
/// anything in it is left out.
pub(crate) fn table(indent: usize, rows: &[Vec<Cell>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|c| measure_text_width(&c.shown))
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .filter(|(_, width)| **width > 0)
            .map(|(cell, width)| {
                cell.style
                    .apply_to(pad_str(&cell.shown, *width, cell.align, None))
                    .to_string()
            })
            .collect();
        text.push_str(format!("{}{}", " ".repeat(indent), cells.join("  ")).trim_end());
        text.push('\n');
    }
    text
}

/// A table with headings; a column without anything below its heading is left out.
pub(crate) fn titled<const N: usize>(headings: [&str; N], rows: Vec<Vec<Cell>>) -> String {
    let filled = |column: usize| {
        rows.iter()
            .any(|row| row.get(column).is_some_and(|c| !c.shown.is_empty()))
    };
    let headings = headings.iter().enumerate();
    let headings = headings.map(|(at, name)| Cell::text(if filled(at) { name } else { "" }));
    let all: Vec<_> = std::iter::once(headings.collect()).chain(rows).collect();
    table(0, &all)
}

/// Digests in a text, cut to what tells them apart for a reader: `sha256:0123456789ab`.
pub(crate) fn shorten(text: &str) -> String {
    const PREFIX: &str = "sha256:";
    let mut parts = text.split(PREFIX);
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        short.push_str(PREFIX);
        short.push_str(if digits == 64 {
            &part[..12]
        } else {
            &part[..digits]
        });
        short.push_str(&part[digits..]);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_the_width_of_their_letters() {
        let rows = [
            vec![Cell::text("日本"), Cell::right("1 B"), Cell::text("x")],
            vec![Cell::text("a"), Cell::right("10 kB"), Cell::text("")],
        ];
        assert_eq!(table(2, &rows), "  日本    1 B  x\n  a     10 kB\n");
    }

    #[test]
    fn an_empty_column_takes_no_room() {
        let rows = [vec![Cell::text("a"), Cell::maybe(None), Cell::text("b")]];
        assert_eq!(table(0, &rows), "a  b\n");
    }

    #[test]
    fn a_cell_cannot_leave_its_row() {
        assert_eq!(
            table(0, &[vec![Cell::text("a\nb\u{1b}[2J")]]),
            "a\\u{a}b\\u{1b}[2J\n"
        );
    }

    #[test]
    fn whole_digests_are_cut_and_nothing_else_is() {
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(
            shorten(&format!("x@{digest}, y")),
            "x@sha256:0123456789ab, y"
        );
        assert_eq!(
            shorten("sha256:0123 and sha256:"),
            "sha256:0123 and sha256:"
        );
    }
}
