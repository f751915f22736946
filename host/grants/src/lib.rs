//! What a user lets a plugin do: rules, matching and containment, without I/O.
//!
//! Naming is granting. A rule of the manifest that points at an option becomes a grant for the one origin that the user
//! named there. A default of the manifest names nothing, because the author wrote it and not the user; nor does a
//! place that is fixed in the manifest. An empty grant lets nothing out. What the host itself reads, because the app
//! refers to it, goes by [`Grant::loading`] in [`Phase::Load`]. What is fixed and what is a default can be agreed to,
//! [`Grant::agreed`]. Whatever is granted, [`Policies`] of an administrator narrow it.
//!
//! ```
//! use spin_deployer_grants::{Grant, Phase, Policies, Resolved, ValueSource, Values};
//! use spin_deployer_manifest::Manifest;
//! use http::Method;
//!
//! let manifest: Manifest = r#"
//!     name = "oci"
//!     version = "0.1.0"
//!     description = "Pushes the app to a registry"
//!     options = [{ name = "reference", type = "registry", help = "Where to" }]
//!     http = [{ to = "{reference}", methods = ["GET", "PUT"], paths = ["/v2/**"], why = "push" }]
//! "#.parse()?;
//! let value = manifest.options[0].parse(&["ghcr.io/acme/shop".into()])?;
//! let values = Values::from([("reference".parse()?, Resolved { value, source: ValueSource::Flag })]);
//!
//! let grant = Grant::naming(&manifest, &values, &Policies::default());
//! let ghcr = "https://ghcr.io".parse()?;
//! assert!(grant.decide(Phase::Deploy, &Method::PUT, &ghcr, "/v2/acme/shop/manifests/v1").is_ok());
//! assert!(grant.decide(Phase::Plan, &Method::PUT, &ghcr, "/v2/acme/shop/manifests/v1").is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod grant;
mod lock;
mod phase;
mod policy;
mod refusal;
mod rule;
mod schema;
mod values;

pub use grant::Grant;
pub use lock::{Lock, LockError, LockProblem, LockedPlugin};
pub use phase::Phase;
pub use policy::{
    Amount, Ceiling, Limit, Limits, Policies, Policy, PolicyError, PolicyLimits, PolicyProblem,
    PolicyRefusal,
};
pub use refusal::{Refusal, Request};
pub use rule::{Rule, RuleOrigin};
pub use values::{Resolved, ValueSource, Values};
