//! From what a plugin or the sandbox says to what the user is told.

use spin_deployer_egress::RefusalLine;
use spin_deployer_sandbox::{CallError, PluginErrorKind};

use crate::{Code, Error, Target};

/// A failed call as an error of ours.
///
/// `last_refusal` is set where the last request was not let out, `last_failure` where it brought no answer: the host
/// knows both better than the plugin does.
pub(crate) fn explain(
    error: CallError,
    target: &Target,
    last_refusal: Option<RefusalLine>,
    last_failure: Option<String>,
) -> Error {
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
            let is_the_reason = matches!(code, Code::Failed | Code::Unavailable | Code::Forbidden);
            match last_refusal.filter(|_| is_the_reason) {
                // Without its request the plugin could not go on: that is the reason, whatever it says.
                Some(line) => Error {
                    help: line
                        .suggestion
                        .clone()
                        .map(|rule| format!("the rule that would allow it:\n{rule}")),
                    ..Error::new(Code::Denied, format!("plugin `{plugin}` {line}")).detail(message)
                },
                None => Error {
                    detail: match (error.detail, last_failure) {
                        (Some(detail), Some(cause)) if is_the_reason => {
                            Some(format!("{detail} ({cause})"))
                        }
                        (detail, cause) => detail.or(cause),
                    },
                    help: error.hint,
                    ..Error::new(code, message)
                },
            }
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
        CallError::Refused(why) => Error::new(Code::Denied, format!("plugin `{plugin}` {why}")),
        CallError::Mount { .. } => Error::new(Code::Usage, error.to_string()).detail(
            std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
        CallError::Interface(why) => Error::new(
            Code::Incompatible,
            format!("plugin `{plugin}` does not fit this version of spin-deployer"),
        )
        .detail(why),
    }
}
