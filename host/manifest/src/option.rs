//! The options that a plugin declares: the `[[options]]` tables of its manifest.

use std::fmt;

use crate::name::OptionName;

/// Flags of the host's own, which no option of a plugin may be called. The kinds of a clash: a plugin that takes
/// `--output` for itself, and a user who believes to be asked by the host.
pub const RESERVED: [&str; 34] = [
    "from",
    "target",
    "output",
    "outputs",
    "yes",
    "no-input",
    "locked",
    "offline",
    "vendor",
    "policy",
    "audit-log",
    "quiet",
    "verbose",
    "color",
    "help",
    "version",
    "timeout",
    "max-memory",
    "max-compute",
    "max-requests",
    "max-bytes",
    "max-answer",
    "max-headers",
    "max-written",
    "max-compile",
    "readiness-timeout",
    "build",
    "profile",
    "variable",
    "spin-version",
    "detailed-exitcode",
    "limit",
    "name",
    "app-version",
];

/// One option: a flag of the command line, and what the plugin reads under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSpec {
    /// `hippo-url` is `--hippo-url`.
    pub name: OptionName,
    /// The environment variable that gives the value where the flag does not, `[A-Z_][A-Z0-9_]*`.
    pub env: Option<String>,
    /// Further variables, asked in this order where `env` has no value: other names for the same.
    pub more_env: Vec<String>,
    /// What kind of value it takes.
    pub kind: OptionKind,
    /// Whether there must be a value. Never together with a default.
    pub required: bool,
    /// The value where the user gives none, already checked against `kind`.
    pub default: Option<Vec<String>>,
    /// Declared options that cannot be given together with this one.
    pub conflicts_with: Vec<OptionName>,
    /// Declared options: where one of them has a value, this one must have one too. Never together with `required`.
    pub required_with: Vec<OptionName>,
    /// Whether `login` asks for it: what the plugin's own login logs in with.
    pub login: bool,
    /// One line for `--help`.
    pub help: String,
    /// What stands for the value in `--help`; that of the kind where there is none.
    pub value_name: Option<String>,
}

/// What kind of value an option takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionKind {
    /// Any text.
    Text,
    /// A whole number that fits into 64 bits.
    Number,
    /// Yes or no; given without a value it means yes.
    Flag,
    /// One of these texts; at least one.
    Choice(Vec<String>),
    /// Texts, one each time that the option is given.
    List,
    /// `key=value`, one each time that the option is given; no key twice.
    Pairs,
    /// An http or https URL; lets the plugin talk to its origin where a rule says so.
    Url,
    /// A place in a registry; lets the plugin talk to it where a rule says so.
    Registry,
    /// A text that the plugin can use and not see.
    Secret,
    /// An Ed25519 key with which the plugin has messages signed, and which it does not see.
    SigningKey,
    /// A file that the plugin may read.
    File,
    /// A directory that the plugin may read.
    Directory,
    /// A directory that the plugin may write to.
    OutputDirectory,
}

impl OptionSpec {
    /// The environment variables that give the value where the flag does not. The first that has one counts.
    pub fn variables(&self) -> impl Iterator<Item = &String> {
        self.env.iter().chain(&self.more_env)
    }
}

impl OptionKind {
    /// Names of all kinds, as manifests have them.
    pub const NAMES: [&str; 13] = [
        "text",
        "number",
        "flag",
        "choice",
        "list",
        "pairs",
        "url",
        "registry",
        "secret",
        "signing-key",
        "file",
        "directory",
        "output-directory",
    ];

    /// The kind of this name; a choice has no texts yet.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "number" => Self::Number,
            "flag" => Self::Flag,
            "choice" => Self::Choice(Vec::new()),
            "list" => Self::List,
            "pairs" => Self::Pairs,
            "url" => Self::Url,
            "registry" => Self::Registry,
            "secret" => Self::Secret,
            "signing-key" => Self::SigningKey,
            "file" => Self::File,
            "directory" => Self::Directory,
            "output-directory" => Self::OutputDirectory,
            _ => return None,
        })
    }

    /// The name that manifests have for it: one of [`OptionKind::NAMES`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Choice(_) => "choice",
            Self::List => "list",
            Self::Pairs => "pairs",
            Self::Url => "url",
            Self::Registry => "registry",
            Self::Secret => "secret",
            Self::SigningKey => "signing-key",
            Self::File => "file",
            Self::Directory => "directory",
            Self::OutputDirectory => "output-directory",
        }
    }

    /// What stands for the value in `--help` where the manifest says nothing: `URL`, `DIRECTORY`, `KEY=VALUE`.
    pub fn value_name(&self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) | Self::List => "VALUE",
            Self::Number => "NUMBER",
            Self::Flag => "",
            Self::Pairs => "KEY=VALUE",
            Self::Url => "URL",
            Self::Registry => "REGISTRY/REPOSITORY[:TAG]",
            Self::Secret => "SECRET",
            Self::SigningKey | Self::File => "FILE",
            Self::Directory | Self::OutputDirectory => "DIRECTORY",
        }
    }

    /// Whether the option can be given more than once.
    pub fn is_many(&self) -> bool {
        matches!(self, Self::List | Self::Pairs)
    }

    /// Whether a rule's `to` can name an option of this kind.
    pub fn has_origin(&self) -> bool {
        matches!(self, Self::Url | Self::Registry)
    }

    /// Whether a rule's `sends` can name an option of this kind.
    pub fn has_secret(&self) -> bool {
        matches!(self, Self::Secret | Self::Registry)
    }
}

impl fmt::Display for OptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_under_its_own_name() {
        for name in OptionKind::NAMES {
            assert_eq!(OptionKind::named(name).unwrap().name(), name);
        }
        assert!(OptionKind::named("String").is_none());
    }
}
