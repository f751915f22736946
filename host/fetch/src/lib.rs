//! What an app refers to elsewhere: URLs, packages and images, fetched once, verified, and kept under their digests.
//!
//! What is decided here, and why:
//!
//! - **Everything leaves through [`spin_deployer_egress`]**, with a grant for exactly the place that the app or the user's
//!   configuration names, for reading only, and with one audit line a request. Such a place may be in a private network,
//!   and never is a cloud's metadata service. What a catalog leads to is no such place, but on the catalog's own host. Redirects are followed, five at most, each let out by egress because the answer
//!   before named it: to public addresses, and never from https to http.
//! - **A name is only a way to a digest.** A content is streamed into a file beside the others while it is hashed, goes
//!   on where the connection broke, and gets its name only when digest and size are right. So nothing half or wrong is
//!   ever found, two processes at once do no harm, and memory does not grow with what is fetched.
//! - **Once.** What is there with the right size is not fetched again; who takes it from [`Fetcher::folder`] verifies it.
//!   Which digest a package's version led to is remembered, because versions do not change. A tag may, so that it is
//!   looked up each time with one request; and so is the list of a package's versions where any that meets a requirement
//!   is wanted.
//! - **Within bounds**, those of one content and those of all together, however many of them an app names.
//! - **Offline nothing is sent.** There is no session then, so that no code path can. A requirement is met by the highest
//!   version that is here, whoever wanted it: what would come if the registry had no others.
//! - **Packages as `wkg` finds them**: its configuration, its well-known file, its names in a registry. Written here, because
//!   its client brings an HTTP client of its own, and its crate of common types brings more dependencies than the few lines
//!   that read a file. The built-in registries of its namespaces are left out: nobody named them.
//! - **Credentials** come from where Spin, Docker, Podman and `wkg` keep them, are placeholders outside of egress, and go
//!   to their registry and its token service. Neither the registry's storage nor a URL gets one.
//!
//! Plugins and their catalogs come the same way: [`Fetcher::artifact`], [`Fetcher::document`]. The one thing that is sent
//! and not fetched is a plugin that its author pushes: [`Fetcher::push`].
//!
//! The futures of [`Fetcher`] are for the thread that polls them, and may run side by side; its caller blocks on them.
//!
//! ```no_run
//! use std::sync::Arc;
//! use spin_deployer_egress::{Audit, Config, Egress, Environment};
//! use spin_deployer_fetch::{Bounds, Fetcher, Setup};
//! use spin_deployer_grants::Policies;
//!
//! # async fn run(audit: Arc<dyn Audit>) -> Result<(), Box<dyn std::error::Error>> {
//! let fetcher = Fetcher::new(Setup {
//!     egress: Egress::new(Config::default()),
//!     policies: Policies::default(),
//!     audit,
//!     environment: Environment::from_iter(std::env::vars_os()),
//!     cache: "/home/me/.cache/spin-deployer/fetched".into(),
//!     offline: false,
//!     progress: Arc::new(()),
//!     bounds: Bounds::default(),
//! });
//! let digest = fetcher.package(None, "acme:shop", "1.0.0").await?;
//! let manifest = fetcher.image(&"registry.example.com/acme/shop:v1".parse()?).await?;
//! # Ok(()) }
//! ```

mod artifact;
mod budget;
mod cache;
mod error;
mod image;
mod once;
mod package;
mod progress;
mod repository;
mod way;
mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use spin_deployer_egress::{Audit, Egress, Environment, Limits, Session, Vault};
use spin_deployer_grants::{Grant, Phase, Policies};
use spin_deployer_oci::Digest;

use budget::Budget;
use cache::{Cache, Incoming};
use once::Once;

pub use artifact::{Artifact, Signature};
pub use error::FetchError;
pub use progress::Progress;
pub use web::Bearer;

/// How much is fetched at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// One content, in bytes.
    pub content: u64,
    /// All blobs of one image together, in bytes.
    pub image: u64,
    /// All that one [`Fetcher`] keeps together, in bytes.
    pub load: u64,
}

/// 2 GiB, 8 GiB and 16 GiB.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            content: 2 << 30,
            image: 8 << 30,
            load: 16 << 30,
        }
    }
}

