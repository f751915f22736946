//! Names of packages.

use std::fmt;
use std::str::FromStr;

/// `namespace:name`, each of words with `-` between them, as the component model has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackageName {
    namespace: String,
    name: String,
}

impl PackageName {
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for PackageName {
    /// In the user's words.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        match text.split_once(':') {
            Some((namespace, name))
                if namespace.split('-').all(word) && name.split('-').all(word) =>
            {
                Ok(Self {
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                })
            }
            _ => Err("a package is `namespace:name`, in lower-case words with `-` between them"),
        }
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.namespace, self.name)
    }
}
