//! All policies of a run together: everything that one of them refuses is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use spin_deployer_manifest::Origin;
use spin_deployer_signature::PublicKey;

use super::{Limits, Policy, PolicyRefusal};

/// The policies of a run, each with a name that tells a user which file it is. The default, none, narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct Policies(Vec<(Arc<str>, Arc<Policy>)>);

impl Policies {
    /// These and one more. `name` is shown where the policy refuses: its path.
    #[must_use]
    pub fn with(mut self, name: impl Into<Arc<str>>, policy: Policy) -> Self {
        self.0.push((name.into(), Arc::new(policy)));
        self
    }

    /// Each with its name, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Policy)> {
        self.0.iter().map(|(name, policy)| (name, &**policy))
    }

    /// Whether a component with this digest may run. A text that is no digest is nobody's.
    ///
    /// # Errors
    /// The first policy that has a list without it.
    pub fn admits(&self, digest: &str) -> Result<(), PolicyRefusal> {
        let missing = |policy: &Policy| {
            let digests = policy.digests.as_ref();
            digests.is_some_and(|digests| !digests.iter().any(|known| known.as_str() == digest))
        };
        self.refused_by(missing, |policy| PolicyRefusal::Plugin {
            policy,
            digest: digest.to_owned(),
        })
    }

    /// All publishers whose signature some policy asks for.
    pub fn signers(&self) -> BTreeSet<PublicKey> {
        let signers = self.iter().filter_map(|(_, policy)| policy.signers.clone());
        signers.flatten().collect()
    }

    /// Whether a plugin that this publisher signed may run, or one that nobody signed. Those that came with the program
    /// are not asked about.
    ///
    /// # Errors
    /// The first policy that wants another signature.
    pub fn admits_signer(
        &self,
        plugin: &str,
        signer: Option<&PublicKey>,
    ) -> Result<(), PolicyRefusal> {
        let missing = |policy: &Policy| {
            let signers = policy.signers.as_ref();
            signers.is_some_and(|all| !signer.is_some_and(|signer| all.contains(signer)))
        };
        self.refused_by(missing, |policy| PolicyRefusal::Signer {
            policy,
            plugin: plugin.to_owned(),
            signer: signer.cloned().map(Box::new),
        })
    }

    /// Whether a request may go there by this method, whoever sends it.
    ///
    /// # Errors
    /// The first policy that does not mean that place, otherwise the first that does not have that method.
    pub fn allows(&self, method: &Method, origin: &Origin) -> Result<(), PolicyRefusal> {
        let elsewhere = |policy: &Policy| {
            let to = policy.to.as_ref();
            to.is_some_and(|to| !to.iter().any(|pattern| pattern.matches(origin)))
        };
        self.refused_by(elsewhere, |policy| PolicyRefusal::Place {
            policy,
            origin: origin.clone(),
        })?;
        let otherwise = |policy: &Policy| {
            let methods = policy.methods.as_ref();
            methods.is_some_and(|methods| !methods.contains(method))
        };
        self.refused_by(otherwise, |policy| PolicyRefusal::Method {
            policy,
            method: method.clone(),
        })
    }

    /// The most that the run may be given.
    pub fn limits(&self) -> Limits {
        Limits::of(self)
    }

    /// Whether a run with or without an audit log may begin.
    ///
    /// # Errors
    /// The first policy that requires one, where there is none.
    pub fn requires_audit_log(&self, there_is_one: bool) -> Result<(), PolicyRefusal> {
        self.refused_by(
            |policy| policy.audit_log && !there_is_one,
            |policy| PolicyRefusal::AuditLog { policy },
        )
    }

    /// Whether a run that may change its lock, or has none, may begin.
    ///
    /// # Errors
    /// The first policy that requires one that stays as it is, where this is not such a run.
    pub fn requires_lock(&self, is_locked: bool) -> Result<(), PolicyRefusal> {
        self.refused_by(
            |policy| policy.lock && !is_locked,
            |policy| PolicyRefusal::Lock { policy },
        )
    }

    fn refused_by(
        &self,
        refuses: impl Fn(&Policy) -> bool,
        refusal: impl FnOnce(Arc<str>) -> PolicyRefusal,
    ) -> Result<(), PolicyRefusal> {
        match self.iter().find(|(_, policy)| refuses(policy)) {
            Some((name, _)) => Err(refusal(name.clone())),
            None => Ok(()),
        }
    }
}
