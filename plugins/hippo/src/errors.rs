//! What went wrong, in the user's words, and what to do next.

use spin_deployer_hippo::{Error as HippoError, NameError, Problem, quote};
use spin_deployer_sdk::Error;
use spin_deployer_sdk::transport::Peer;

const CREDENTIALS: &str = "set HIPPO_USERNAME and HIPPO_PASSWORD, or HIPPO_TOKEN";

/// The app cannot have its name on Hippo.
pub(crate) fn of_name(name: &str, error: &NameError) -> Error {
    Error::unsupported_app(format!(
        "Hippo runs no app of the name `{name}`: it {error}"
    ))
    .hint(
        "a name there has at most 128 letters, digits, - and _: change `name` in spin.toml, \
         or deploy it under another one with --name",
    )
}

/// The bindle's version is none that Hippo takes.
pub(crate) fn of_version(version: &str, error: &NameError) -> Error {
    Error::unsupported_app(format!("Hippo runs no version `{version}`: it {error}"))
        .hint("change `version` in spin.toml, or pass --app-version or --buildinfo")
}

/// `host` is Hippo's as the user wrote it, `scheme` how it was asked.
pub(crate) fn of_hippo(error: HippoError, host: &str, scheme: &str) -> Error {
    let said = error.to_string();
    let origin = format!("{scheme}://{host}");
    let server = Peer {
        kind: "Hippo server",
        host,
        origin: &origin,
    };
    match error {
        HippoError::Transport { request, source } => server.unanswered(&request, source),
        HippoError::Busy {
            failure,
            retry_after,
        } => server.busy(&failure, retry_after),
        HippoError::Nonsense { .. } | HippoError::Endless { .. } => server.somebody_else(said),
        HippoError::Anonymous => Error::unauthenticated(format!(
            "{host} wants to know who deploys, and nobody was named"
        ))
        .hint(CREDENTIALS),
        HippoError::Login(_) => Error::unauthenticated(format!(
            "{host} does not accept the user name and password that it was shown"
        ))
        .detail(said)
        .hint("check HIPPO_USERNAME and HIPPO_PASSWORD; Hippo locks an account for a while after wrong passwords"),
        HippoError::Unauthorized(_) => {
            Error::unauthenticated(format!("{host} does not accept the token that it was shown"))
                .detail(said)
                .hint(format!("a token of Hippo's lives for half an hour: log in again, or {CREDENTIALS}"))
        }
        HippoError::Denied(_) => Error::forbidden(format!("{host} does not let you do that"))
            .detail(said)
            .hint("ask its administrator, or be somebody else: HIPPO_USERNAME and HIPPO_PASSWORD"),
        HippoError::Missing(_) => {
            Error::conflict("somebody removed what was being deployed to")
                .detail(said)
                .hint("run it again: what is gone is made anew")
        }
        HippoError::Unhealthy(_) => Error::unavailable(format!("{host} is not well, so nothing was changed"))
            .detail(said)
            .hint("Hippo needs its Bindle server and Nomad: see to what it names, and run it again"),
        HippoError::Broken {
            health: Some(health),
            ..
        } => Error::unavailable(format!("{host} could not do it: {health}"))
            .detail(said)
            .hint("run it again when that is well: it goes on where it ended"),
        HippoError::Broken { .. } => Error::failed(format!("{host} could not do it, and does not say why"))
            .detail(said)
            .hint(
                "most often that is Nomad or the Bindle server behind Hippo, and its log says which\n\
                 Hippo has to reach the same Bindle server; with PostgreSQL a key of --channel-env has at most 32 characters",
            ),
        HippoError::Invalid { problems, .. } => of_problems(&problems, said, host),
        HippoError::OtherBindle { app, theirs, .. } => Error::conflict(format!(
            "{host} has an app `{app}` already, which runs the bindle `{theirs}`"
        ))
        .hint("it is somebody else's: name yours with --name"),
        HippoError::DomainTaken { .. } => of_domain(said, host),
        HippoError::Overtaken {
            channel,
            ours,
            theirs,
        } => Error::conflict(format!(
            "somebody else changed the channel `{channel}` at the same time"
        ))
        .detail(match theirs {
            Some(theirs) => format!("it runs {theirs} now, not {ours}"),
            None => format!("it does not run {ours}"),
        })
        .hint(format!("run it again where {ours} is the one to run")),
        HippoError::NoRevision { id, known } => {
            Error::not_found(format!("there is no revision `{id}` on {host}")).hint(match known.len() {
                0 => "nothing is deployed there yet".to_owned(),
                _ => format!("there are {}", some(&known)),
            })
        }
        HippoError::Ambiguous { matching, .. } => {
            Error::not_found(said).hint(format!("name one of {}", some(&matching)))
        }
        HippoError::Unnamed {
            channel,
            domain,
            certificate,
        } => of_unnamed(&said, &channel, domain.as_deref(), certificate.as_deref(), host),
        HippoError::Unclear { source, .. } => Error::failed(format!("{host}: {said}"))
            .detail(source.to_string())
            .hint("a Hippo before 0.18 does not say, so the next deploy would take it for one that runs: remove the channel in Hippo first"),
        HippoError::NoApp(app) => Error::not_found(format!("there is no app `{app}` on {host}"))
            .hint("deploy it first"),
        HippoError::NoChannel { .. } => Error::not_found(format!("{said} on {host}"))
            .hint("deploy to it first, or name another one with --channel"),
        HippoError::NoCertificate { name, known } => Error::invalid_option(
            "channel-certificate",
            format!("{host} has no certificate `{name}`"),
        )
        .hint(match known.len() {
            0 => "it has none at all: certificates are added in Hippo".to_owned(),
            _ => format!("it has {}", some(&known)),
        }),
        HippoError::Old(_) => Error::failed(format!("{host}: {said}"))
            .hint("leave it out, or update Hippo"),
    }
}

