//! A value that is used and never shown.

use std::fmt;

use zeroize::Zeroizing;

/// A secret of the user's. `Debug` shows no part of it, not even its length, and its memory is cleared when the last
/// owner drops it. There is no `Display` and no serde, so that it cannot end in a log or a document by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself: only for the one place that puts it on the wire or into the credential store.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_nothing_of_a_secret() {
        let shown = format!(
            "{:?} {:#?}",
            Secret::new("hunter2".into()),
            Some(Secret::new("hunter2".into()))
        );
        assert!(!shown.contains("hunter") && !shown.contains('7'), "{shown}");
    }
}
