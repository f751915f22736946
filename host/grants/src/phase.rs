//! Which of its calls a plugin is in, or that the host itself reads.

use std::fmt;

/// One call of the plugin, as the user sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// What would `deploy` do?
    Plan,
    /// Do it.
    Deploy,
    /// What is there? Also the history.
    Status,
    /// Make an earlier release the active one.
    Rollback,
    /// Remove the app.
    Destroy,
    /// Get credentials.
    Login,
    /// The host itself brings what the app refers to. No plugin runs.
    Load,
}

impl Phase {
    /// Whether nothing may change, on the platform or on the disk: GET and HEAD, and what a rule's `plan` lists. A login is
    /// one of them, because it can come in the middle of a plan.
    pub fn read_only(self) -> bool {
        matches!(self, Self::Plan | Self::Status | Self::Login | Self::Load)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plan => "plan",
            Self::Deploy => "deploy",
            Self::Status => "status",
            Self::Rollback => "rollback",
            Self::Destroy => "destroy",
            Self::Login => "login",
            Self::Load => "load",
        })
    }
}
