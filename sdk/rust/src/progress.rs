//! What the user watches. Transferred bytes are counted by the host and need no call.

use crate::bindings::progress;

pub use progress::device_code;

/// One line of progress. Dropped without [`done`](Self::done), it shows as failed, so `?` needs no care.
pub struct Step(progress::Step);

impl Step {
    /// Starts a step. `label` is an active verb phrase: `Push layers`.
    pub fn start(label: &str) -> Self {
        Self(progress::Step::new(label))
    }

    /// Says what of the step is being done now.
    pub fn detail(&self, text: &str) {
        self.0.detail(text);
    }

    /// This many more bytes of contents are about to be read: the end of the bar.
    pub fn expect(&self, bytes: u64) {
        self.0.expect(bytes);
    }

    /// This many bytes need not be sent, because the platform has them.
    pub fn skip(&self, bytes: u64) {
        self.0.skip(bytes);
    }

    /// Ends it.
    pub fn done(self) {
        self.0.done(None);
    }

    /// Ends it with a word on how it went.
    pub fn done_with(self, text: &str) {
        self.0.done(Some(text));
    }
}
