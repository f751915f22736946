//! What a plugin implements. Each call of the host runs one function to its end, on its own event loop.

use crate::bindings::{exports_deployer, exports_login, exports_logs, exports_releases};
use crate::{Change, Release, Result, Session};

/// What every plugin can do.
#[expect(
    async_fn_in_trait,
    reason = "a plugin runs on one thread: no caller needs these futures to be Send"
)]
pub trait Deployer {
    /// What [`deploy`](Self::deploy) would do now. The host lets only GET and HEAD out while this runs.
    async fn plan() -> Result<Vec<Change>>;

    /// Does it. Run again after a failure at any point, it completes the same release and leaves nothing twice.
    async fn deploy() -> Result<Release>;
}

/// For platforms that keep releases.
#[expect(
    async_fn_in_trait,
    reason = "a plugin runs on one thread: no caller needs these futures to be Send"
)]
pub trait Releases {
    /// At most `limit` releases, newest first.
    async fn history(limit: u32) -> Result<Vec<Release>>;

    /// Makes an earlier release the active one again.
    async fn rollback(id: String) -> Result<Release>;

    /// What [`destroy`](Self::destroy) would remove now, shown to the user before they are asked: nothing where there is
    /// nothing. The host lets only GET and HEAD out while this runs.
    async fn removal() -> Result<Vec<Change>>;

    /// Removes the app from the platform. Returns what it removed, for the user.
    async fn destroy() -> Result<Vec<String>>;
}

/// For platforms that keep what a release writes.
#[expect(
    async_fn_in_trait,
    reason = "a plugin runs on one thread: no caller needs these futures to be Send"
)]
pub trait Logs {
    /// The last lines that the app wrote, oldest first, at most `lines`. Asked where a release is not ready in time; the
    /// host lets only GET and HEAD out, and gives it ten seconds at most.
    async fn tail(lines: u32) -> Result<Vec<String>>;
}

/// For platforms with a login of their own.
#[expect(
    async_fn_in_trait,
    reason = "a plugin runs on one thread: no caller needs these futures to be Send"
)]
pub trait Login {
    /// Proves to the platform who the user is. What the session `saves` is kept by the host and comes back as the
    /// value of the option of that name; a placeholder that an answer had in place of what the manifest `hides` is kept
    /// as what it stands for. Nothing but GET and HEAD goes out meanwhile, and what a rule's `plan` lists.
    async fn login() -> Result<Session>;
}

impl<T: Deployer> exports_deployer::exports::spin_deployer::api::deployer::Guest for T {
    fn plan() -> Result<Vec<Change>> {
        wstd::runtime::block_on(<T as Deployer>::plan())
    }

    fn deploy() -> Result<Release> {
        wstd::runtime::block_on(<T as Deployer>::deploy())
    }
}

impl<T: Releases> exports_releases::exports::spin_deployer::api::releases::Guest for T {
    fn history(limit: u32) -> Result<Vec<Release>> {
        wstd::runtime::block_on(<T as Releases>::history(limit))
    }

    fn rollback(id: String) -> Result<Release> {
        wstd::runtime::block_on(<T as Releases>::rollback(id))
    }

    fn removal() -> Result<Vec<Change>> {
        wstd::runtime::block_on(<T as Releases>::removal())
    }

    fn destroy() -> Result<Vec<String>> {
        wstd::runtime::block_on(<T as Releases>::destroy())
    }
}

impl<T: Logs> exports_logs::exports::spin_deployer::api::logs::Guest for T {
    fn tail(lines: u32) -> Result<Vec<String>> {
        wstd::runtime::block_on(<T as Logs>::tail(lines))
    }
}

impl<T: Login> exports_login::exports::spin_deployer::api::login::Guest for T {
    fn login() -> Result<Session> {
        wstd::runtime::block_on(<T as Login>::login())
    }
}
