//! What a server answered where it did not do what it was asked.

/// How much of a text of a server's a user gets to read.
const LONGEST_QUOTE: usize = 300;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `PUT https://ghcr.io/v2/…`, without its query.
    pub request: String,
    /// The status of the answer.
    pub status: u16,
    /// What the server said, on one line; may be empty.
    pub said: String,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} answered {}", self.request, self.status)?;
        if self.said.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.said)
    }
}

/// The beginning of a text, on one line.
pub fn quote(text: &str) -> String {
    let mut quoted: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_QUOTE)
        .collect();
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}
