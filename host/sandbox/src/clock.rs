//! How long a plugin computes, host calls not counted.

use std::time::{Duration, Instant};

use wasmtime::CallHook;

/// Runs while the plugin's own code runs.
///
/// wasmtime reports its helpers for a plugin's instructions (growing a memory, filling it) as host calls too. They are
/// bounded by the memory limit each, and by the wall clock together.
pub(crate) struct Clock {
    spent: Duration,
    since: Option<Instant>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            spent: Duration::ZERO,
            since: None,
        }
    }

    pub(crate) fn on(&mut self, hook: CallHook) {
        if let Some(since) = self.since.take() {
            self.spent += since.elapsed();
        }
        if hook.exiting_host() {
            self.since = Some(Instant::now());
        }
    }

    pub(crate) fn spent(&self) -> Duration {
        self.spent + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}
