//! What one session may use, and what it has used: step 1.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a session may use before it is refused.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests, refused ones too.
    pub requests: u64,
    /// Bytes of all bodies, in both directions together.
    pub bytes: u64,
    /// Bytes of the body of one answer.
    pub answer: u64,
    /// From the start of the session to its end.
    pub time: Duration,
}

/// 10 000 requests, 1 TiB, answers of 64 MiB, 15 minutes.
impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 10_000,
            bytes: 1 << 40,
            answer: 64 << 20,
            time: Duration::from_secs(15 * 60),
        }
    }
}

/// How long the guest is willing to wait. All are clamped to what is left of the session's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For resolving, connecting and TLS. 30 seconds unless given, and never more.
    pub connect: Option<Duration>,
    /// From the last progress of the request's body to the head of the answer. 120 seconds unless given.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer's body. 120 seconds unless given.
    pub between_bytes: Option<Duration>,
}

/// The most that any connection takes, set once for all in the client.
pub(crate) const CONNECT: Duration = Duration::from_secs(30);
const WAIT: Duration = Duration::from_secs(120);
const SHORTEST: Duration = Duration::from_millis(1);

impl Timeouts {
    pub(crate) fn to_first_byte(self) -> Duration {
        self.connect.map_or(CONNECT, |given| given.min(CONNECT))
            + self.first_byte.unwrap_or(WAIT).max(SHORTEST)
    }

    pub(crate) fn to_next_bytes(self) -> Duration {
        self.between_bytes.unwrap_or(WAIT).max(SHORTEST)
    }
}

/// What a session has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests asked for, refused ones too.
    pub requests: u64,
    /// Bytes of request bodies that were handed to the network.
    pub bytes_sent: u64,
    /// Bytes of answers' bodies that the guest read.
    pub bytes_received: u64,
    /// What has changed: `PUT https://ghcr.io/v2/acme/shop/manifests/v1`, each answered with 2xx, oldest first, at
    /// most 1000, without the values of queries.
    pub changed: Vec<String>,
}

const MOST_CHANGED: usize = 1000;

/// The account of one session, shared by all requests that are under way.
#[derive(Debug)]
pub(crate) struct Account {
    limits: Limits,
    started: Instant,
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    changed: Mutex<Vec<String>>,
}

impl Account {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            started: Instant::now(),
            requests: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            changed: Mutex::default(),
        }
    }

    /// Counts one request. The error is a reason in the user's words.
    pub(crate) fn request(&self) -> Result<(), String> {
        if self.requests.fetch_add(1, Relaxed) >= self.limits.requests {
            return Err(format!(
                "it has used up its {} requests",
                self.limits.requests
            ));
        }
        if self.left().is_zero() {
            return Err(format!(
                "its {} seconds are over",
                self.limits.time.as_secs()
            ));
        }
        Ok(())
    }

    /// Counts bytes of a request's body; `false` where the budget is used up.
    pub(crate) fn sent(&self, bytes: u64) -> bool {
        self.sent.fetch_add(bytes, Relaxed);
        self.within_bytes()
    }

    /// Counts bytes of an answer's body; `false` where the budget is used up.
    pub(crate) fn received(&self, bytes: u64) -> bool {
        self.received.fetch_add(bytes, Relaxed);
        self.within_bytes()
    }

    fn within_bytes(&self) -> bool {
        self.sent
            .load(Relaxed)
            .saturating_add(self.received.load(Relaxed))
            <= self.limits.bytes
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What is left of the session's time.
    pub(crate) fn left(&self) -> Duration {
        self.limits.time.saturating_sub(self.started.elapsed())
    }

    pub(crate) fn changed(&self, what: String) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.len() < MOST_CHANGED {
            changed.push(what);
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally {
            requests: self.requests.load(Relaxed),
            bytes_sent: self.sent.load(Relaxed),
            bytes_received: self.received.load(Relaxed),
            changed: self
                .changed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_after_the_last_one_is_refused() {
        let account = Account::new(Limits {
            requests: 2,
            ..Limits::default()
        });
        assert!(account.request().is_ok() && account.request().is_ok());
        assert_eq!(
            account.request(),
            Err("it has used up its 2 requests".into())
        );
    }

    #[test]
    fn bytes_of_both_directions_count_against_one_budget() {
        let account = Account::new(Limits {
            bytes: 10,
            ..Limits::default()
        });
        assert!(account.sent(6) && account.received(4));
        assert!(!account.received(1));
    }

    #[test]
    fn nothing_goes_out_after_the_time() {
        let account = Account::new(Limits {
            time: Duration::ZERO,
            ..Limits::default()
        });
        assert!(account.request().is_err());
    }
}
