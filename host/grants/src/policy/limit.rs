//! The most that all policies of a run allow of one thing.

use std::{sync::Arc, time::Duration};

use spin_deployer_manifest::ByteSize;

use super::{Policies, PolicyLimits, PolicyRefusal};

/// The most that a run may be given under its policies.
#[derive(Debug, Clone)]
pub struct Limits {
    /// All memories of a plugin together.
    pub memory: Limit<ByteSize>,
    /// Computing, without the host's own work.
    pub compute: Limit<Duration>,
    /// One call of a plugin, everything counted.
    pub time: Limit<Duration>,
    /// Requests of a call.
    pub requests: Limit<u64>,
    /// Bodies of all requests and answers of a call together.
    pub bytes: Limit<ByteSize>,
    /// The body of one answer.
    pub answer: Limit<ByteSize>,
    /// What a call writes to the user's directories.
    pub written: Limit<ByteSize>,
    /// All contents of an app together.
    pub app_size: Limit<ByteSize>,
    /// Compiling a plugin, at its first start.
    pub compile: Limit<Duration>,
}

impl Limits {
    pub(super) fn of(policies: &Policies) -> Self {
        Self {
            memory: Limit::of(policies, "memory", |limits| limits.memory),
            compute: Limit::of(policies, "compute", |limits| limits.compute),
            time: Limit::of(policies, "time", |limits| limits.time),
            requests: Limit::of(policies, "requests", |limits| limits.requests),
            bytes: Limit::of(policies, "bytes", |limits| limits.bytes),
            answer: Limit::of(policies, "answer", |limits| limits.answer),
            written: Limit::of(policies, "written", |limits| limits.written),
            app_size: Limit::of(policies, "app-size", |limits| limits.app_size),
            compile: Limit::of(policies, "compile", |limits| limits.compile),
        }
    }
}

/// The lowest of one key, and which policy says so.
#[derive(Debug, Clone)]
pub struct Limit<T> {
    key: &'static str,
    most: Option<(T, Arc<str>)>,
}

impl<T: Amount> Limit<T> {
    fn of(
        policies: &Policies,
        key: &'static str,
        read: impl Fn(&PolicyLimits) -> Option<T>,
    ) -> Self {
        let all = policies
            .iter()
            .filter_map(|(name, policy)| Some((read(&policy.limits)?, name.clone())));
        Self {
            key,
            most: all.min_by_key(|(most, _)| *most),
        }
    }

    /// What the run gets: what was asked for, or else the default, which is lowered without a word.
    ///
    /// # Errors
    /// When more was asked for than a policy allows.
    pub fn within(&self, asked: Option<T>, default: T) -> Result<T, PolicyRefusal> {
        match (asked, &self.most) {
            (Some(asked), Some((most, policy))) if asked > *most => Err(PolicyRefusal::Limit {
                policy: policy.clone(),
                key: self.key,
                most: most.text(),
                asked: asked.text(),
                line: asked.toml(),
            }),
            (Some(asked), _) => Ok(asked),
            (None, Some((most, _))) => Ok(default.min(*most)),
            (None, None) => Ok(default),
        }
    }

    /// What a policy says to somebody who was `given` this much and needs more. `None` where no policy says anything.
    pub fn ceiling(&self, given: T) -> Option<Ceiling> {
        let (most, policy) = self.most.as_ref()?;
        Some(Ceiling {
            policy: policy.clone(),
            key: self.key,
            most: most.text(),
            is_reached: given >= *most,
        })
    }
}

/// The most that a policy allows of something. Displays as a clause: `the policy /etc/spin-deployer/policy.toml allows
/// 10000 for `requests` at most`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the policy {policy} allows {most} for `{key}` at most")]
pub struct Ceiling {
    /// Which policy, as it was named when it was read.
    pub policy: Arc<str>,
    /// `requests`, of its `limits`.
    pub key: &'static str,
    /// `10000`, as a flag takes it too.
    pub most: String,
    /// Whether a run has that already, so that no flag raises it.
    pub is_reached: bool,
}

/// What can be limited: bytes, times and numbers.
pub trait Amount: Copy + Ord {
    /// `256MiB`, `15m`, `10000`
    fn text(self) -> String;

    /// The same as a value of a policy.
    fn toml(self) -> String {
        crate::rule::quoted(self.text())
    }
}

impl Amount for ByteSize {
    fn text(self) -> String {
        self.to_string()
    }
}

impl Amount for Duration {
    fn text(self) -> String {
        humantime::format_duration(self).to_string()
    }
}

impl Amount for u64 {
    fn text(self) -> String {
        self.to_string()
    }

    fn toml(self) -> String {
        self.to_string()
    }
}
