//! What can go wrong with a registry.

use std::time::Duration;

use spin_deployer_publish::{Failure, Passing, TransportError, TransportFailure};

/// Why something could not be done with a registry.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{request} got no answer")]
    Transport {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// The registry, or its token service, does not know who is asking.
    #[error("{failure}")]
    Unauthorized {
        /// The answer.
        failure: Failure,
        /// Whether a credential was shown: then it is wrong.
        credential: bool,
    },
    /// The registry knows who is asking and refuses.
    #[error("{0}")]
    Denied(Failure),
    /// There is no such repository, or it cannot have that name.
    #[error("{0}")]
    Name(Failure),
    /// What arrived is not what was announced.
    #[error("{0}")]
    Damaged(Failure),
    /// Not even the smallest part is small enough.
    #[error("{0}")]
    TooLarge(Failure),
    /// Overloaded, or out of order for now.
    #[error("{failure}")]
    Busy {
        /// The answer.
        failure: Failure,
        /// How long the registry asks to wait.
        retry_after: Option<Duration>,
    },
    /// A manifest names blobs that are not there.
    #[error("{0}")]
    MissingBlob(Failure),
    /// Any other refusal.
    #[error("{0}")]
    Rejected(Failure),
    /// The registry says that it stored something else.
    #[error("{request}: the registry stored {theirs}, not {ours}")]
    Digest {
        /// What was asked.
        request: String,
        /// What was sent.
        ours: String,
        /// What it says that it has.
        theirs: String,
    },
    /// What answers does not speak the protocol.
    #[error("{request}: expected {expected}, but this came: {came}")]
    Nonsense {
        /// What was asked.
        request: String,
        /// What the protocol says.
        expected: &'static str,
        /// What came.
        came: String,
    },
}

impl Error {
    /// Whether the same may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_passing(),
            Self::Busy { .. } => true,
            _ => false,
        }
    }

    /// Whether nobody was there at all.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Transport { source, .. } if source.failure == TransportFailure::Unreachable)
    }
}

impl Passing for Error {
    fn is_passing(&self) -> bool {
        Self::is_passing(self)
    }

    fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
