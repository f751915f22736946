//! One line a request, whatever became of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use serde::Serialize;

/// Where the lines go. Whoever implements it adds what this crate does not know: plugin, digest, call, time.
pub trait Audit: Send + Sync {
    /// Keeps one entry. Called once a request, when its answer has been read, dropped or refused.
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
    /// Why it failed after it was let out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The names of the secrets that were put in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// `host:port` of the proxy that it went through; the proxy resolved the name then, and not this program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
}

/// The entry of a request that is under way. It is handed to the audit when it is dropped, so that neither a
/// cancelled request nor a panic loses it.
pub(crate) struct Record {
    pub(crate) entry: AuditEntry,
    /// Bytes of the request's body so far; the body itself is owned by the client by then.
    pub(crate) sent: Arc<AtomicU64>,
    started: Instant,
    audit: Arc<dyn Audit>,
}

impl Record {
    pub(crate) fn new(audit: Arc<dyn Audit>, method: &http::Method, url: String) -> Self {
        Self {
            entry: AuditEntry {
                method: method.to_string(),
                url,
                ..AuditEntry::default()
            },
            sent: Arc::default(),
            started: Instant::now(),
            audit,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.entry.bytes_sent = self.sent.load(Relaxed);
        self.entry.milliseconds =
            u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.audit.record(&self.entry);
    }
}
