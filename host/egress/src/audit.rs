//! One line a request, whatever became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::UNGUARDED;
use crate::limits::Limit;

/// Where the lines go. Whoever implements it adds what this crate does not know: plugin, digest, call, time.
pub trait Audit: Send + Sync {
    /// Keeps one entry. Called once a request: when its answer has been read, dropped or refused, or when the command
    /// ends before that.
    fn record(&self, entry: &AuditEntry);
}

/// What happened to one request. Holds no secret, no query value and no header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// `GET`.
    pub method: String,
    /// Without the values of the query.
    pub url: String,
    /// Of the answer, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Bytes of the request's body.
    pub bytes_sent: u64,
    /// Bytes of the answer's body.
    pub bytes_received: u64,
    /// From the request to the end of the answer's body.
    pub milliseconds: u64,
    /// The rule that allowed it, and where a server's answer announced the URL, that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_by: Option<String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why it failed after it was let out; [`INTERRUPTED`] where the command ended before it did, [`GIVEN_UP`] where
    /// the plugin did not wait for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The limit that it broke, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<&'static str>,
    /// The names of the secrets that were put in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// How many placeholders the plugin read in the answer, of one that a rule hides something in or that has tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholders: Option<usize>,
    /// `host:port` of the proxy that it went through; the proxy resolved the name then, and not this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

/// A signal or a crash ended the command.
pub const INTERRUPTED: &str = "interrupted";
/// Nobody waited for the answer.
pub const GIVEN_UP: &str = "given up";

/// The requests of one session that have no line yet.
pub(crate) struct UnderWay {
    audit: Arc<dyn Audit>,
    open: Mutex<BTreeMap<u64, Arc<Open>>>,
    next: AtomicU64,
    over: AtomicBool,
}

/// One of them.
struct Open {
    entry: Mutex<AuditEntry>,
    /// Bytes of the request's body so far; the body itself is owned by the client by then.
    sent: Arc<AtomicU64>,
    received: AtomicU64,
    started: Instant,
    written: AtomicBool,
}

impl UnderWay {
    pub(crate) fn new(audit: Arc<dyn Audit>) -> Self {
        Self {
            audit,
            open: Mutex::default(),
            next: AtomicU64::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Where the lines go.
    pub(crate) fn audit(&self) -> Arc<dyn Audit> {
        self.audit.clone()
    }

    pub(crate) fn begin(self: &Arc<Self>, method: String, url: String) -> Record {
        let open = Arc::new(Open {
            entry: Mutex::new(AuditEntry {
                method,
                url,
                ..AuditEntry::default()
            }),
            sent: Arc::default(),
            received: AtomicU64::new(0),
            started: Instant::now(),
            written: AtomicBool::new(false),
        });
        let number = self.next.fetch_add(1, Relaxed);
        lock(&self.open).insert(number, open.clone());
        Record(Arc::new(Recording {
            number,
            open,
            all: self.clone(),
        }))
    }

    /// Writes what is under way as `how` it ended. Nothing begins after this.
    pub(crate) fn end(&self, how: &str) {
        self.over.store(true, SeqCst);
        let open = std::mem::take(&mut *lock(&self.open));
        for open in open.into_values() {
            {
                let mut entry = lock(&open.entry);
                // Of an answer that is there nothing is missing where the plugin alone has ended.
                if entry.refused.is_none() && (entry.status.is_none() || how == INTERRUPTED) {
                    entry.failed.get_or_insert_with(|| how.to_owned());
                }
            }
            open.write(&*self.audit);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }
}

impl Open {
    fn write(&self, audit: &dyn Audit) {
        if UNGUARDED || self.written.swap(true, SeqCst) {
            return;
        }
        let mut entry = lock(&self.entry).clone();
        entry.bytes_sent = self.sent.load(Relaxed);
        entry.bytes_received = self.received.load(Relaxed);
        entry.milliseconds = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        audit.record(&entry);
    }
}

/// The entry of a request that is under way. It is handed to the audit when it is dropped, so that neither a
/// cancelled request nor a panic loses it; and where nobody gets to drop it, by [`UnderWay::end`]. Clones are one record.
#[derive(Clone)]
pub(crate) struct Record(Arc<Recording>);

struct Recording {
    number: u64,
    open: Arc<Open>,
    all: Arc<UnderWay>,
}

impl Record {
    pub(crate) fn note(&self, note: impl FnOnce(&mut AuditEntry)) {
        note(&mut lock(&self.0.open.entry));
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&AuditEntry) -> T) -> T {
        read(&lock(&self.0.open.entry))
    }

    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) {
        self.note(|entry| entry.failed = Some(error.to_string()));
    }

    pub(crate) fn limit(&self, limit: Limit) {
        self.note(|entry| {
            entry.failed = Some(limit.to_string());
            entry.limit = Some(limit.kind.word());
        });
    }

    /// Counts the request's body.
    pub(crate) fn sent(&self) -> Arc<AtomicU64> {
        self.0.open.sent.clone()
    }

    /// Counts bytes of the answer's body; all of them so far.
    pub(crate) fn received(&self, bytes: u64) -> u64 {
        self.0.open.received.fetch_add(bytes, Relaxed) + bytes
    }

    /// Leaves no line.
    pub(crate) fn forget(&self) {
        self.0.open.written.store(true, SeqCst);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        lock(&self.all.open).remove(&self.number);
        {
            let mut entry = lock(&self.open.entry);
            if entry.status.is_none() && entry.refused.is_none() {
                entry.failed.get_or_insert_with(|| GIVEN_UP.to_owned());
            }
        }
        self.open.write(&*self.all.audit);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
