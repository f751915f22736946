//! How a text becomes a type: one implementation of serde for everything that has `FromStr` and `Display`.

/// Reads and writes a type with `FromStr` and `Display` as a string, so that a bad one is reported by the TOML
/// reader at its line and column.
macro_rules! serde_as_text {
    ($($kind:ty),+ $(,)?) => {$(
        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'_, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use serde_as_text;

/// How many of something: `1 byte`, `2 bytes`. `one` is a word that gets an `s`.
pub fn counted(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {one}{s}")
}

/// A line that is shown to the user. The manifest of a stranger may not move the cursor or turn the reading
/// direction of the screen that asks for consent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Line(pub(crate) String);

impl Line {
    /// The line as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.chars().find(|c| c.is_control() || is_directional(*c)) {
            Some(c) => Err(format!(
                "text that is shown to the user has no control or direction characters, and here is U+{:04X}",
                u32::from(c)
            )),
            None => Ok(Self(text)),
        }
    }
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// `a, b and c`, each in backticks.
pub(crate) fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| format!("`{item}`")).collect();
    match items.pop() {
        None => "none".into(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_of_something_is_one() {
        let counted = [0, 1, 2].map(|number| super::counted(number, "byte"));
        assert_eq!(counted, ["0 bytes", "1 byte", "2 bytes"]);
    }
}
