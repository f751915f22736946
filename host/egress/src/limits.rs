//! What one session may use, and what it has used: step 1.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use spin_deployer_manifest::counted;

/// What a session may use. What is beyond is no refusal but a broken [`Limit`].
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests, refused ones too. `requests`
    pub requests: u64,
    /// Bytes of all bodies, in both directions together. `bytes`
    pub bytes: u64,
    /// Bytes of the body of one answer. `answer`
    pub answer: u64,
    /// Names and values of the headers of one request, and of one answer, in bytes. `headers`
    pub headers: u64,
    /// From the start of the session to its end; more than a year is a year. `time`
    pub time: Duration,
}

/// 10 000 requests, 1 TiB, answers of 64 MiB, headers of 64 KiB, 15 minutes.
impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 10_000,
            bytes: 1 << 40,
            answer: 64 << 20,
            headers: 64 << 10,
            time: Duration::from_secs(15 * 60),
        }
    }
}

/// Which of the [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// [`Limits::requests`]
    Requests,
    /// [`Limits::bytes`]
    Bytes,
    /// [`Limits::answer`]
    Answer,
    /// [`Limits::headers`]
    Headers,
    /// [`Limits::time`]
    Time,
}

impl LimitKind {
    /// In one word: of the audit log, and what a user sets it by.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Bytes => "bytes",
            Self::Answer => "answer",
            Self::Headers => "headers",
            Self::Time => "time",
        }
    }

    /// Whether nothing more of that kind goes out in this session once it is broken.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Requests | Self::Bytes | Self::Time)
    }
}

/// A limit that was broken. Displays as a predicate: `exceeded its limit of 10000 requests`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Which one.
    pub kind: LimitKind,
    /// Its value: requests, bytes, or milliseconds.
    pub value: u64,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.kind {
            LimitKind::Requests => write!(f, "exceeded its limit of {}", counted(value, "request")),
            LimitKind::Bytes => write!(f, "exceeded its limit of {} of bodies", Size(value)),
            LimitKind::Answer => write!(f, "exceeded its answer size limit of {}", Size(value)),
            LimitKind::Headers => write!(f, "exceeded its header size limit of {}", Size(value)),
            LimitKind::Time => write!(f, "exceeded its time limit of {}", Time(value)),
        }
    }
}

impl Limit {
    /// What raises it: a flag, with twice of what it is now where a value says more than the flag alone.
    pub fn knob(&self) -> String {
        let twice = self.value.saturating_mul(2);
        let word = self.kind.word();
        match self.kind {
            LimitKind::Requests => format!("--max-{word} {twice}"),
            LimitKind::Bytes | LimitKind::Answer | LimitKind::Headers => {
                format!("--max-{word} {}", typed(twice))
            }
            LimitKind::Time => "--timeout".to_owned(),
        }
    }
}

/// Bytes in the largest binary unit that leaves a whole number.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            (1 << 40, "TiB"),
            (1 << 30, "GiB"),
            (1 << 20, "MiB"),
            (1 << 10, "KiB"),
        ];
        let fits = |(unit, _): &&(u64, &str)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        match units.iter().find(fits) {
            Some((unit, name)) => write!(f, "{} {name}", self.0 / unit),
            None => f.write_str(&counted(self.0, "byte")),
        }
    }
}

/// Bytes as flags take them.
fn typed(bytes: u64) -> String {
    let units = [
        (1 << 30, "GiB"),
        (1 << 20, "MiB"),
        (1 << 10, "KiB"),
        (1, "B"),
    ];
    let fits = |(unit, _): &&(u64, &str)| bytes >= *unit && bytes.is_multiple_of(*unit);
    let (unit, name) = units.iter().find(fits).unwrap_or(&(1, "B"));
    format!("{}{name}", bytes / unit)
}

