//! Values of options: texts of a flag, a variable or a file become types here, once.

use std::path::PathBuf;

use url::Url;

use crate::{
    address::{UrlError, read_url},
    key_source::KeySource,
    name::OptionName,
    option::{OptionKind, OptionSpec},
    origin::{Origin, OriginError},
    reference::{Reference, ReferenceError},
    secret::Secret,
    text::list,
};

/// The value of one option. Paths are as the user wrote them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// Of kind text or choice.
    Text(String),
    /// Of kind number.
    Number(i64),
    /// Of kind flag.
    Flag(bool),
    /// Of kind list, in the order given.
    List(Vec<String>),
    /// Of kind pairs, in the order given, no key twice.
    Pairs(Vec<(String, String)>),
    /// Of kind url: http or https, canonical host, no user information, no fragment.
    Url(Url),
    /// Of kind registry.
    Registry(Reference),
    /// Of kind secret, never empty.
    Secret(Secret),
    /// Of kind signing-key: where the key is.
    SigningKey(KeySource),
    /// Of kind file, never empty.
    File(PathBuf),
    /// Of kind directory, never empty.
    Directory(PathBuf),
    /// Of kind output-directory, never empty.
    OutputDirectory(PathBuf),
}

impl OptionValue {
    /// Where the value points, for those that point to a server.
    pub fn origin(&self) -> Option<Origin> {
        match self {
            Self::Url(url) => Origin::of(url).ok(),
            Self::Registry(reference) => Some(reference.origin()),
            _ => None,
        }
    }
}

/// A value that its option cannot take. Never repeats a secret, nor an address with user information in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// None or several where one was wanted.
    #[error("`--{option}` takes one value, and {count} are given")]
    Count {
        /// Which option.
        option: OptionName,
        /// How many values there are.
        count: usize,
    },
    /// Not of the option's kind.
    #[error("`--{option}` cannot be `{value}`: it takes {expected}")]
    Kind {
        /// Which option.
        option: OptionName,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// The same key twice.
    #[error("`--{option}` has the key `{key}` twice")]
    Twice {
        /// Which option.
        option: OptionName,
        /// Which key.
        key: String,
    },
    /// Nothing where something is needed.
    #[error("`--{option}` is empty: it takes {expected}")]
    Empty {
        /// Which option.
        option: OptionName,
        /// What would be right.
        expected: &'static str,
    },
    /// Not a URL that can be used.
    #[error("`--{option}`: {source}")]
    Url {
        /// Which option.
        option: OptionName,
        /// What is wrong with it.
        source: OriginError,
    },
    /// Not a reference.
    #[error("`--{option}`: {source}")]
    Registry {
        /// Which option.
        option: OptionName,
        /// What is wrong with it.
        source: ReferenceError,
    },
}

impl OptionSpec {
    /// Reads what was given for this option, by whatever way: one text, except for lists and pairs, which take any
    /// number, and flags, for which none means yes.
    ///
    /// # Errors
    /// Too many or too few texts, or one that is not of the option's kind.
    pub fn parse(&self, given: &[String]) -> Result<OptionValue, OptionError> {
        match &self.kind {
            OptionKind::List => return Ok(OptionValue::List(given.to_vec())),
            OptionKind::Pairs => return self.pairs(given).map(OptionValue::Pairs),
            OptionKind::Flag if given.is_empty() => return Ok(OptionValue::Flag(true)),
            _ => {}
        }
        let [text] = given else {
            return Err(OptionError::Count {
                option: self.name.clone(),
                count: given.len(),
            });
        };
        Ok(match &self.kind {
            OptionKind::Number => {
                let wanted = "a whole number that fits into 64 bits";
                OptionValue::Number(text.parse().map_err(|_| self.wrong(text, wanted))?)
            }
            OptionKind::Flag => OptionValue::Flag(match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => true,
                "false" | "no" | "off" | "0" => false,
                _ => return Err(self.wrong(text, "`true` or `false`")),
            }),
            OptionKind::Choice(choices) if !choices.contains(text) => {
                return Err(self.wrong(text, format!("one of {}", list(choices))));
            }
            OptionKind::Url => OptionValue::Url(self.url(text)?),
            OptionKind::Registry => {
                OptionValue::Registry(text.parse().map_err(|source| OptionError::Registry {
                    option: self.name.clone(),
                    source,
                })?)
            }
            OptionKind::Secret => {
                OptionValue::Secret(Secret::new(self.filled(text, "a secret")?.to_owned()))
            }
            OptionKind::SigningKey => {
                let expected = "the path of a file with a private key";
                OptionValue::SigningKey(KeySource::of(self.filled(text, expected)?))
            }
            OptionKind::File => OptionValue::File(self.filled(text, "the path of a file")?.into()),
            OptionKind::Directory => {
                OptionValue::Directory(self.filled(text, "the path of a directory")?.into())
            }
            OptionKind::OutputDirectory => {
                OptionValue::OutputDirectory(self.filled(text, "the path of a directory")?.into())
            }
            // Lists and pairs are done above.
            OptionKind::Text | OptionKind::Choice(_) | OptionKind::List | OptionKind::Pairs => {
                OptionValue::Text(text.clone())
            }
        })
    }

    fn wrong(&self, value: &str, expected: impl Into<String>) -> OptionError {
        OptionError::Kind {
            option: self.name.clone(),
            value: value.to_owned(),
            expected: expected.into(),
        }
    }

    fn filled<'a>(&self, text: &'a str, expected: &'static str) -> Result<&'a str, OptionError> {
        if text.is_empty() {
            Err(OptionError::Empty {
                option: self.name.clone(),
                expected,
            })
        } else {
            Ok(text)
        }
    }

    fn pairs(&self, given: &[String]) -> Result<Vec<(String, String)>, OptionError> {
        let mut pairs: Vec<(String, String)> = Vec::with_capacity(given.len());
        for text in given {
            let (key, value) = match text.split_once('=') {
                Some((key, value)) if !key.is_empty() => (key.to_owned(), value.to_owned()),
                _ => return Err(self.wrong(text, "`key=value`")),
            };
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(OptionError::Twice {
                    option: self.name.clone(),
                    key,
                });
            }
            pairs.push((key, value));
        }
        Ok(pairs)
    }

    fn url(&self, text: &str) -> Result<Url, OptionError> {
        read_url(text).map_err(|error| match error {
            UrlError::Origin(source) => OptionError::Url {
                option: self.name.clone(),
                source,
            },
            UrlError::Text(_) => self.wrong(
                text,
                "a URL such as `https://example.com/base`, in ASCII, without a fragment",
            ),
        })
    }
}
