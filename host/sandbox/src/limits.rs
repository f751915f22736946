//! How much a call may use, and the words for having used more.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// What one call may use. The defaults suit a plugin that steers and does not carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories and tables of the plugin together. In bytes.
    pub memory: usize,
    /// Computing, host calls not counted.
    pub compute: Duration,
    /// The call with everything in it.
    pub wall: Duration,
    /// What one host call may copy out of the plugin. In bytes.
    pub host_call_data: usize,
    /// Things of the host that the plugin holds at a time: requests, streams, contents, files.
    pub resources: usize,
    /// Handles to such things, in the plugin's own tables.
    pub handles: usize,
    /// Random bytes in one call. In bytes.
    pub random: usize,
    /// Headers of one request. In bytes, about.
    pub header_fields: usize,
    /// Contents of the app that are being read at a time.
    pub streams: usize,
    /// What is written to the user's directories. In bytes; what is written over counts again.
    pub written: u64,
    /// Files that are opened to be made, directories and links that are made.
    pub entries: u64,
    /// Compiling the plugin, which [`crate::Engine::compile`] does before any call.
    pub compile: Duration,
    /// What is kept of stdout, and of stderr, each. In bytes. More is cut, which is no error.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            compute: Duration::from_secs(60),
            wall: Duration::from_secs(15 * 60),
            host_call_data: 32 << 20,
            resources: 1_024,
            handles: 4_096,
            random: 64 << 10,
            header_fields: 64 << 10,
            streams: 128,
            written: 1 << 30,
            entries: 100_000,
            compile: Duration::from_secs(120),
            output: 1 << 20,
        }
    }
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// [`Limits::memory`]
    Memory,
    /// [`Limits::compute`]
    Compute,
    /// [`Limits::wall`]
    Wall,
    /// [`Limits::host_call_data`]
    HostCallData,
    /// [`Limits::resources`]
    Resources,
    /// [`Limits::handles`]
    Handles,
    /// [`Limits::random`]
    Random,
    /// [`Limits::header_fields`]
    HeaderFields,
    /// [`Limits::streams`]
    Streams,
    /// [`Limits::written`]
    Written,
    /// [`Limits::entries`]
    Entries,
    /// [`Limits::compile`]
    Compile,
}

/// A limit that a plugin broke. Displays as a predicate: `exceeded its memory limit of 256 MiB`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("exceeded its {} limit of {value}", .kind.name())]
pub struct Limit {
    /// Which one.
    pub kind: LimitKind,
    /// Its value with its unit, for people: `256 MiB`, `15 min`.
    pub value: String,
}

impl LimitKind {
    /// In one word, for the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Compute => "compute",
            Self::Wall => "time",
            Self::HostCallData => "host-call-data",
            Self::Resources => "resources",
            Self::Handles => "handles",
            Self::Random => "random",
            Self::HeaderFields => "headers",
            Self::Streams => "streams",
            Self::Written => "written",
            Self::Entries => "entries",
            Self::Compile => "compile",
        }
    }

    /// What it limits, as in `its … limit`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Compute => "computing time",
            Self::Wall => "time",
            Self::HostCallData => "host call data",
            Self::Resources => "open resources",
            Self::Handles => "handles",
            Self::Random => "random bytes",
            Self::HeaderFields => "header size",
            Self::Streams => "open contents",
            Self::Written => "written bytes",
            Self::Entries => "new files",
            Self::Compile => "compiling time",
        }
    }
}

impl Limit {
    /// The flag that raises it, where there is one.
    pub fn knob(&self) -> Option<&'static str> {
        match self.kind {
            LimitKind::Memory => Some("--max-memory"),
            LimitKind::Compute => Some("--max-compute"),
            LimitKind::Wall => Some("--timeout"),
            LimitKind::HeaderFields => Some("--max-headers"),
            LimitKind::Written => Some("--max-written"),
            LimitKind::Compile => Some("--max-compile"),
            _ => None,
        }
    }
}

impl Limits {
    pub(crate) fn limit(&self, kind: LimitKind) -> Limit {
        let value = match kind {
            LimitKind::Memory => Bytes(self.memory).to_string(),
            LimitKind::Compute => time(self.compute),
            LimitKind::Wall => time(self.wall),
            LimitKind::HostCallData => Bytes(self.host_call_data).to_string(),
            LimitKind::Resources => self.resources.to_string(),
            LimitKind::Handles => self.handles.to_string(),
            LimitKind::Random => Bytes(self.random).to_string(),
            LimitKind::HeaderFields => Bytes(self.header_fields).to_string(),
            LimitKind::Streams => self.streams.to_string(),
            LimitKind::Written => {
                Bytes(usize::try_from(self.written).unwrap_or(usize::MAX)).to_string()
            }
            LimitKind::Entries => self.entries.to_string(),
            LimitKind::Compile => time(self.compile),
        };
        Limit { kind, value }
    }
}

/// A size in the largest binary unit that leaves a whole number.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units
            .iter()
            .find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit))
        {
            Some((unit, name)) => write!(f, "{} {name}", self.0 / unit),
            None if self.0 == 1 => f.write_str("1 byte"),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

fn time(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 60 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_itself_its_value_and_its_knob() {
        let limits = Limits {
            compute: Duration::from_millis(1500),
            ..Limits::default()
        };
        let said = |kind| {
            let limit = limits.limit(kind);
            (limit.to_string(), limit.knob())
        };
        assert_eq!(
            said(LimitKind::Memory),
            (
                "exceeded its memory limit of 256 MiB".into(),
                Some("--max-memory")
            )
        );
        assert_eq!(
            said(LimitKind::Compute),
            (
                "exceeded its computing time limit of 1.5 s".into(),
                Some("--max-compute")
            )
        );
        assert_eq!(
            said(LimitKind::Wall),
            (
                "exceeded its time limit of 15 min".into(),
                Some("--timeout")
            )
        );
        assert_eq!(
            said(LimitKind::Handles),
            ("exceeded its handles limit of 4096".into(), None)
        );
        assert_eq!(Bytes(1_000).to_string(), "1000 bytes");
        assert_eq!(Bytes(1).to_string(), "1 byte");
    }
}
