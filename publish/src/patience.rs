//! How long to try.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use crate::Transport;

/// Attempts that bring nothing forward before giving up: with doubling pauses, about eight seconds of a server that is
/// being restarted.
const ATTEMPTS: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A server that wants a longer pause than this gets a user who decides himself.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// An error that may pass by itself.
pub trait Passing {
    /// Whether the same may succeed a moment later.
    fn is_passing(&self) -> bool;

    /// How long the server asked to wait.
    fn asked_pause(&self) -> Option<Duration>;
}

/// Counts attempts at one thing, and waits between them.
#[derive(Debug)]
pub struct Patience {
    attempts: u32,
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: ATTEMPTS,
            pause: FIRST_PAUSE,
        }
    }
}

impl Patience {
    /// As for something that was not tried yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits before another attempt at something that failed in passing.
    ///
    /// # Errors
    /// `error` itself, where another attempt would not help or there were enough of them.
    pub async fn after<E: Passing>(
        &mut self,
        error: E,
        transport: &impl Transport,
    ) -> Result<(), E> {
        if !error.is_passing() {
            return Err(error);
        }
        self.before_another_way(error, transport).await
    }

    /// Waits, as long as the server asked or twice as long as the last time, before something else is tried.
    ///
    /// # Errors
    /// `error` itself, where there were enough attempts.
    pub async fn before_another_way<E: Passing>(
        &mut self,
        error: E,
        transport: &impl Transport,
    ) -> Result<(), E> {
        let asked = error.asked_pause();
        if self.attempts == 0 || asked.is_some_and(|pause| pause > LONGEST_PAUSE) {
            return Err(error);
        }
        self.attempts -= 1;
        transport.sleep(asked.unwrap_or(self.pause)).await;
        self.pause *= 2;
        Ok(())
    }
}

/// The pause that a `Retry-After` header asks for: seconds, or a date (RFC 9110, section 10.2.3).
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// Whether a status means that the same request may be answered better a moment later.
pub fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_retry_after_are_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            (" 17 ", Some(17)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                expected.map(Duration::from_secs),
                "{value}"
            );
        }
    }
}
