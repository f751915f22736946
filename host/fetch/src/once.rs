//! Who asks for one thing twice at a time waits for the first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::lock::{Mutex as AsyncMutex, OwnedMutexGuard};

/// What is being fetched now.
#[derive(Default)]
pub(crate) struct Once(Mutex<BTreeMap<String, Weak<AsyncMutex<()>>>>);

impl Once {
    /// Waits until nobody else fetches `what`. The next one waits for the guard to be dropped.
    pub(crate) async fn turn(&self, what: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(what).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::default();
                locks.insert(what.to_owned(), Arc::downgrade(&new));
                new
            })
        };
        lock.lock_owned().await
    }
}
