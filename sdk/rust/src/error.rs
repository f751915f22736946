//! Failures in the user's words. Each kind has its own exit status and its own advice.

use crate::bindings::failures::{Error, Failure};

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $variant:ident;)+) => {
        impl Error {
            $($(#[$doc])* pub fn $name(message: impl Into<String>) -> Self {
                Self::$variant(failure(message))
            })+

            /// What happened, as the user reads it.
            pub fn failure(&self) -> &Failure {
                match self {
                    Self::InvalidOption((_, failure)) => failure,
                    $(Self::$variant(failure) => failure,)+
                }
            }

            fn failure_mut(&mut self) -> &mut Failure {
                match self {
                    Self::InvalidOption((_, failure)) => failure,
                    $(Self::$variant(failure) => failure,)+
                }
            }
        }
    };
}

constructors! {
    /// The platform does not know who is asking: the host offers to log in.
    unauthenticated => Unauthenticated;
    /// The platform knows who is asking and refuses.
    forbidden => Forbidden;
    /// What the user named is not there.
    not_found => NotFound;
    /// Somebody else changed the same thing at the same time, or the name is taken.
    conflict => Conflict;
    /// This app cannot run there: a trigger, a host requirement, its size.
    unsupported_app => UnsupportedApp;
    /// Worth trying again: the platform is down, overloaded or slow.
    unavailable => Unavailable;
    /// All other failures.
    failed => Failed;
}

impl Error {
    /// The value of the option `name` cannot be used.
    pub fn invalid_option(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidOption((name.into(), failure(message)))
    }

    /// Adds what the platform said, verbatim where it helps.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.failure_mut().detail = Some(detail.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.failure_mut().hint = Some(hint.into());
        self
    }
}

fn failure(message: impl Into<String>) -> Failure {
    Failure {
        message: message.into(),
        detail: None,
        hint: None,
    }
}
