//! What an administrator allows: a file that narrows what users grant, and never widens it.
//!
//! Every key may be absent, and what is absent narrows nothing. Several policies apply together, and all must agree:
//! a [`Grant`](crate::Grant) is made under all [`Policies`] of a run, and asks them before everything that goes out.
//!
//! ```
//! use spin_deployer_grants::{Policies, Policy};
//! use http::Method;
//!
//! let policy: Policy = r#"
//!     schema = 1
//!     http.to = ["https://*.corp.example.com"]
//!     limits.memory = "256MiB"
//! "#.parse()?;
//! let policies = Policies::default().with("/etc/spin-deployer/policy.toml", policy);
//! assert!(policies.allows(&Method::PUT, &"https://registry.corp.example.com".parse()?).is_ok());
//! let refusal = policies.allows(&Method::GET, &"https://example.com".parse()?).unwrap_err();
//! assert_eq!(
//!     refusal.to_string(),
//!     "the policy /etc/spin-deployer/policy.toml lets nothing out to https://example.com"
//! );
//! assert_eq!(policies.limits().memory.within(None, "1GiB".parse()?)?, "256MiB".parse()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod limit;
mod policies;
mod refusal;

use std::{collections::BTreeSet, time::Duration};

use http::Method;
use spin_deployer_manifest::{ByteSize, OriginPattern};
use spin_deployer_oci::Digest;
use spin_deployer_signature::PublicKey;

pub use document::{PolicyError, PolicyProblem};
pub use limit::{Amount, Ceiling, Limit, Limits};
pub use policies::Policies;
pub use refusal::PolicyRefusal;

/// One file of an administrator's. `None` is no limit, and an empty list allows nothing. The default narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Components that may run, built-in ones too.
    pub digests: Option<BTreeSet<Digest>>,
    /// Where requests may go, of plugins and of the host itself.
    pub to: Option<BTreeSet<OriginPattern>>,
    /// By which methods, in the order of [`METHODS`](spin_deployer_manifest::METHODS).
    pub methods: Option<Vec<Method>>,
    /// The most that a run may be given.
    pub limits: PolicyLimits,
    /// Whether a run needs an audit log.
    pub audit_log: bool,
    /// Whether a run may change nothing in its lock, and needs one.
    pub lock: bool,
    /// Who has to have signed a plugin that did not come with the program: one of them.
    pub signers: Option<BTreeSet<PublicKey>>,
}

/// The most that a run may be given, as one file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyLimits {
    /// All memories of a plugin together.
    pub memory: Option<ByteSize>,
    /// Computing, without the host's own work.
    pub compute: Option<Duration>,
    /// One call of a plugin, everything counted.
    pub time: Option<Duration>,
    /// Requests of a call.
    pub requests: Option<u64>,
    /// Bodies of all requests and answers of a call together.
    pub bytes: Option<ByteSize>,
    /// The body of one answer.
    pub answer: Option<ByteSize>,
    /// What a call writes to the user's directories.
    pub written: Option<ByteSize>,
    /// All contents of an app together.
    pub app_size: Option<ByteSize>,
    /// Compiling a plugin, at its first start.
    pub compile: Option<Duration>,
}