/// What an option says was right when it was looked at, and the bindle was pushed since: this is no wrong usage.
pub(crate) fn after_push(error: Error) -> Error {
    let Error::InvalidOption((option, mut failure)) = error else {
        return error;
    };
    failure.message = format!("--{option}: {}", failure.message);
    Error::Conflict(failure)
}

/// How many names a hint has.
const MOST_NAMED: usize = 10;

/// The first of these names, as they can be shown.
fn some(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|it| quote(it)).collect();
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What an old Hippo would lose, with the flags that say it again.
fn of_unnamed(
    said: &str,
    channel: &str,
    domain: Option<&str>,
    certificate: Option<&str>,
    host: &str,
) -> Error {
    let option = match domain {
        Some(_) => "channel-domain",
        None => "channel-certificate",
    };
    let flags: Vec<String> = [("domain", domain), ("certificate", certificate)]
        .into_iter()
        .filter_map(|(what, value)| Some(format!("--channel-{what} {}", value?)))
        .collect();
    Error::invalid_option(
        option,
        format!("what the channel `{channel}` has on {host} is to be named again"),
    )
    .detail(said)
    .hint(format!(
        "name it, each time, so that it is not lost should this end in the middle: {}",
        flags.join(" ")
    ))
}

/// What Hippo does not take, under the name of the option that says it. It was asked after the bindle was pushed, so this is no
/// wrong usage of which nothing was sent.
fn of_problems(problems: &[Problem], said: String, host: &str) -> Error {
    let Some(problem) = problems.first() else {
        return Error::failed(format!("{host} does not take it")).detail(said);
    };
    let message = &problem.message;
    let of_channel = said.contains("/api/channel");
    let taken = message.contains("already exists");
    match problem.property.as_str() {
        "StorageId" | "AppStorageId" if message.contains("not found") => unseen(said, host),
        "Domain" if taken => of_domain(said, host),
        "Name" if taken && !of_channel => {
            Error::conflict(format!("the app's name is taken on {host}"))
                .detail(said)
                .hint("deploy it under another name: --name")
        }
        "Domain" => of_option("channel-domain", message, said, host),
        "CertificateId" => of_option("channel-certificate", message, said, host),
        "Name" if of_channel => of_option("channel", message, said, host),
        property if property.to_ascii_lowercase().starts_with("environment") => {
            of_option("channel-env", message, said, host)
        }
        "Name" | "StorageId" | "AppStorageId" => {
            Error::unsupported_app(format!("{host} does not take the app's name: {message}"))
                .detail(said)
                .hint("change `name` in spin.toml, or deploy it under another one with --name")
        }
        "RevisionNumber" => {
            Error::unsupported_app(format!("{host} does not take the app's version: {message}"))
                .detail(said)
                .hint("change `version` in spin.toml, or pass --app-version or --buildinfo")
        }
        _ => Error::failed(format!("{host} does not take it: {message}")).detail(said),
    }
}

/// Hippo refuses what an option says.
fn of_option(option: &str, message: &str, said: String, host: &str) -> Error {
    Error::forbidden(format!("{host} does not take --{option}: {message}"))
        .detail(said)
        .hint(format!(
            "change --{option}, and run it again: what was pushed is there"
        ))
}

/// Another channel has it, as Hippo says or as its list does.
fn of_domain(said: String, host: &str) -> Error {
    Error::conflict(format!(
        "another channel on {host} has the domain of --channel-domain"
    ))
    .detail(said)
    .hint("a domain belongs to one channel: take another one, or remove it there")
}

/// The bindle is on the Bindle server, and Hippo does not see it.
fn unseen(said: String, host: &str) -> Error {
    Error::failed(format!("{host} does not find the app's bindle"))
        .detail(said)
        .hint(
            "either Hippo has another Bindle server than --bindle-server: name that one\n\
             or more than 50 bindles there have the app's name in theirs, and Hippo looks at the first 50 only:\n\
             deploy it under a name that is in no other with --name",
        )
}

#[cfg(test)]
mod tests {
    use spin_deployer_hippo::{Failure, Health};

    use super::*;

    fn invalid(request: &str, property: &str, message: &str) -> Error {
        let said = format!("POST https://hippo.test{request} answered 400: {property}: {message}");
        let problem = Problem {
            property: property.into(),
            message: message.into(),
        };
        of_problems(&[problem], said, "hippo.test")
    }