/// Milliseconds, as the sandbox says its times.
struct Time(u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Duration::from_millis(self.0) {
            time if self.0 >= 60_000 && self.0.is_multiple_of(60_000) => {
                write!(f, "{} min", time.as_secs() / 60)
            }
            time => write!(f, "{} s", time.as_secs_f64()),
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

/// No session is longer, so that no sum of times overflows, whatever was asked for.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Timeouts {
    pub(crate) fn to_first_byte(self) -> Duration {
        self.connect.map_or(CONNECT, |given| given.min(CONNECT))
            + self.first_byte.unwrap_or(WAIT).clamp(SHORTEST, LONGEST)
    }

    pub(crate) fn to_next_bytes(self) -> Duration {
        self.between_bytes.unwrap_or(WAIT).clamp(SHORTEST, LONGEST)
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
    /// What was let out by another method than GET, HEAD and OPTIONS, whatever came of it, each once, as [`Self::changed`].
    pub written: Vec<String>,
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
    written: Mutex<Vec<String>>,
}

/// A request beyond the last one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) limit: Limit,
    /// Not the first of them: a plugin in a loop must not fill the disk with lines of the audit log.
    pub(crate) again: bool,
}

impl Account {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                time: limits.time.min(LONGEST),
                ..limits
            },
            started: Instant::now(),
            requests: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            changed: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// A limit of this session as it is told where it is broken.
    pub(crate) fn limit(&self, kind: LimitKind) -> Limit {
        let limits = &self.limits;
        let value = match kind {
            LimitKind::Requests => limits.requests,
            LimitKind::Bytes => limits.bytes,
            LimitKind::Answer => limits.answer,
            LimitKind::Headers => limits.headers,
            LimitKind::Time => u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
        };
        Limit { kind, value }
    }

    /// Counts one request.
    pub(crate) fn request(&self) -> Result<(), Beyond> {
        let before = self.requests.fetch_add(1, Relaxed);
        if before >= self.limits.requests {
            return Err(Beyond {
                limit: self.limit(LimitKind::Requests),
                again: before > self.limits.requests,
            });
        }
        if self.left().is_zero() {
            return Err(Beyond {
                limit: self.limit(LimitKind::Time),
                again: false,
            });
        }
        Ok(())
    }

    /// Counts bytes of a request's body.
    pub(crate) fn sent(&self, bytes: u64) -> Result<(), Limit> {
        self.sent.fetch_add(bytes, Relaxed);
        self.within_bytes()
    }

    /// Counts bytes of an answer's body, which has `so_far` with them.
    pub(crate) fn received(&self, bytes: u64, so_far: u64) -> Result<(), Limit> {
        self.received.fetch_add(bytes, Relaxed);
        if so_far > self.limits.answer {
            return Err(self.limit(LimitKind::Answer));
        }
        self.within_bytes()
    }

    fn within_bytes(&self) -> Result<(), Limit> {
        let sent = self.sent.load(Relaxed);
        if sent.saturating_add(self.received.load(Relaxed)) > self.limits.bytes {
            return Err(self.limit(LimitKind::Bytes));
        }
        Ok(())
    }

    /// Whether the headers of one message are within theirs, in bytes.
    pub(crate) fn headers(&self, size: usize) -> Result<(), Limit> {
        if u64::try_from(size).unwrap_or(u64::MAX) > self.limits.headers {
            return Err(self.limit(LimitKind::Headers));
        }
        Ok(())
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

    pub(crate) fn written(&self, what: String) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() < MOST_CHANGED && !written.contains(&what) {
            written.push(what);
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
            written: self
                .written
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(limits: Limits) -> Account {
        Account::new(limits)
    }

    #[test]
    fn the_request_after_the_last_one_breaks_the_limit() {
        let account = account(Limits {
            requests: 2,
            ..Limits::default()
        });
        assert!(account.request().is_ok() && account.request().is_ok());
        let limit = Limit {
            kind: LimitKind::Requests,
            value: 2,
        };
        for again in [false, true, true] {
            assert_eq!(account.request(), Err(Beyond { limit, again }));
        }
        assert_eq!(account.tally().requests, 5);
    }

    #[test]
    fn bytes_of_both_directions_count_against_one_budget() {
        let account = account(Limits {
            bytes: 10,
            ..Limits::default()
        });
        assert!(account.sent(6).is_ok() && account.received(4, 4).is_ok());
        let broken = account.received(1, 5).unwrap_err();
        assert_eq!(broken.kind, LimitKind::Bytes);
    }

    #[test]
    fn nothing_goes_out_after_the_time() {
        let account = account(Limits {
            time: Duration::ZERO,
            ..Limits::default()
        });
        assert_eq!(account.request().unwrap_err().limit.kind, LimitKind::Time);
    }

    #[test]
    fn times_without_end_do_not_overflow() {
        let account = account(Limits {
            time: Duration::MAX,
            ..Limits::default()
        });
        let timeouts = Timeouts {
            connect: Some(Duration::MAX),
            first_byte: Some(Duration::MAX),
            between_bytes: Some(Duration::MAX),
        };
        let longest = timeouts.to_first_byte() + timeouts.to_next_bytes() + account.left();
        assert!(Instant::now().checked_add(longest).is_some());
        assert_eq!(timeouts.to_next_bytes(), LONGEST);
    }

    #[test]
    fn a_limit_says_what_it_is_and_how_it_is_raised() {
        let account = account(Limits::default());
        for (kind, said, knob) in [
            (
                LimitKind::Requests,
                "exceeded its limit of 10000 requests",
                "--max-requests 20000",
            ),
            (
                LimitKind::Bytes,
                "exceeded its limit of 1 TiB of bodies",
                "--max-bytes 2048GiB",
            ),
            (
                LimitKind::Answer,
                "exceeded its answer size limit of 64 MiB",
                "--max-answer 128MiB",
            ),
            (
                LimitKind::Headers,
                "exceeded its header size limit of 64 KiB",
                "--max-headers 128KiB",
            ),
            (
                LimitKind::Time,
                "exceeded its time limit of 15 min",
                "--timeout",
            ),
        ] {
            let limit = account.limit(kind);
            assert_eq!(
                (limit.to_string().as_str(), limit.knob().as_str()),
                (said, knob)
            );
        }
        assert_eq!(typed(1001), "1001B");
        assert_eq!(Time(1500).to_string(), "1.5 s");
    }
}
