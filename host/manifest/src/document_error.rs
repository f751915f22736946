//! What can be wrong with a document of TOML, a manifest above all, and where.

use std::{error::Error, ops::Range};

use serde::de::DeserializeOwned;

use crate::{
    name::OptionName,
    option::{OptionKind, RESERVED},
    text::list,
    value::OptionError,
};

/// The first thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct DocumentError<P: Error + 'static> {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What it is.
    #[source]
    pub problem: P,
}

impl<P: Error + 'static> DocumentError<P> {
    /// A problem with what stands at these bytes of the text.
    pub fn at(text: &str, bytes: &Range<usize>, problem: P) -> Self {
        let before = text.get(..bytes.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            problem,
        }
    }
}

/// A value, or a problem with the bytes where it stands in the document.
pub type Located<T, P> = Result<T, (Range<usize>, P)>;

/// Reads TOML. `problem` makes one of what the reader says: no TOML, an unknown key, a missing one, or a text that
/// does not become the type of its key.
///
/// # Errors
/// When the text is no such document.
pub fn read_toml<T: DeserializeOwned, P>(
    text: &str,
    problem: impl FnOnce(String) -> P,
) -> Located<T, P> {
    toml::from_str(text).map_err(|e| (e.span().unwrap_or(0..0), problem(e.message().to_owned())))
}

/// The first thing that is wrong with a manifest.
pub type ManifestError = DocumentError<Problem>;

/// What is wrong; the place says [`ManifestError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No TOML, an unknown key, a missing one, or a text that does not become the type of its key.
    #[error("{0}")]
    Document(String),
    /// The name is one of [`RESERVED`].
    #[error("an option cannot be called `{0}`, because the host has a flag of that name; these are taken: {taken}", taken = list(RESERVED))]
    Reserved(OptionName),
    /// A second option of the same name.
    #[error("there are two options `{0}`: give one of them another name")]
    Twice(OptionName),
    /// Not a name of an environment variable.
    #[error(
        "`{0}` is no name of an environment variable: capital letters, digits and `_`, no digit in front"
    )]
    Variable(String),
    /// The host's own variables.
    #[error("the variable `{0}` belongs to the host: choose another one")]
    ReservedVariable(String),
    /// Two options read one variable.
    #[error("the variable `{0}` is read twice: give each option its own")]
    VariableTwice(String),
    /// Not a kind of option.
    #[error("`{0}` is no type of option; there are {kinds}", kinds = list(OptionKind::NAMES))]
    Kind(String),
    /// `choices` and `type = "choice"` need each other.
    #[error(
        "the option `{0}` needs `choices = [\"…\"]`, words of letters, digits and `.`, `_`, `-`, if its type is `choice`, and cannot have them otherwise"
    )]
    Choices(OptionName),
    /// Required and optional at once.
    #[error(
        "the option `{0}` is required, so its default would never be used: remove one of the two"
    )]
    RequiredDefault(OptionName),
    /// A secret that everyone can read.
    #[error(
        "the option `{0}` is a secret, and a default that stands in a manifest is none: remove it"
    )]
    SecretDefault(OptionName),
    /// A key that the author of the plugin chose.
    #[error(
        "the option `{0}` is a signing key, which only the user can choose: remove the default"
    )]
    KeyDefault(OptionName),
    /// An output directory that the user did not name lies in the app's own `.deployer`.
    #[error(
        "the default of the option `{option}` is `{value}`, and a default output directory is `.deployer` or lies below it, as in `.deployer/releases`"
    )]
    DefaultDirectory {
        /// Which option.
        option: OptionName,
        /// Its default.
        value: String,
    },
    /// A default that the option itself would refuse.
    #[error("the default: {0}")]
    Default(#[source] OptionError),
    /// A name that nothing in the manifest has.
    #[error(
        "there is no option `{name}` for `{key}`; there are {}",
        list(declared)
    )]
    Undeclared {
        /// Where the name stands: `conflicts-with`, `required-with`, `sends` or `to`.
        key: &'static str,
        /// The name.
        name: OptionName,
        /// All options there are.
        declared: Vec<OptionName>,
    },
    /// An option of a kind that cannot stand there.
    #[error("the option `{name}` is of type `{kind}`, and `{key}` takes one of type {expected}")]
    WrongKind {
        /// Where the name stands: `sends` or `to`.
        key: &'static str,
        /// The option.
        name: OptionName,
        /// Its kind.
        kind: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// An option in conflict with itself.
    #[error("the option `{0}` cannot conflict with itself")]
    SelfConflict(OptionName),
    /// Required in any case, and together with others.
    #[error("the option `{0}` is required in any case: remove `required` or `required-with`")]
    RequiredAnyway(OptionName),
    /// Required together with itself, or with what it conflicts with.
    #[error("the option `{0}` cannot be required together with `{1}`")]
    RequiredWith(OptionName, OptionName),
    /// A default of an option that no default gives a power.
    #[error("what is agreed to has no default of an option of type `{0}`: remove it")]
    IdleDefault(&'static str),
    /// A rule that allows nothing.
    #[error("a rule needs at least one of `{0}`; leave the key out only where it has a default")]
    Empty(&'static str),
    /// A list that is longer than anybody needs.
    #[error("`{key}` has at most {most} entries")]
    TooMany {
        /// Which list: `hides`.
        key: &'static str,
        /// How many it may have.
        most: usize,
    },
    /// An effect by a method that the rule does not have.
    #[error(
        "the rule allows no {0}, so a plan cannot use it: add it to `methods`, or remove the effect"
    )]
    EffectMethod(String),
    /// An effect towards a token service that the rule does not follow.
    #[error("`{0}` needs `follows = [\"www-authenticate\"]` in the same rule")]
    EffectFollow(String),
}