    #[test]
    fn a_complaint_names_the_option_that_it_is_about() {
        let cases = [
            ("/api/channels", "Domain", "channel-domain"),
            ("/api/channels", "CertificateId", "channel-certificate"),
            ("/api/channels", "Name", "channel"),
            ("/api/channel", "Name", "channel"),
            (
                "/api/channels",
                "EnvironmentVariables[0].Key",
                "channel-env",
            ),
        ];
        for (request, property, expected) in cases {
            let error = invalid(request, property, "is not right");
            // Not wrong usage: by then the bindle was pushed.
            let Error::Forbidden(failure) = error else {
                panic!("{property}: {error:?}");
            };
            assert_eq!(
                failure.message,
                format!("hippo.test does not take --{expected}: is not right")
            );
            assert!(failure.detail.is_some());
        }
    }

    #[test]
    fn names_of_a_server_are_few_and_on_one_line() {
        let known: Vec<String> = (0..99).map(|n| format!("1.0.{n}\n\u{1b}")).collect();
        let id = "2".to_owned();
        let error = of_hippo(HippoError::NoRevision { id, known }, "hippo.test", "https");
        let hint = error.failure().hint.as_deref().unwrap_or_default();
        assert!(hint.ends_with("1.0.9   and 89 more"), "{hint}");
        assert!(!hint.contains(char::is_control), "{hint}");
    }

    #[test]
    fn what_would_be_lost_is_named_with_its_flags() {
        let unnamed = HippoError::Unnamed {
            channel: "spin-deploy".into(),
            domain: Some("shop.example.com".into()),
            certificate: Some("wildcard".into()),
        };
        let error = of_hippo(unnamed, "hippo.test", "https");
        assert!(matches!(&error, Error::InvalidOption((option, _)) if option == "channel-domain"));
        let hint = error.failure().hint.as_deref().unwrap_or_default();
        assert!(
            hint.ends_with("--channel-domain shop.example.com --channel-certificate wildcard"),
            "{hint}"
        );
    }

    #[test]
    fn what_was_right_before_the_push_is_not_wrong_usage_after_it() {
        let name = "wildcard".to_owned();
        let known = Vec::new();
        let gone = HippoError::NoCertificate { name, known };
        let Error::Conflict(failure) = after_push(of_hippo(gone, "hippo.test", "https")) else {
            panic!("no conflict");
        };
        let expected = "--channel-certificate: hippo.test has no certificate `wildcard`";
        assert_eq!(failure.message, expected);
        let error = after_push(Error::failed("x"));
        assert!(matches!(error, Error::Failed(_)));
    }

    #[test]
    fn what_is_taken_is_a_conflict() {
        for (request, property) in [("/api/apps", "Name"), ("/api/channels", "Domain")] {
            let error = invalid(request, property, "The specified name already exists.");
            assert!(matches!(error, Error::Conflict(_)), "{error:?}");
        }
    }

    #[test]
    fn a_bindle_that_hippo_does_not_see_is_explained() {
        let error = invalid(
            "/api/apps",
            "StorageId",
            "Storage ID not found in bindle server",
        );
        let hint = error.failure().hint.as_deref().unwrap_or_default();
        assert!(
            hint.contains("--bindle-server") && hint.contains("first 50"),
            "{hint}"
        );
    }

    #[test]
    fn a_name_says_where_it_can_be_changed() {
        let error = of_name("shop.example", &NameError::Character('.'));
        assert_eq!(
            error.failure().message,
            "Hippo runs no app of the name `shop.example`: it has `.` in it"
        );
        let hint = error.failure().hint.as_deref().unwrap_or_default();
        assert!(
            hint.contains("spin.toml") && hint.contains("--name"),
            "{hint}"
        );
    }

    #[test]
    fn nobody_and_an_old_token_are_asked_to_log_in() {
        for error in [
            HippoError::Anonymous,
            HippoError::Unauthorized(failure(401)),
        ] {
            let error = of_hippo(error, "hippo.test", "https");
            assert!(matches!(error, Error::Unauthenticated(_)), "{error:?}");
        }
    }

    #[test]
    fn a_500_says_what_is_ailing_or_what_it_mostly_is() {
        let health = Health {
            ailing: vec!["Nomad".into()],
            said: String::new(),
        };
        let broken = |health| HippoError::Broken {
            failure: failure(500),
            health,
        };
        let error = of_hippo(broken(Some(health)), "hippo.test", "https");
        assert!(
            matches!(&error, Error::Unavailable(f) if f.message.contains("Nomad is not healthy"))
        );
        let error = of_hippo(broken(None), "hippo.test", "https");
        let hint = error.failure().hint.as_deref().unwrap_or_default();
        assert!(matches!(error, Error::Failed(_)) && hint.contains("Nomad"));
    }

    fn failure(status: u16) -> Failure {
        Failure {
            request: "POST https://hippo.test/api/channels".into(),
            status,
            said: String::new(),
        }
    }
}
