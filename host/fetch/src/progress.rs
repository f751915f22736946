//! What is on its way, for whoever watches.

/// Hears about everything that is fetched.
pub trait Progress: Send + Sync {
    /// `received` bytes of `what` are here: 0 when it begins, and again whenever more came. `total` where the sender
    /// says how many it will be. One content may begin anew.
    fn fetching(&self, what: &str, received: u64, total: Option<u64>);
}

/// Nobody watches.
impl Progress for () {
    fn fetching(&self, _: &str, _: u64, _: Option<u64>) {}
}
