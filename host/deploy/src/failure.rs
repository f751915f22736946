//! From what a plugin or the sandbox says to what the user is told.

use spin_deployer_egress::Limit;
use spin_deployer_grants::Ceiling;
use spin_deployer_sandbox::{CallError, PluginErrorKind};

use crate::policy::CallLimits;
use crate::ports::Last;
use crate::{Code, Error};

/// A failed call as an error of ours. `last`: how the last request ended. `limits`: what the call had, for an app of
/// this `size`.
pub(crate) fn explain(
    error: CallError,
    plugin: &str,
    last: Last,
    limits: &CallLimits,
    size: u64,
) -> Error {
    // A limit that the last request broke.
    let request_beyond = |limit: Limit| {
        let ceiling = limits.ceiling(limit.kind.word(), size);
        beyond(plugin, &limit, Some(&limit.knob()), ceiling.as_ref())
    };
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
            match last {
                // Without its request the plugin could not go on: that is the reason, whatever it says.
                Last::Refused(line) if is_the_reason => Error {
                    help: line
                        .suggestion
                        .clone()
                        .map(|rule| format!("what would allow it:\n{rule}")),
                    ..Error::new(Code::Denied, format!("plugin `{plugin}` {line}")).detail(message)
                },
                Last::Limit(limit) if is_the_reason => request_beyond(limit).detail(message),
                last => {
                    let cause = match last {
                        Last::Failed(cause) => Some(cause),
                        _ => None,
                    };
                    Error {
                        detail: match (error.detail, cause) {
                            (Some(detail), Some(cause)) if is_the_reason => {
                                Some(format!("{detail} ({cause})"))
                            }
                            (detail, cause) => detail.or(cause),
                        },
                        help: error.hint,
                        ..Error::new(code, message)
                    }
                }
            }
        }
        CallError::Limit(limit) => {
            let ceiling = limits.ceiling(limit.kind.word(), size);
            beyond(plugin, &limit, limit.knob(), ceiling.as_ref())
        }
        CallError::Crash(why) => match last {
            // Most languages abort where an error is not expected.
            Last::Limit(limit) => request_beyond(limit).detail(why),
            _ => Error::new(Code::Crashed, format!("plugin `{plugin}` crashed"))
                .detail(why)
                .help("this is a fault of the plugin; -v shows what it printed"),
        },
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

/// A broken limit, and the flag that raises it, as far as a policy lets it.
pub(crate) fn beyond(
    plugin: &str,
    limit: &impl std::fmt::Display,
    knob: Option<&str>,
    ceiling: Option<&Ceiling>,
) -> Error {
    let error = Error::new(Code::Crashed, format!("plugin `{plugin}` {limit}"));
    match (knob, ceiling) {
        (_, Some(ceiling)) if ceiling.is_reached => error.help(format!(
            "{ceiling}; if the plugin needs more, only an administrator can allow it, in `limits.{}`",
            ceiling.key
        )),
        (Some(knob), Some(ceiling)) => {
            // A value of its own could be more than the policy has.
            let flag = knob.split(' ').next().unwrap_or(knob);
            error.help(format!(
                "if it needs more, raise it with {flag}, to {} at most: {ceiling}",
                ceiling.most
            ))
        }
        (Some(knob), None) => error.help(format!("if it needs more, raise it with {knob}")),
        (None, _) => error,
    }
}

#[cfg(test)]
mod tests {
    use spin_deployer_egress::{LimitKind, RefusalLine};
    use spin_deployer_sandbox::PluginError;

    use spin_deployer_grants::Policies;

    use super::*;
    use crate::Asked;

    fn explain_under(policy: &str, error: CallError, last: Last) -> Error {
        let policy = format!("schema = 1\n{policy}").parse();
        let policy = policy.unwrap_or_else(|e| panic!("{e}"));
        let policies = Policies::default().with("/etc/policy.toml", policy);
        let limits = Asked::default().under(&policies);
        let limits = limits.unwrap_or_else(|e| panic!("{e}"));
        explain(error, "demo", last, &limits, 0)
    }

    fn says(kind: PluginErrorKind) -> CallError {
        CallError::Plugin(PluginError {
            kind,
            message: "the list cannot be read".into(),
            detail: None,
            hint: Some("try again".into()),
        })
    }

    fn limit() -> Last {
        Last::Limit(Limit {
            kind: LimitKind::Requests,
            value: 10_000,
        })
    }

    #[test]
    fn a_plugin_that_fails_because_of_a_limit_gets_the_limit_as_its_error() {
        for error in [
            says(PluginErrorKind::Failed),
            says(PluginErrorKind::Unavailable),
            CallError::Crash("it panicked or aborted".into()),
        ] {
            let detail = error.to_string();
            let error = explain_under("", error, limit());
            assert_eq!(error.code.exit_code(), 70);
            assert_eq!(
                error.message,
                "plugin `demo` exceeded its limit of 10000 requests"
            );
            assert_eq!(error.detail, Some(detail));
            assert_eq!(
                error.help.as_deref(),
                Some("if it needs more, raise it with --max-requests 20000")
            );
        }
    }

    #[test]
    fn what_a_plugin_knows_for_certain_is_not_because_of_a_limit() {
        for (kind, code) in [
            (PluginErrorKind::Conflict, Code::Conflict),
            (PluginErrorKind::Unauthenticated, Code::Unauthenticated),
            (PluginErrorKind::UnsupportedApp, Code::Incompatible),
        ] {
            let error = explain_under("", says(kind), limit());
            assert_eq!(
                (error.code, error.message.as_str()),
                (code, "the list cannot be read")
            );
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_limit() {
        let line = RefusalLine {
            method: "GET".into(),
            url: "https://a.example/".into(),
            reason: "nobody named that host".into(),
            suggestion: None,
        };
        let error = explain_under("", says(PluginErrorKind::Failed), Last::Refused(line));
        assert_eq!(error.code, Code::Denied);
    }

    #[test]
    fn nobody_is_sent_to_a_flag_that_a_policy_refuses() {
        let broken = || CallError::Limit(memory());
        let help = |policy: &str, error, last| explain_under(policy, error, last).help;
        for (policy, expected) in [
            ("", "if it needs more, raise it with --max-memory"),
            (
                "limits.requests = 1",
                "if it needs more, raise it with --max-memory",
            ),
            (
                "limits.memory = \"64MiB\"",
                "the policy /etc/policy.toml allows 64MiB for `memory` at most; if the plugin needs more, only an \
                 administrator can allow it, in `limits.memory`",
            ),
            (
                "limits.memory = \"1GiB\"",
                "if it needs more, raise it with --max-memory, to 1GiB at most: the policy /etc/policy.toml allows 1GiB \
                 for `memory` at most",
            ),
        ] {
            assert_eq!(
                help(policy, broken(), Last::Answered).as_deref(),
                Some(expected)
            );
        }
        let requests = help(
            "limits.requests = 10000",
            says(PluginErrorKind::Failed),
            limit(),
        );
        assert!(
            requests.is_some_and(|help| help.contains("administrator") && !help.contains("--max"))
        );
    }

    fn memory() -> spin_deployer_sandbox::Limit {
        spin_deployer_sandbox::Limit {
            kind: spin_deployer_sandbox::LimitKind::Memory,
            value: "64 MiB".to_owned(),
        }
    }
}
