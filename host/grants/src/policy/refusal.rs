//! What a policy does not allow, in words for a user who cannot change it.

use std::sync::Arc;

use http::Method;
use spin_deployer_manifest::Origin;
use spin_deployer_signature::PublicKey;

use crate::rule::quoted;

/// What a policy does not allow. `Display` is one line that names the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRefusal {
    /// Not one of its `plugins.digests`.
    #[error("the policy {policy} does not let the plugin {digest} run")]
    Plugin {
        /// Which policy, as it was named when it was read.
        policy: Arc<str>,
        /// `sha256:…` of the component.
        digest: String,
    },
    /// Not one of its `http.to`.
    #[error("the policy {policy} lets nothing out to {origin}")]
    Place {
        /// Which policy.
        policy: Arc<str>,
        /// Where to.
        origin: Origin,
    },
    /// Not one of its `http.methods`.
    #[error("the policy {policy} lets no {method} out")]
    Method {
        /// Which policy.
        policy: Arc<str>,
        /// By which method.
        method: Method,
    },
    /// More than one of its `limits`.
    #[error("the policy {policy} allows {most} for `{key}` at most, not {asked}")]
    Limit {
        /// Which policy.
        policy: Arc<str>,
        /// `memory`
        key: &'static str,
        /// `256MiB`
        most: String,
        /// `1GiB`
        asked: String,
        /// `"1GiB"`, as TOML.
        line: String,
    },
    /// Its `require.lock`.
    #[error("the policy {policy} requires a deployer.lock that stays as it is")]
    Lock {
        /// Which policy.
        policy: Arc<str>,
    },
    /// Not signed by one of its `require.signers`.
    #[error("the policy {policy} does not let `{plugin}` run, because {}", signed(signer.as_deref()))]
    Signer {
        /// Which policy.
        policy: Arc<str>,
        /// The plugin's name.
        plugin: String,
        /// Who signed it, if anybody did.
        signer: Option<Box<PublicKey>>,
    },
    /// Its `require.audit-log`.
    #[error("the policy {policy} requires an audit log")]
    AuditLog {
        /// Which policy.
        policy: Arc<str>,
    },
}

impl PolicyRefusal {
    /// The policy that refused, as it was named when it was read.
    pub fn policy(&self) -> &str {
        match self {
            Self::Plugin { policy, .. }
            | Self::Place { policy, .. }
            | Self::Method { policy, .. }
            | Self::Limit { policy, .. }
            | Self::Lock { policy }
            | Self::Signer { policy, .. }
            | Self::AuditLog { policy } => policy,
        }
    }

    /// The key that refused: `http.to`.
    pub fn key(&self) -> String {
        match self {
            Self::Plugin { .. } => "plugins.digests".to_owned(),
            Self::Place { .. } => "http.to".to_owned(),
            Self::Method { .. } => "http.methods".to_owned(),
            Self::Limit { key, .. } => format!("limits.{key}"),
            Self::Lock { .. } => "require.lock".to_owned(),
            Self::Signer { .. } => "require.signers".to_owned(),
            Self::AuditLog { .. } => "require.audit-log".to_owned(),
        }
    }

    /// The line of the policy with which its administrator would allow it: an entry of the list that refused, or the
    /// limit. `None` where the user can do it himself.
    pub fn line(&self) -> Option<String> {
        Some(match self {
            Self::Plugin { digest, .. } => format!("{},", quoted(digest)),
            Self::Place { origin, .. } => format!("{},", quoted(origin)),
            Self::Method { method, .. } => format!("{},", quoted(method)),
            Self::Limit { key, line, .. } => format!("{key} = {line}"),
            Self::Signer { signer, .. } => format!("{},", quoted(signer.as_ref()?)),
            Self::Lock { .. } | Self::AuditLog { .. } => return None,
        })
    }

    /// The way out: what the user can do, or what only the administrator can, and with which line.
    pub fn help(&self) -> String {
        let (policy, key) = (self.policy(), self.key());
        let line = self.line().unwrap_or_default();
        match self {
            Self::AuditLog { .. } => {
                "give it one with --audit-log FILE or SPIN_DEPLOYER_AUDIT_LOG".to_owned()
            }
            Self::Lock { .. } => {
                "add --locked; the lock is written by a deploy where this policy is not, and committed".to_owned()
            }
            Self::Limit { most, .. } => format!(
                "make do with {most}; only an administrator can allow more, in {policy}:\n{line}"
            ),
            Self::Signer { signer: None, .. } => {
                "install one that one of these publishers signed; where it is signed and the signature was left behind, `spin-deployer plugins fetch` brings it".to_owned()
            }
            _ => format!("only an administrator can allow it, in `{key}` of {policy}:\n{line}"),
        }
    }
}

fn signed(signer: Option<&PublicKey>) -> String {
    match signer {
        None => "none of the publishers that it names is known to have signed it".to_owned(),
        Some(signer) => format!(
            "the publisher with the {} is none that it names",
            signer.id()
        ),
    }
}
