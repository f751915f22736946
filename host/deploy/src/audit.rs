//! The audit log: one JSON line for every call of a plugin, every request and every signature.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use spin_deployer_egress::{Audit, AuditEntry, INTERRUPTED};
use spin_deployer_sandbox::CallError;

use crate::kept::KeptLog;
use crate::ports::Last;
use crate::{Code, Error};

/// Writes to the file of `--audit-log`, and to what is kept of the last runs.
pub(crate) struct AuditLog {
    file: Option<Mutex<File>>,
    kept: Option<KeptLog>,
}

/// When a line was written.
#[derive(Serialize)]
struct Stamped<'a, T> {
    /// Milliseconds since 1970-01-01, UTC.
    at: u128,
    #[serde(flatten)]
    line: &'a T,
}

/// A line. Those between a call and its end are that call's.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Line<'a> {
    /// A plugin that a policy does not let run.
    Denied {
        plugin: &'a str,
        digest: &'a str,
        why: String,
    },
    /// A plugin was called.
    Call {
        plugin: &'a str,
        digest: &'a str,
        call: &'a str,
        /// Whether the plugin had to be compiled first.
        compiled: bool,
        /// Guest path and host path of what the plugin sees.
        mounts: Vec<MountLine>,
    },
    /// The plugin ran its first instruction.
    Started {
        /// Since the process began.
        milliseconds: f64,
    },
    /// A message was signed for the plugin.
    Signed {
        /// The option whose key signed.
        option: &'a str,
        /// Of the message, 64 hexadecimal digits.
        sha256: String,
        /// Of the message.
        bytes: usize,
    },
    /// A request left, or was refused.
    Request(&'a AuditEntry),
    /// The call ended.
    Ended {
        /// `plan`, `deploy`, …
        call: &'a str,
        /// `done`, `failed` or `interrupted`.
        outcome: &'a str,
        /// The limit that ended it, in one word.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<&'a str>,
        /// Since the call began.
        milliseconds: f64,
    },
}

impl<'a> Line<'a> {
    /// The end of a call that `began` then. `last`: how its last request ended.
    pub(crate) fn ended<T>(
        call: &'a str,
        result: &Result<T, CallError>,
        last: &Last,
        began: Instant,
    ) -> Self {
        Self::Ended {
            call,
            outcome: if result.is_ok() { "done" } else { "failed" },
            limit: match (result, last) {
                (Err(CallError::Limit(limit)), _) => Some(limit.kind.word()),
                (Err(_), Last::Limit(limit)) => Some(limit.kind.word()),
                _ => None,
            },
            milliseconds: milliseconds(began),
        }
    }

    /// The same of one that a signal or a crash ends.
    pub(crate) fn interrupted(call: &'a str, began: Instant) -> Self {
        Self::Ended {
            call,
            outcome: INTERRUPTED,
            limit: None,
            milliseconds: milliseconds(began),
        }
    }
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// A mount of a call.
#[derive(Serialize)]
pub(crate) struct MountLine {
    pub(crate) guest: String,
    pub(crate) host: String,
    pub(crate) writable: bool,
}

impl AuditLog {
    /// Appends to `path`, if there is one, and keeps the log of this run in `audit` below `data`, where there is a place
    /// for it.
    pub(crate) fn open(path: Option<&Path>, data: Option<&Path>) -> Result<Self, Error> {
        let file = path
            .map(|path| {
                File::options()
                    .create(true)
                    .append(true)
                    .open(path)
                    .map_err(|e| {
                        Error::new(
                            Code::Usage,
                            format!("cannot write the audit log {}", path.display()),
                        )
                        .detail(e.to_string())
                    })
            })
            .transpose()?
            .map(Mutex::new);
        let kept = data.map(|data| KeptLog::within(&data.join("audit")));
        Ok(Self { file, kept })
    }

    /// Writes a line at once, so that a crash of the host loses none.
    pub(crate) fn line(&self, line: &impl Serialize) {
        if self.file.is_none() && self.kept.is_none() {
            return;
        }
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let Ok(mut text) = serde_json::to_vec(&Stamped { at, line }) else {
            return;
        };
        text.push(b'\n');
        if let Some(file) = &self.file {
            let mut file = file
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            // A full disk must not end a deploy that is under way.
            let _ = file.write_all(&text);
        }
        if let Some(kept) = &self.kept {
            kept.write(&text);
        }
    }
}

impl Audit for AuditLog {
    fn record(&self, entry: &AuditEntry) {
        self.line(&Line::Request(entry));
    }
}

impl From<&spin_deployer_sandbox::Mount> for MountLine {
    fn from(mount: &spin_deployer_sandbox::Mount) -> Self {
        Self {
            guest: mount.guest_path.clone(),
            host: mount.host_path.display().to_string(),
            writable: mount.writable,
        }
    }
}
