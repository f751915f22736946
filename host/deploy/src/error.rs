//! What went wrong, as the user is told: one sentence, where, why, and the way out.

use serde::Serialize;
use spin_deployer_app::Finding;
use spin_deployer_store::PluginsError;

/// Why a command failed. Each has its own exit status, so that a script can tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// Nothing more particular is known.
    Failed,
    /// Wrong usage, option, configuration or manifest; nothing was sent.
    Usage,
    /// The platform does not know who is asking.
    Unauthenticated,
    /// The platform knows who is asking and refuses.
    Forbidden,
    /// The sandbox or a policy refuses.
    Denied,
    /// A Spin version, an interface version, or an app that the platform cannot run.
    Incompatible,
    /// The platform is down, overloaded or slow; trying again may help.
    Unavailable,
    /// Deployed, but not ready in time.
    NotReady,
    /// Somebody else changed the same thing, or the name is taken.
    Conflict,
    /// The plugin crashed or broke a limit.
    Crashed,
}

impl Code {
    /// The exit status of the process.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unauthenticated => 3,
            Self::Forbidden => 4,
            Self::Denied => 5,
            Self::Incompatible => 6,
            Self::Unavailable => 7,
            Self::NotReady => 8,
            Self::Conflict => 9,
            Self::Crashed => 70,
        }
    }
}

/// A failed command. Text from plugins and servers is in here as it came: whoever shows it escapes it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Decides the exit status.
    pub code: Code,
    /// One sentence in the user's words, without a full stop.
    pub message: String,
    /// Where and why: a request and its answer, a file, what the platform said.
    pub detail: Option<String>,
    /// What to do next.
    pub help: Option<String>,
    /// Whether anything that changes the platform had left the machine.
    pub sent: bool,
    /// What is wrong with the app, where that is the reason.
    pub findings: Vec<Finding>,
    /// The last lines that the release wrote, oldest first, where it is not ready and the platform keeps them.
    pub log: Box<[String]>,
}

impl Error {
    /// An error with nothing but a code and a sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
            help: None,
            sent: false,
            findings: Vec::new(),
            log: Box::default(),
        }
    }

    /// Adds where and why.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A component that is another one than it was, or that somebody else may have put there, is run by nobody.
impl From<PluginsError> for Error {
    fn from(error: PluginsError) -> Self {
        let code = match error {
            PluginsError::Component { .. } | PluginsError::Foreign { .. } => Code::Denied,
            PluginsError::Damaged { .. } | PluginsError::TooLarge { .. } => Code::Usage,
            PluginsError::Io { .. } => Code::Failed,
        };
        Self::new(code, chain(&error)).help(error.help())
    }
}

/// An error with its reasons, `a: b: c`, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(reason) = next {
        let reason_text = reason.to_string();
        if !text.contains(&reason_text) {
            text.push_str(": ");
            text.push_str(&reason_text);
        }
        next = reason.source();
    }
    text
}
