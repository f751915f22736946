//! Text of plugins, servers and manifests, made safe to show.
//!
//! Such text may try to move the cursor, to recolour, to rename the window, to turn the reading direction or to hide
//! a part of itself. Everything that can do so is shown as what it is: `\u{1b}`. Nothing foreign reaches the terminal
//! past this module, JSON included.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The most characters of one field that are shown. JSON documents have all of it.
const LONGEST: usize = 4000;

/// One line: line breaks are made visible too, so that a field cannot pretend to be another message.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    show(text, |_| false)
}

/// Several lines, as a server's answer may have them. Who shows them indents them.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    show(text, |c| c == '\n')
}

/// A JSON document whose strings hold the same text in characters that no terminal obeys.
pub(crate) fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && acts(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

fn show(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let end = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    if end.is_none() && !text.chars().any(|c| acts(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len().min(LONGEST * 2));
    for c in text[..end.unwrap_or(text.len())].chars() {
        if acts(c) && !keep(c) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    if let Some(end) = end {
        let _ = write!(shown, "… ({} more bytes)", text.len() - end);
    }
    Cow::Owned(shown)
}

/// Whether a character does something to a terminal or its reader other than being seen.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}'                      // soft hyphen
            | '\u{034F}'                    // combining grapheme joiner
            | '\u{061C}'                    // Arabic letter mark
            | '\u{115F}' | '\u{1160}'       // Hangul fillers, which are blank
            | '\u{17B4}' | '\u{17B5}'       // Khmer vowels without a glyph
            | '\u{180B}'..='\u{180F}'       // Mongolian selectors
            | '\u{200B}'..='\u{200F}'       // zero width, direction marks
            | '\u{2028}'..='\u{202E}'       // line and paragraph separators, direction embedding and override
            | '\u{2060}'..='\u{206F}'       // word joiner, invisible operators, direction isolates
            | '\u{3164}' | '\u{FFA0}'       // Hangul fillers
            | '\u{FEFF}'                    // byte order mark
            | '\u{FFF0}'..='\u{FFFB}'       // interlinear annotation
            | '\u{1D173}'..='\u{1D17A}'     // musical formatting
            | '\u{E0000}'..='\u{E0FFF}'     // tags and further variation selectors, which can carry hidden text
        )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::colour("\u{1b}[31mred", r"\u{1b}[31mred")]
    #[case::title("\u{1b}]0;owned\u{7}", r"\u{1b}]0;owned\u{7}")]
    #[case::c1_introducer("\u{9b}2J", r"\u{9b}2J")]
    #[case::delete("a\u{7f}", r"a\u{7f}")]
    #[case::overwriting("done\rfail", r"done\u{d}fail")]
    #[case::a_second_message("x\nerror: y", r"x\u{a}error: y")]
    #[case::direction_override("moc\u{202e}", r"moc\u{202e}")]
    #[case::direction_isolate("\u{2066}x\u{2069}", r"\u{2066}x\u{2069}")]
    #[case::zero_width("a\u{200b}b\u{feff}c", r"a\u{200b}b\u{feff}c")]
    #[case::hidden_tags("a\u{e0041}", r"a\u{e0041}")]
    #[case::separator("a\u{2028}b", r"a\u{2028}b")]
    fn what_acts_on_a_terminal_is_shown_instead(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(line(text), shown);
    }

    #[rstest]
    #[case("Zürich — 日本語 עברית 🚀")]
    #[case("C:\\app\\spin.toml")]
    #[case("")]
    fn what_can_be_read_stays_as_it_is(#[case] text: &str) {
        assert!(matches!(line(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn an_answer_of_several_lines_keeps_its_lines_and_nothing_else() {
        assert_eq!(lines("a\nb\r\n\u{1b}c"), "a\nb\\u{d}\n\\u{1b}c");
    }

    #[test]
    fn a_flood_is_cut() {
        let shown = line(&"ä".repeat(LONGEST + 5)).into_owned();
        assert!(shown.ends_with("ä… (10 more bytes)"), "{shown}");
        assert!(shown.chars().count() < LONGEST + 30);
    }

    #[test]
    fn json_holds_the_same_text_without_characters_that_act() {
        let text = "a\u{9b}b\u{202e}c\u{e0041}d\ne";
        let document = json(&serde_json::to_string(text).unwrap());
        assert!(document.is_ascii(), "{document}");
        assert_eq!(serde_json::from_str::<String>(&document).unwrap(), text);
    }
}
