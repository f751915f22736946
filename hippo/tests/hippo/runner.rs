//! Runs futures one request at a time, so that a test can end one where it likes, or let two of them take turns.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Runs a future to its end.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    Turns::new(future).finish()
}

/// A future that is given one request after another.
pub(crate) struct Turns<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    result: Option<T>,
}

impl<'a, T> Turns<'a, T> {
    pub(crate) fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            result: None,
        }
    }

    /// Lets it have `requests` more requests. Whether it is done.
    pub(crate) fn take(&mut self, requests: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..requests {
            if self.result.is_some() {
                break;
            }
            if let Poll::Ready(result) = self.future.as_mut().poll(&mut context) {
                self.result = Some(result);
            }
        }
        self.result.is_some()
    }

    pub(crate) fn finish(mut self) -> T {
        assert!(self.take(10_000), "the future waits for ever");
        self.result.unwrap()
    }
}

/// Ready at the second look: the end of a turn.
pub(crate) async fn turn_ends() {
    let mut waited = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}
