//! What a user reads where the other end did not answer, or not like what it should be.

use std::time::Duration;

use spin_deployer_publish::{Failure, TransportError, TransportFailure};

use crate::Error;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// What it should be, behind "a": `registry`.
    pub kind: &'a str,
    /// As the user wrote it: `ghcr.io`.
    pub host: &'a str,
    /// Where requests go: `https://ghcr.io`.
    pub origin: &'a str,
}

impl Peer<'_> {
    /// Why there was no answer to `request`.
    pub fn unanswered(&self, request: &str, source: TransportError) -> Error {
        let Self { kind, host, .. } = self;
        match source.failure {
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
                self.somebody_else(format!("{request}: {}", source.reason))
            }
            TransportFailure::Unreachable => {
                Error::unavailable(format!("{host} cannot be reached"))
                    .detail(format!("{request}: {}", source.reason))
                    .hint(format!("is the {kind} running, and its name right?"))
            }
            TransportFailure::Broken => {
                Error::unavailable(format!("the connection to {host} does not hold"))
                    .detail(format!("{request}: {}", source.reason))
                    .hint(format!(
                        "run it again: what the {kind} has by then is not sent again"
                    ))
            }
        }
    }

    /// It is overloaded, or out of order for now.
    pub fn busy(&self, failure: &Failure, retry_after: Option<Duration>) -> Error {
        let Self { kind, host, .. } = self;
        let message = match failure.status {
            429 => format!("{host} had too many requests"),
            _ => format!("{host} is out of order"),
        };
        let error = Error::unavailable(message).detail(failure.to_string());
        match retry_after {
            Some(pause) => error.hint(format!(
                "it asks to come back in {} seconds",
                pause.as_secs()
            )),
            None => error.hint(format!(
                "run it again later: what the {kind} has by then is not sent again"
            )),
        }
    }

    /// What it said is not what one of its kind says.
    pub fn somebody_else(&self, said: String) -> Error {
        let Self { kind, host, origin } = self;
        let (this, other) = if origin.starts_with("https:") {
            ("TLS", "http")
        } else {
            ("plain HTTP", "https")
        };
        Error::failed(format!("{host} does not answer like a {kind}"))
            .detail(said)
            .hint(format!(
                "is that a {kind}? It was asked over {this}; for the other way: {other}://{host}/…"
            ))
    }
}
