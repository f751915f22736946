//! Why a request does not leave, in words.

use spin_deployer_grants::{Phase, Refusal};

use crate::inject::Problem;
use crate::limits::{Beyond, Limit};
use crate::vault::Withheld;

/// Why a request is not let out.
pub(super) struct Refused {
    pub(super) reason: String,
    pub(super) suggestion: Option<String>,
}

/// Why a request does not leave.
pub(super) enum Stopped {
    Refused(Refused),
    Limit {
        limit: Limit,
        /// Not the first of its kind, and told no more.
        again: bool,
    },
}

impl<T: Into<Refused>> From<T> for Stopped {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<Beyond> for Stopped {
    fn from(Beyond { limit, again }: Beyond) -> Self {
        Self::Limit { limit, again }
    }
}

impl From<Limit> for Stopped {
    fn from(limit: Limit) -> Self {
        Self::Limit {
            limit,
            again: false,
        }
    }
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self {
            reason,
            suggestion: None,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let reason = match &refusal {
            Refusal::NoRule {
                request,
                near: None,
            } if request.phase != Phase::Load => "nobody named that host".to_owned(),
            // Method and URL stand in the line already.
            other => {
                let line = other.to_string();
                line.strip_prefix(&format!("{}: ", other.request()))
                    .unwrap_or(&line)
                    .to_owned()
            }
        };
        Self {
            reason,
            suggestion: refusal.suggestion(),
        }
    }
}

impl From<Withheld> for Refused {
    fn from(withheld: Withheld) -> Self {
        format!(
            "it carries the secret `{}`, which may not go there",
            withheld.name
        )
        .into()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Withheld(withheld) => withheld.into(),
            Problem::NotAHeader(name) => {
                format!("a secret for its header {name} has a character that a header cannot have")
                    .into()
            }
        }
    }
}
