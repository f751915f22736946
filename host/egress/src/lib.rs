//! The only way out: policy, addresses, credentials, audit.
//!
//! Every byte that leaves the machine, of a plugin or of the host itself, passes [`Session::send`], which knows what
//! the user granted and lets nothing else out. This is the only crate that knows an HTTP client.
//!
//! A run opens one [`Egress`], which owns the connections, and a [`Session`] for each call of a plugin with what
//! that call may do. Secrets are kept in a [`Vault`]; the plugin handles placeholders, and what they stand for is put
//! in after every check has passed.
//!
//! ```no_run
//! use std::sync::Arc;
//! use spin_deployer_egress::{Audit, AuditEntry, Body, Config, Egress, Limits, Timeouts, Vault};
//! use spin_deployer_grants::{Grant, Phase};
//!
//! struct Quiet;
//! impl Audit for Quiet {
//!     fn record(&self, _: &AuditEntry) {}
//! }
//!
//! # async fn run(grant: Grant, request: http::Request<Body>) -> Result<(), Box<dyn std::error::Error>> {
//! let egress = Egress::new(Config::default());
//! let vault = Arc::new(Vault::default());
//! let session = egress.session(grant, Phase::Deploy, vault, Limits::default(), Arc::new(Quiet));
//! let answer = session.send(request, Timeouts::default()).await?;
//! # Ok(()) }
//! ```

mod address;
mod audit;
mod body;
mod client;
mod conceal;
pub mod credentials;
mod delegation;
mod environment;
mod exchange;
mod failure;
mod forms;
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod inject;
mod limits;
mod resolve;
mod routes;
mod scan;
mod session;
mod target;
mod unguarded;
mod vault;
mod wanted;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use spin_deployer_grants::{Grant, Phase};

use audit::UnderWay;
pub use audit::{Audit, AuditEntry, GIVEN_UP, INTERRUPTED};
pub use body::{Body, BodyError};
use client::Clients;
pub use environment::Environment;
pub use failure::{RefusalLine, SendError};
pub use limits::{Limit, LimitKind, Limits, Tally, Timeouts};
use resolve::SystemNames;
#[doc(hidden)]
pub use resolve::{Looking, Names};
pub use session::Session;
pub use unguarded::UNGUARDED;
pub use vault::{Audience, PLACEHOLDER_PREFIX, Vault};

/// Why this side cannot send, whatever the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `SSL_CERT_FILE` names something that holds no certificates.
    #[error("SSL_CERT_FILE names {}, which cannot be used: {problem}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// In words.
        problem: String,
    },
    /// The HTTP client could not be made.
    #[error("cannot set up HTTP: {0}")]
    Client(String),
    /// The system gives no random numbers.
    #[error("the system has no random numbers: {0}")]
    Random(String),
    /// Servers gave more tokens than a run can need, or more of what a rule hides.
    #[error("servers gave more than {0} tokens and other secrets")]
    TooManyTokens(usize),
    /// A token service answered with something that is no token.
    #[error("the registry's token service answered with something that is no token")]
    TokenAnswer,
}

/// Whose proxies are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Proxies {
    /// Those of the process's environment (`HTTPS_PROXY`, `NO_PROXY`, …) and of the system's settings.
    #[default]
    System,
    /// None.
    None,
}

/// What an [`Egress`] needs to know of the machine.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `SSL_CERT_FILE` is read from here.
    pub environment: Environment,
    /// Asked for every request.
    pub proxies: Proxies,
}

/// The way out of one process: its connections, kept open for all sessions. Cheap to make; the client and the
/// platform's authorities are loaded with the first request.
#[derive(Clone)]
pub struct Egress {
    config: Config,
    names: Arc<dyn Names>,
    clients: Arc<OnceLock<Result<Clients, Error>>>,
    /// What every session of this process has under way.
    under_way: Arc<Mutex<Vec<Weak<UnderWay>>>>,
}

impl Egress {
    /// A way out that nothing has used yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            names: Arc::new(SystemNames),
            clients: Arc::default(),
            under_way: Arc::default(),
        }
    }

    /// A way out for a test, which says where names lead. Nothing that a user writes gets here, and a test sees to it
    /// that no other crate calls it.
    #[doc(hidden)]
    pub fn with_names(config: Config, names: Arc<dyn Names>) -> Self {
        Self {
            names,
            ..Self::new(config)
        }
    }

    /// What one call may send: `grant` in `phase`, with the secrets in `vault`, within `limits`. The session's time
    /// begins now.
    pub fn session(
        &self,
        grant: Grant,
        phase: Phase,
        vault: Arc<Vault>,
        limits: Limits,
        audit: Arc<dyn Audit>,
    ) -> Arc<Session> {
        let under_way = self.begin(audit);
        Arc::new(Session::new(
            self.clone(),
            grant,
            phase,
            vault,
            limits,
            under_way,
        ))
    }

    /// Keeps an eye on what a new session has under way.
    fn begin(&self, audit: Arc<dyn Audit>) -> Arc<UnderWay> {
        let under_way = Arc::new(UnderWay::new(audit));
        let mut all = self.sessions();
        all.retain(|session| session.strong_count() > 0);
        all.push(Arc::downgrade(&under_way));
        under_way
    }

    /// Writes the line of every request that is under way, of all sessions, as [`INTERRUPTED`], and lets nothing more
    /// out. For a process that ends without waiting for anybody.
    pub fn interrupt(&self) {
        let all = self.sessions().clone();
        for session in all.iter().filter_map(Weak::upgrade) {
            session.end(INTERRUPTED);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Weak<UnderWay>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self) -> Result<&Clients, Error> {
        let made = self.clients.get_or_init(|| {
            Clients::new(&self.config.environment, self.config.proxies, &self.names)
        });
        made.as_ref().map_err(Clone::clone)
    }
}
