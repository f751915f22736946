//! What can go wrong with Hippo.

use std::time::Duration;

use spin_deployer_publish::{Failure, Passing, TransportError};

use crate::{Health, Problem};

/// Why something could not be done with Hippo.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{request} got no answer")]
    Transport {
        /// What was asked.
        request: String,
        /// Why.
        #[source]
        source: TransportError,
    },
    /// There is neither a token nor a user name with a password.
    #[error("there is neither a token nor a user name with a password")]
    Anonymous,
    /// User name and password are not those of an account.
    #[error("{0}")]
    Login(Failure),
    /// The token is not accepted: wrong, or expired.
    #[error("{0}")]
    Unauthorized(Failure),
    /// Hippo knows who is asking and refuses.
    #[error("{0}")]
    Denied(Failure),
    /// What was there a moment ago is not there any more.
    #[error("{0}")]
    Missing(Failure),
    /// Hippo does not take what it was sent.
    #[error("{failure}")]
    Invalid {
        /// The answer.
        failure: Failure,
        /// What it does not take; may be empty.
        problems: Vec<Problem>,
    },
    /// Overloaded, or out of order for now.
    #[error("{failure}")]
    Busy {
        /// The answer.
        failure: Failure,
        /// How long Hippo asks to wait.
        retry_after: Option<Duration>,
    },
    /// Something failed inside or behind Hippo, and it does not say what.
    #[error("{failure}")]
    Broken {
        /// The answer.
        failure: Failure,
        /// What Hippo said when it was asked how it is.
        health: Option<Health>,
    },
    /// Hippo, or what it depends on, is out of order.
    #[error("{0}")]
    Unhealthy(Health),
    /// What answers does not speak Hippo's API.
    #[error("{request}: expected {expected}, but this came: {came}")]
    Nonsense {
        /// What was asked.
        request: String,
        /// What Hippo would answer.
        expected: &'static str,
        /// What came.
        came: String,
    },
    /// A list that does not end.
    #[error("{request}: more than {pages} pages")]
    Endless {
        /// What was asked.
        request: String,
        /// How many pages were read.
        pages: u32,
    },
    /// An app of this name is there, with another bindle.
    #[error("the app `{app}` is there for the bindle `{theirs}`, not for `{ours}`")]
    OtherBindle {
        /// The app's name.
        app: String,
        /// The name of its bindle.
        theirs: String,
        /// The name that it should have.
        ours: String,
    },
    /// Another channel has the domain.
    #[error("the domain `{domain}` is that of another channel, called `{channel}`")]
    DomainTaken {
        /// The domain.
        domain: String,
        /// The name of the channel that has it, perhaps of another app.
        channel: String,
    },
    /// Somebody else changed the channel at the same time.
    #[error("the channel `{channel}` was set to {}, not to `{ours}`", theirs.as_deref().unwrap_or("no revision"))]
    Overtaken {
        /// The channel's name.
        channel: String,
        /// The revision that it was to run.
        ours: String,
        /// The revision that it is to run now.
        theirs: Option<String>,
    },
    /// There is no such revision.
    #[error("there is no revision `{id}`")]
    NoRevision {
        /// What was asked for.
        id: String,
        /// Those that are there, newest first.
        known: Vec<String>,
    },
    /// What was asked for begins the numbers of several revisions.
    #[error("`{id}` begins the numbers of several revisions")]
    Ambiguous {
        /// What was asked for.
        id: String,
        /// Those that it begins, newest first.
        matching: Vec<String>,
    },
    /// There is no such app.
    #[error("there is no app `{0}`")]
    NoApp(String),
    /// There is no such channel.
    #[error("the app `{app}` has no channel `{channel}`")]
    NoChannel {
        /// The app's name.
        app: String,
        /// The channel's name.
        channel: String,
    },
    /// There is no such certificate.
    #[error("there is no certificate `{name}`")]
    NoCertificate {
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// A server before 0.19 makes a channel anew for another revision, and this would be lost if that ended in the middle.
    #[error(
        "this Hippo is older than 0.19 and makes the channel `{channel}` anew, which has {} of its own",
        [domain.is_some().then_some("a domain"), certificate.is_some().then_some("a certificate")]
            .into_iter().flatten().collect::<Vec<_>>().join(" and ")
    )]
    Unnamed {
        /// The channel's name.
        channel: String,
        /// Its domain, where it is to be named.
        domain: Option<String>,
        /// Its certificate's name, where that is to be named.
        certificate: Option<String>,
    },
    /// A server before 0.18 saved a channel and most likely did not start it, and does not say.
    #[error("the channel `{channel}` was made, and perhaps not started")]
    Unclear {
        /// The channel's name.
        channel: String,
        /// Why nobody knows.
        #[source]
        source: Box<Error>,
    },
    /// A server before 0.19 cannot do this. Reads on from "Hippo before 0.19 cannot".
    #[error("this Hippo is older than 0.19 and cannot {0}")]
    Old(&'static str),
}

impl Error {
    /// Whether Hippo does not take a request at all, or does not know it.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Invalid { .. } | Self::Nonsense { .. })
    }

    /// What an answer to a PATCH means. All of its fields may be left out, so a complaint that some were is none: Hippo says it in
    /// place of a 500, whatever went wrong.
    pub(crate) fn of_patch(self) -> Self {
        match self {
            Self::Invalid { failure, problems } if is_about_nothing(&problems) => Self::Broken {
                failure,
                health: None,
            },
            error => error,
        }
    }

    /// Whether the request may have had its effect all the same, so that only reading again tells. A complaint about a name
    /// that exists is among them: another run may have made what this one wants.
    pub(crate) fn may_have_happened(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_passing(),
            Self::Busy { .. } | Self::Broken { .. } | Self::Invalid { .. } | Self::Missing(_) => {
                true
            }
            _ => false,
        }
    }
}

fn is_about_nothing(problems: &[Problem]) -> bool {
    let left_out = |problem: &Problem| problem.message.ends_with(" field is required.");
    !problems.is_empty() && problems.iter().all(left_out)
}

impl Passing for Error {
    fn is_passing(&self) -> bool {
        match self {
            Self::Transport { source, .. } => source.is_passing(),
            Self::Busy { .. } => true,
            _ => false,
        }
    }

    fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
