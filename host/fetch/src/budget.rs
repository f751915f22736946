//! How much is fetched for one app in all: whoever writes it writes as many addresses as he likes.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::FetchError;

/// Bytes that may still be kept.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    left: AtomicU64,
}

/// More came than was left. From then on nothing is left.
#[derive(Debug, thiserror::Error)]
#[error("more than {limit} bytes in all")]
pub(crate) struct Spent {
    limit: u64,
}

impl Budget {
    pub(crate) fn of(limit: u64) -> Self {
        Self {
            limit,
            left: AtomicU64::new(limit),
        }
    }

    /// Before anything is asked for.
    pub(crate) fn check(&self) -> Result<(), Spent> {
        match self.left.load(Relaxed) {
            0 => Err(self.spent()),
            _ => Ok(()),
        }
    }

    /// Before `bytes` are kept. What comes twice because it broke counts twice.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), Spent> {
        let taken = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| {
            self.left.store(0, Relaxed);
            self.spent()
        })
    }

    fn spent(&self) -> Spent {
        Spent { limit: self.limit }
    }
}

impl Spent {
    pub(crate) fn of(self, what: &str) -> FetchError {
        FetchError::TooMuch {
            what: what.to_owned(),
            limit: self.limit,
        }
    }
}

impl From<Spent> for io::Error {
    fn from(spent: Spent) -> Self {
        Self::other(spent)
    }
}
