//! What went wrong, in the user's words, and what to do next.

use spin_deployer_oci::{Error as RegistryError, Failure, TransportFailure};
use spin_deployer_sdk::Error;

/// `host` is the registry as the user wrote it, `origin` where requests go, `name` registry and repository.
pub(crate) fn of_registry(error: RegistryError, host: &str, origin: &str, name: &str) -> Error {
    let said = error.to_string();
    match error {
        RegistryError::Transport { request, source } => match source.failure {
            TransportFailure::Refused => {
                Error::failed(format!("the sandbox refused {request}")).detail(source.reason)
            }
            TransportFailure::Content => Error::failed("a file of the app could not be sent")
                .detail(source.reason)
                .hint("do not change the app while it is being deployed"),
            TransportFailure::Tls => Error::failed(format!("no secure connection to {host}"))
                .detail(format!("{request}: {}", source.reason))
                .hint(format!(
                    "if {host} speaks plain HTTP, say so: http://{host}/…; if its certificate is \
                     from an authority of your own, name that in SSL_CERT_FILE"
                )),
            TransportFailure::Protocol => {
                Error::failed(format!("{host} does not answer like a registry"))
                    .detail(format!("{request}: {}", source.reason))
                    .hint(other_scheme(host, origin))
            }
            TransportFailure::Unreachable => {
                Error::unavailable(format!("{host} cannot be reached"))
                    .detail(format!("{request}: {}", source.reason))
                    .hint("is the registry running, and its name right?")
            }
            TransportFailure::Broken => {
                Error::unavailable(format!("the connection to {host} does not hold"))
                    .detail(format!("{request}: {}", source.reason))
                    .hint("run it again: what the registry has by then is not sent again")
            }
        },
        RegistryError::Unauthorized {
            credential: true, ..
        } => Error::unauthenticated(format!(
            "{host} does not accept the user name and password that it was shown"
        ))
        .detail(said)
        .hint(login(host)),
        RegistryError::Unauthorized { .. } => Error::unauthenticated(format!(
            "{host} wants to know who is asking, and no credentials for it were found"
        ))
        .detail(said)
        .hint(login(host)),
        RegistryError::Denied(_) => Error::forbidden(format!(
            "{host} does not let you push to {name}"
        ))
        .detail(said)
        .hint(format!(
            "ask for the right to push to {name}, or log in as someone else: docker login {host}"
        )),
        RegistryError::Name(_) => Error::not_found(format!("{host} has no repository {name}"))
            .detail(said)
            .hint("some registries want a repository to be created before the first push"),
        RegistryError::TooLarge(_) => {
            Error::unsupported_app(format!("{host} takes no layers of this size")).detail(said)
        }
        RegistryError::Busy {
            failure,
            retry_after,
        } => busy(failure, retry_after.map(|d| d.as_secs()), host),
        RegistryError::Damaged(_) | RegistryError::Digest { .. } => Error::failed(format!(
            "what {host} received is not what was sent"
        ))
        .detail(said)
        .hint("run it again; if it stays so, something between here and there changes requests"),
        RegistryError::MissingBlob(_) => {
            Error::failed(format!("{host} lost layers that it had taken"))
                .detail(said)
                .hint("run it again")
        }
        RegistryError::Nonsense { .. } => {
            Error::failed(format!("{host} does not answer like a registry"))
                .detail(said)
                .hint(other_scheme(host, origin))
        }
        RegistryError::Rejected(_) => {
            Error::failed(format!("{host} does not take the app")).detail(said)
        }
    }
}

fn busy(failure: Failure, seconds: Option<u64>, host: &str) -> Error {
    let message = match failure.status {
        429 => format!("{host} had too many requests"),
        _ => format!("{host} is out of order"),
    };
    let error = Error::unavailable(message).detail(failure.to_string());
    match seconds {
        Some(seconds) => error.hint(format!("it asks to come back in {seconds} seconds")),
        None => error.hint("run it again later: what the registry has by then is not sent again"),
    }
}

fn login(host: &str) -> String {
    format!("docker login {host}, or: spin registry login {host}")
}

fn other_scheme(host: &str, origin: &str) -> String {
    let (this, other) = if origin.starts_with("https:") {
        ("TLS", "http")
    } else {
        ("plain HTTP", "https")
    };
    format!("is that a registry? It was asked over {this}; for the other way: {other}://{host}/…")
}
