//! What can go wrong with a Bindle server.

use std::time::Duration;

use spin_deployer_publish::{Failure, Passing, TransportError, TransportFailure};

use crate::{Id, InvoiceError, Label};

/// Why something could not be done with a Bindle server.
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
    /// The credential is wrong, or of a kind that this server does not take.
    #[error("{0}")]
    Unauthorized(Failure),
    /// Not for who is asking; nobody in particular, where no credential was shown.
    #[error("{failure}")]
    Denied {
        /// The answer.
        failure: Failure,
        /// Whether no credential was shown.
        anonymous: bool,
    },
    /// The server takes signed invoices only, and this one was not.
    #[error("{0}")]
    Unsigned(Failure),
    /// The server does not know the key of the signature.
    #[error("{0}")]
    UnknownKey(Failure),
    /// Overloaded, or out of order for now.
    #[error("{failure}")]
    Busy {
        /// The answer.
        failure: Failure,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// There was a bindle of that name, and it was taken back.
    #[error("{0} was yanked")]
    Yanked(Id),
    /// There is another bindle of that name.
    #[error("{id} is there with other contents: {}", parcels.join(", "))]
    Other {
        /// Which.
        id: Id,
        /// Names of parcels that only one of the two has.
        parcels: Vec<String>,
    },
    /// Somebody is writing the same invoice, or died over it.
    #[error("{0}")]
    Unfinished(Failure),
    /// The server takes no upload of these parcels, because it began one, and does not have them either.
    #[error("{} of {id} cannot be uploaded, and are not there", names(parcels))]
    Stuck {
        /// The bindle that they were for.
        id: Id,
        /// Which.
        parcels: Vec<Label>,
        /// How the upload of one of them had failed just before the server refused it.
        cause: Option<Box<Error>>,
    },
    /// What arrived is not what was announced.
    #[error("{0}")]
    Damaged(Failure),
    /// Any other refusal.
    #[error("{0}")]
    Rejected(Failure),
    /// An answer that is longer than what is read of one.
    #[error("{request}: the answer is longer than {} MiB", crate::LONGEST_ANSWER >> 20)]
    Long {
        /// What was asked.
        request: String,
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
    /// The invoice cannot be written down.
    #[error("the invoice cannot be written: {0}")]
    Invoice(#[from] InvoiceError),
}

impl Error {
    /// Whether nobody was there at all.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Transport { source, .. } if source.failure == TransportFailure::Unreachable)
    }
}

impl Passing for Error {
    fn is_passing(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_passing(),
            Self::Busy { .. } => true,
            _ => false,
        }
    }

    fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

fn names(parcels: &[Label]) -> String {
    let names: Vec<&str> = parcels.iter().map(|label| label.name.as_str()).collect();
    names.join(", ")
}
