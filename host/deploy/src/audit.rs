//! The audit log: one JSON line for every command, every call of a plugin, every request, every signature, and every secret that is saved
//! or removed.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use spin_deployer_egress::{Audit, AuditEntry, INTERRUPTED};
use spin_deployer_sandbox::CallError;

use crate::kept::KeptLog;
use crate::ports::Last;
use crate::report::SavedId;
use crate::{Code, Error, Target};

/// Writes to the file of `--audit-log`, and to what is kept of the last runs.
pub(crate) struct AuditLog {
    file: Option<Mutex<File>>,
    kept: Option<KeptLog>,
    /// Whether a policy wants the file.
    required: bool,
    /// Why a line is missing in the file.
    lost: OnceLock<String>,
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
    /// A command began: what all lines up to the next one of this kind are of.
    Run {
        command: &'a str,
        #[serde(flatten)]
        target: Option<TargetLine<'a>>,
        /// As it was named with `-f`.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<&'a str>,
        /// What it is done under.
        policies: &'a [PolicyFile],
    },
    /// A plugin that a policy does not let run, or that is not what it should be.
    Denied {
        plugin: &'a str,
        /// Empty: it is in `why`.
        #[serde(skip_serializing_if = "str::is_empty")]
        digest: &'a str,
        why: String,
    },
    /// A plugin that is not what a lock says, or that nobody agrees to.
    Differs {
        plugin: &'a str,
        digest: &'a str,
        /// What differs, or what was asked for.
        differences: &'a [String],
    },
    /// Somebody agreed to what a plugin asks for.
    Agreed {
        plugin: &'a str,
        digest: &'a str,
        /// `terminal`, `--yes` or `lock`.
        by: &'a str,
        /// What it asks for.
        to: Vec<String>,
    },
    /// A plugin was written into a lock.
    Locked {
        plugin: &'a str,
        digest: &'a str,
        /// The file.
        lock: String,
    },
    /// A plugin was compiled, before its first call.
    Compiled {
        plugin: &'a str,
        digest: &'a str,
        /// `done` or `failed`.
        outcome: &'a str,
        /// The limit that ended it, in one word.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<&'a str>,
        milliseconds: f64,
    },
    /// A plugin was called.
    Call {
        plugin: &'a str,
        digest: &'a str,
        call: &'a str,
        /// The app, for a call that is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        app: Option<AppLine>,
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
    /// A secret is about to be saved.
    Saved(&'a SavedId),
    /// A saved secret was removed.
    Removed(&'a SavedId),
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
    /// What became of compiling a target's plugin, which `began` then.
    pub(crate) fn compiled<T>(
        target: &'a Target,
        result: &Result<T, spin_deployer_sandbox::Error>,
        began: Instant,
    ) -> Self {
        Self::Compiled {
            plugin: target.manifest.name.as_str(),
            digest: target.digest.as_str(),
            outcome: outcome(result.is_ok()),
            limit: match result {
                Err(spin_deployer_sandbox::Error::Limit(limit)) => Some(limit.kind.word()),
                _ => None,
            },
            milliseconds: milliseconds(began),
        }
    }

    /// The end of a call that `began` then. `last`: how its last request ended.
    pub(crate) fn ended<T>(
        call: &'a str,
        result: &Result<T, CallError>,
        last: &Last,
        began: Instant,
    ) -> Self {
        Self::Ended {
            call,
            outcome: outcome(result.is_ok()),
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

fn outcome(done: bool) -> &'static str {
    if done { "done" } else { "failed" }
}

fn milliseconds(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// The target of a command.
#[derive(Serialize)]
pub(crate) struct TargetLine<'a> {
    target: &'a str,
    plugin: &'a str,
    version: String,
    digest: &'a str,
}

impl<'a> From<&'a Target> for TargetLine<'a> {
    fn from(target: &'a Target) -> Self {
        Self {
            target: &target.name,
            plugin: target.manifest.name.as_str(),
            version: target.manifest.version.to_string(),
            digest: target.digest.as_str(),
        }
    }
}

/// A policy as it was read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PolicyFile {
    pub(crate) file: String,
    /// `sha256:` and 64 hexadecimal digits over its text.
    pub(crate) digest: String,
}

/// The app of a call.
#[derive(Serialize)]
pub(crate) struct AppLine {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Of a call that may need all of the app.
    #[serde(skip_serializing_if = "String::is_empty")]
    fingerprint: String,
}

impl AppLine {
    /// `None` where the call is about no app.
    pub(crate) fn of(app: &dyn spin_deployer_sandbox::App) -> Option<Self> {
        let name = app.name();
        (!name.is_empty()).then(|| Self {
            name,
            version: app.version(),
            fingerprint: app.fingerprint(),
        })
    }
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
        Ok(Self {
            file,
            kept,
            required: false,
            lost: OnceLock::new(),
        })
    }

    /// The same where a policy may want the file, and all of it.
    pub(crate) fn required(self, required: bool) -> Self {
        Self { required, ..self }
    }

    /// Writes a line at once, so that a crash of the host loses none. A full disk does not end what is under way: whether
    /// it went well say [`Self::complete`] and [`Self::surely`].
    pub(crate) fn line(&self, line: &impl Serialize) {
        let Some(text) = self.write(line) else { return };
        if let Some(kept) = &self.kept {
            kept.write(&text);
        }
    }

    /// The same of the line that says what the others are of. Of a command that leaves no other nothing is kept.
    pub(crate) fn begin(&self, run: &Line<'_>) {
        let Some(text) = self.write(run) else { return };
        if let Some(kept) = &self.kept {
            kept.head(&text);
        }
    }

    /// Writes a line to the user's file, and returns it where it is wanted anywhere.
    fn write(&self, line: &impl Serialize) -> Option<Vec<u8>> {
        if self.file.is_none() && self.kept.is_none() {
            return None;
        }
        let at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let mut text = match serde_json::to_vec(&Stamped { at, line }) {
            Ok(text) => text,
            Err(error) => {
                self.lost.get_or_init(|| error.to_string());
                return None;
            }
        };
        text.push(b'\n');
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.write_all(&text) {
                self.lost.get_or_init(|| error.to_string());
            }
        }
        Some(text)
    }

    /// Writes a line of what must not happen without one.
    ///
    /// # Errors
    /// This line or an earlier one is not in the file that there is.
    pub(crate) fn surely(&self, line: &impl Serialize) -> Result<(), Error> {
        self.line(line);
        match self.lost.get() {
            None => Ok(()),
            Some(why) => Err(lost("the audit log cannot be written", why)),
        }
    }

    /// Before something begins, and after it has ended.
    ///
    /// # Errors
    /// A policy requires the file, and a line is missing in it.
    pub(crate) fn complete(&self) -> Result<(), Error> {
        match self.lost.get().filter(|_| self.required) {
            None => Ok(()),
            Some(why) => Err(lost(
                "the audit log cannot be written, and a policy requires it",
                why,
            )),
        }
    }
}

fn lost(message: &str, why: &str) -> Error {
    Error::new(Code::Failed, message).detail(why)
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

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Every write to this file fails as on a full disk.
    fn full() -> AuditLog {
        AuditLog::open(Some(Path::new("/dev/full")), None).unwrap()
    }

    fn line() -> Line<'static> {
        Line::Signed {
            option: "key",
            sha256: String::new(),
            bytes: 1,
        }
    }

    #[test]
    fn a_lost_line_is_an_error_where_a_policy_wants_it() {
        let (log, required) = (full(), full().required(true));
        for log in [&log, &required] {
            log.complete().unwrap();
            log.line(&line());
        }
        log.complete().unwrap();
        assert_eq!(required.complete().unwrap_err().code, Code::Failed);
    }

    #[test]
    fn what_must_not_happen_without_a_line_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let written = AuditLog::open(Some(&file), None).unwrap();
        written.surely(&line()).unwrap();
        let nobody_asked = AuditLog::open(None, None).unwrap();
        nobody_asked.surely(&line()).unwrap();
        assert!(full().surely(&line()).is_err());
    }
}
