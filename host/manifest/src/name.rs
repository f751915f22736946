//! Names of plugins and options: `[a-z][a-z0-9-]{0,63}`, so that they can be a flag, a key and a file name anywhere.

use std::{fmt, str::FromStr};

use crate::text::serde_as_text;

/// A text that cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` cannot be {what}: it begins with a lower-case letter, and at most 63 lower-case letters, digits and `-` follow"
)]
pub struct NameError {
    what: &'static str,
    value: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { what: $what, value: text.to_owned() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// So that a map keyed by names can be asked with a text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        serde_as_text!($name);
    };
}

name!(
    /// A plugin's name, `[a-z][a-z0-9-]{0,63}`.
    PluginName, "the name of a plugin"
);
name!(
    /// An option's name without dashes in front, `[a-z][a-z0-9-]{0,63}`: `hippo-url` is `--hippo-url`.
    OptionName, "the name of an option"
);

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a")]
    #[case("hippo-2")]
    #[case(&"a".repeat(64))]
    fn a_name_survives_a_round_trip(#[case] text: &str) {
        assert_eq!(text.parse::<PluginName>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("-a")]
    #[case("2a")]
    #[case("Hippo")]
    #[case("a_b")]
    #[case("a/b")]
    #[case("..")]
    #[case("a\n")]
    #[case("é")]
    #[case(&"a".repeat(65))]
    fn what_could_leave_a_folder_or_a_flag_is_no_name(#[case] text: &str) {
        let error = text.parse::<OptionName>().unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{text}`")) && error.contains("lower-case"),
            "{error}"
        );
    }
}
