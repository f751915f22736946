//! The values of a plugin's options, and who gave them.

use std::{collections::BTreeMap, fmt};

use spin_deployer_manifest::{OptionName, OptionValue};

/// Who gave a value, from the strongest to the weakest but for the prompt, which asks where nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueSource {
    /// Typed for this run.
    Flag,
    /// A variable that the manifest names.
    Environment,
    /// The user's `deployer.toml`.
    Configuration,
    /// The plugin's manifest: its author, and not the user.
    Default,
    /// A login before.
    Saved,
    /// Asked for on the terminal.
    Prompt,
}

impl ValueSource {
    /// Whether the user named the value, which grants it.
    pub fn is_user(self) -> bool {
        self != Self::Default
    }
}

impl fmt::Display for ValueSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::Configuration => "configuration",
            Self::Default => "default",
            Self::Saved => "saved login",
            Self::Prompt => "prompt",
        })
    }
}

/// A value with who gave it.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Of the option's kind.
    pub value: OptionValue,
    /// Who gave it.
    pub source: ValueSource,
}

/// All values of one run. An option without a value is not in it.
pub type Values = BTreeMap<OptionName, Resolved>;
