//! Plans and releases, built up from what they must have.

use crate::{Action, Change, Release};

impl Change {
    /// One line of a plan: what happens to which thing. `kind` is the platform's word: `app`, `channel`, `layer`.
    pub fn new(action: Action, kind: &str, name: impl Into<String>) -> Self {
        Self {
            action,
            kind: kind.to_owned(),
            name: name.into(),
            detail: None,
            bytes: None,
        }
    }

    /// Adds `1.0.0 -> 1.1.0`, or why it stays.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds how large it is.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

impl Release {
    /// An active release with the platform's own identifier, and nothing else known.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            version: None,
            artifact: None,
            created: None,
            active: true,
            state: None,
            routes: Vec::new(),
            ready_when: Vec::new(),
        }
    }
}
