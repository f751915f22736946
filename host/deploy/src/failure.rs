//! From what a plugin or the sandbox says to what the user is told.

use spin_deployer_sandbox::{CallError, PluginErrorKind};

use crate::{Code, Error, Target};

/// A failed call as an error of ours.
pub(crate) fn explain(error: CallError, target: &Target) -> Error {
    let plugin = &target.manifest.name;
    match error {
        CallError::Plugin(error) => {
            let code = match &error.kind {
                PluginErrorKind::InvalidOption(_) => Code::Usage,
                PluginErrorKind::Unauthenticated => Code::Unauthenticated,
                PluginErrorKind::Forbidden => Code::Forbidden,
                PluginErrorKind::NotFound | PluginErrorKind::Failed => Code::Failed,
                PluginErrorKind::Conflict => Code::Conflict,
                PluginErrorKind::UnsupportedApp => Code::Incompatible,
                PluginErrorKind::Unavailable => Code::Unavailable,
            };
            let message = match error.kind {
                PluginErrorKind::InvalidOption(option) => format!("--{option}: {}", error.message),
                _ => error.message,
            };
            Error { detail: error.detail, help: error.hint, ..Error::new(code, message) }
        }
        CallError::Limit(limit) => {
            let error = Error::new(Code::Crashed, format!("plugin `{plugin}` {limit}"));
            match limit.knob() {
                Some(knob) => error.help(format!("if it needs more, raise it with {knob}")),
                None => error,
            }
        }
        CallError::Crash(why) => Error::new(Code::Crashed, format!("plugin `{plugin}` crashed"))
            .detail(why)
            .help("this is a fault of the plugin; -v shows what it printed"),
        CallError::Interface(why) => {
            Error::new(Code::Incompatible, format!("plugin `{plugin}` does not fit this version of spin-deployer"))
                .detail(why)
        }
    }
}