/// Manifests, tokens and what is said of errors, in bytes.
const DOCUMENTS: u64 = 64 << 20;
/// For one content, redirects, tokens and attempts included.
const REQUESTS: u64 = 100_000;
const TIME: Duration = Duration::from_secs(2 * 60 * 60);

/// What a [`Fetcher`] is made of.
pub struct Setup {
    /// The way out.
    pub egress: Egress,
    /// What narrows everything that goes out.
    pub policies: Policies,
    /// Gets a line for each request.
    pub audit: Arc<dyn Audit>,
    /// Of the process: where configurations and credentials are.
    pub environment: Environment,
    /// Where contents are kept. Need not exist yet; is made for this user only.
    pub cache: PathBuf,
    /// Whether nothing may be sent.
    pub offline: bool,
    /// Hears what is on its way.
    pub progress: Arc<dyn Progress>,
    /// How much is fetched at most.
    pub bounds: Bounds,
}

/// Fetches what is not here yet, for one load of one app.
pub struct Fetcher {
    egress: Egress,
    policies: Policies,
    audit: Arc<dyn Audit>,
    environment: Environment,
    cache: Cache,
    offline: bool,
    progress: Arc<dyn Progress>,
    bounds: Bounds,
    budget: Arc<Budget>,
    once: Once,
}

impl Fetcher {
    /// Does nothing yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            egress: setup.egress,
            policies: setup.policies,
            audit: setup.audit,
            environment: setup.environment,
            cache: Cache::at(setup.cache),
            offline: setup.offline,
            progress: setup.progress,
            bounds: setup.bounds,
            budget: Arc::new(Budget::of(setup.bounds.load)),
            once: Once::default(),
        }
    }

    /// Where everything is: each content in `blobs/sha256/<64 digits>`.
    pub fn folder(&self) -> &Path {
        self.cache.folder()
    }

    /// All of a content that is in the folder and is what its digest says.
    pub fn content(&self, digest: &Digest, limit: u64) -> Option<Vec<u8>> {
        self.cache.small(digest, limit)
    }

    /// Takes a content out of the folder if it is not what its digest says: it is fetched anew when it is asked for.
    pub fn discard(&self, digest: &str) {
        if let Ok(digest) = digest.parse() {
            self.cache.discard(&digest);
        }
    }

    /// The only way out for who reads: none while offline.
    fn session(
        &self,
        what: &str,
        grant: Grant,
        vault: Arc<Vault>,
    ) -> Result<Arc<Session>, FetchError> {
        self.session_in(Phase::Load, what, grant, vault)
    }

    /// The only way out: none while offline.
    fn session_in(
        &self,
        phase: Phase,
        what: &str,
        grant: Grant,
        vault: Arc<Vault>,
    ) -> Result<Arc<Session>, FetchError> {
        if self.offline {
            let what = what.to_owned();
            return Err(FetchError::Offline { what });
        }
        self.budget.check().map_err(|spent| spent.of(what))?;
        let bounds = self.bounds.content.saturating_add(self.bounds.image);
        let most = bounds.saturating_add(DOCUMENTS);
        let limits = Limits {
            requests: REQUESTS,
            // What is fetched twice because it broke counts twice.
            bytes: most.saturating_mul(2),
            // The bounds themselves are checked where they have a name.
            answer: most,
            time: TIME,
            ..Limits::default()
        };
        let audit = Arc::clone(&self.audit);
        Ok(self.egress.session(grant, phase, vault, limits, audit))
    }

    /// A place for a content that is on its way.
    fn incoming(&self, what: &str, total: Option<u64>) -> Result<Incoming, FetchError> {
        let (progress, budget) = (Arc::clone(&self.progress), Arc::clone(&self.budget));
        self.cache.incoming(what, total, progress, budget)
    }

    fn digest(&self, what: &str, digest: &str) -> Result<Digest, FetchError> {
        digest
            .parse()
            .map_err(|error: spin_deployer_oci::DigestError| FetchError::Name {
                what: what.to_owned(),
                reason: error.to_string(),
            })
    }
}

/// Neither environment nor audit.
impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher")
            .field("folder", &self.folder())
            .field("offline", &self.offline)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
