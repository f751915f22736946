//! What a front end gets to see while a command runs.

use spin_deployer_app::Finding;
use spin_deployer_egress::RefusalLine;
use spin_deployer_manifest::OptionSpec;

use crate::report::Consent;

/// Something that happened. Labels and details come from the plugin: whoever shows them escapes them.
#[derive(Clone, Debug)]
pub enum Event {
    /// A warning about the app.
    Finding(Finding),
    /// A part of the app is built; what the build writes goes to standard error by itself.
    Building {
        /// Its component; `None` is all of them at once.
        component: Option<String>,
        /// The command line.
        command: String,
    },
    /// The plugin's code is not compiled yet; this takes from a tenth of a second to some seconds.
    Compiling {
        /// The plugin's name.
        plugin: String,
    },
    /// A step of the plugin began.
    StepStarted {
        /// Tells steps apart; several may run at once.
        id: u32,
        /// An active verb phrase: `Push layers`.
        label: String,
    },
    /// More about a running step.
    StepDetail {
        /// The step.
        id: u32,
        /// One line.
        text: String,
    },
    /// A running step will transfer this many more bytes.
    StepExpect {
        /// The step.
        id: u32,
        /// In bytes.
        bytes: u64,
    },
    /// A running step need not transfer these bytes, because the platform has them.
    StepSkip {
        /// The step.
        id: u32,
        /// In bytes.
        bytes: u64,
    },
    /// A step ended well.
    StepDone {
        /// The step.
        id: u32,
        /// What came of it.
        text: Option<String>,
    },
    /// A step ended without saying that it is done.
    StepFailed {
        /// The step.
        id: u32,
    },
    /// Contents left for the platform.
    Transferred {
        /// In bytes, since the last such event.
        bytes: u64,
    },
    /// Where to go and what to type to log in.
    DeviceCode {
        /// The page to open.
        url: String,
        /// The code to type there.
        code: String,
    },
    /// What a plugin asks for, before the user is asked whether it gets that, or where they have agreed already.
    Consent {
        /// All of it.
        consent: Box<Consent>,
        /// Whether nobody is going to be asked, because of `--yes`.
        agreed: bool,
    },
    /// What a deploy wrote into the lock.
    Locked(String),
    /// Something that the user should know and that stops nothing.
    Note(String),
    /// The command logs in before it goes on: why, or what came of it.
    Login(String),
    /// Who is about to ask for something, and where it goes: what is asked is in the plugin's own words.
    Asks(String),
    /// The plugin wanted to send what nobody allows; it was not sent.
    Refused(RefusalLine),
    /// What the plugin wrote to its standard output and error, once the call has ended.
    Output {
        /// Standard output, at most 1 MiB.
        stdout: String,
        /// Standard error, at most 1 MiB.
        stderr: String,
    },
    /// The host waits until the release answers at `url`.
    Waiting {
        /// The probe's address.
        url: String,
    },
    /// The plugin ran its first instruction.
    PluginStarted {
        /// Time since the process began.
        after: std::time::Duration,
    },
}

/// Where events go and answers come from.
pub trait Observer: Send + Sync {
    /// Shows an event. Called from several threads; must not block for long.
    fn event(&self, event: Event);

    /// Whether there is somebody who can be asked.
    fn can_ask(&self) -> bool {
        false
    }

    /// Asks the user for an option that is required and was not given. `None` where nobody can be asked.
    fn ask(&self, option: &OptionSpec) -> Option<String> {
        let _ = option;
        None
    }

    /// Asks whether to do this. `false` where nobody can be asked.
    fn confirm(&self, question: &str) -> bool {
        let _ = question;
        false
    }
}
