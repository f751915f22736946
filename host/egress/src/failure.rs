//! Why a request brought no answer, in the user's words.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::CertificateError;
use serde::Serialize;
use spin_deployer_manifest::{Origin, counted};

use crate::body::BodyError;
use crate::limits::Limit;
use crate::resolve::AddressRefused;

/// A request that was not let out, as the user sees it: `wanted GET https://a.example/: nobody named that host`.
/// Put the plugin's name in front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusalLine {
    /// `GET`.
    pub method: String,
    /// Without the values of its query.
    pub url: String,
    /// Why.
    pub reason: String,
    /// The rule that would allow it, or the line of a policy with who could add it, as TOML, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wanted {} {}: {}", self.method, self.url, self.reason)
    }
}

/// Rounded up.
fn whole_seconds(time: Duration) -> u64 {
    let more = u64::from(time.subsec_nanos() > 0);
    time.as_secs().saturating_add(more)
}

/// Why [`Session::send`](crate::Session::send) has no answer. No variant holds a secret or a query.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not let out. The guest gets `HTTP-request-denied`. Its body is dropped, as far as it was not read.
    #[error("{0}")]
    Refused(RefusalLine),
    /// It breaks a limit of the session.
    #[error("{limit}")]
    Limit {
        /// Which one.
        limit: Limit,
        /// Whether anything of it may have left.
        sent: bool,
    },
    /// The name could not be resolved.
    #[error("cannot find {host}: {cause}")]
    Dns {
        /// Without the port.
        host: String,
        /// What the system says.
        cause: String,
    },
    /// No connection.
    #[error("cannot connect to {origin}: {cause}")]
    Connect {
        /// `https://ghcr.io`.
        origin: String,
        /// What the system says.
        cause: String,
    },
    /// A connection, and nobody to trust at its other end.
    #[error("cannot trust {origin}: {cause}")]
    Tls {
        /// `https://ghcr.io`.
        origin: String,
        /// In words: `nobody this machine trusts has signed its certificate`.
        cause: String,
    },
    /// No answer in time.
    #[error("{origin} did not answer within {}", counted(whole_seconds(*after), "second"))]
    Timeout {
        /// `https://ghcr.io`.
        origin: String,
        /// How long was waited.
        after: Duration,
    },
    /// More than a server has to say, whatever the limits.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// `the answer of the registry's token service`.
        what: &'static str,
        /// In bytes.
        limit: u64,
    },
    /// Something in the answer is hidden from the guest, and where it stands cannot be known.
    #[error(
        "the answer to {request} is given to nobody, because something in it is to be hidden: {why}"
    )]
    Opaque {
        /// `POST https://a.example/api/auth-tokens`, without the values of the query.
        request: String,
        /// `it has more than 1048576 bytes`
        why: String,
    },
    /// The request's body could not be sent to its end.
    #[error(transparent)]
    Body(BodyError),
    /// What came is no HTTP.
    #[error("what {origin} answers is no HTTP: {cause}")]
    NotHttp {
        /// `https://ghcr.io`.
        origin: String,
        /// What was wrong.
        cause: String,
    },
    /// The connection broke.
    #[error("the exchange with {origin} failed: {cause}")]
    Protocol {
        /// `https://ghcr.io`.
        origin: String,
        /// What was wrong.
        cause: String,
    },
    /// This side is not able to send.
    #[error(transparent)]
    Setup(crate::Error),
}

impl SendError {
    /// Of a request's body that could not be read or sent to its end.
    pub(crate) fn of_body(error: BodyError) -> Self {
        match error {
            BodyError::Limit(limit) => Self::Limit { limit, sent: true },
            other => Self::Body(other),
        }
    }
}

/// What the client's error is about.
pub(crate) enum Cause {
    /// The name leads where this request may not go.
    Address(AddressRefused),
    Failed(SendError),
}

/// Sorts an error of the client by what lies at its root.
pub(crate) fn cause(error: &reqwest::Error, to: &Origin, roots: Option<&str>) -> Cause {
    let origin = to.to_string();
    if let Some(refused) = find::<AddressRefused>(error) {
        return Cause::Address(refused.clone());
    }
    let cause = root_cause(error);
    Cause::Failed(if let Some(tls) = find::<rustls::Error>(error) {
        SendError::Tls {
            origin,
            cause: in_words(tls, roots),
        }
    } else if let Some(body) = find::<BodyError>(error) {
        SendError::of_body(again(body))
    } else if error.is_timeout() {
        SendError::Timeout {
            origin,
            after: crate::limits::CONNECT,
        }
    } else if error.is_dns() {
        SendError::Dns {
            host: to.host.to_string(),
            cause,
        }
    } else if error.is_connect() {
        SendError::Connect { origin, cause }
    } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        SendError::NotHttp { origin, cause }
    } else {
        SendError::Protocol { origin, cause }
    })
}

/// The last error of the chain: what it began with. The ones above it repeat the URL.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut last: &(dyn StdError + 'static) = error;
    while let Some(next) = below(last) {
        last = next;
    }
    last.to_string()
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |error| below(*error)).find_map(|error| error.downcast_ref())
}

/// The next error of a chain. `io::Error` passes over the error that it wraps, and rustls is wrapped so.
fn below<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The error sits inside the client's and cannot be moved out.
fn again(error: &BodyError) -> BodyError {
    match error {
        BodyError::Length { announced, longer } => BodyError::Length {
            announced: *announced,
            longer: *longer,
        },
        BodyError::Limit(limit) => BodyError::Limit(*limit),
        BodyError::Timeout { after } => BodyError::Timeout { after: *after },
        BodyError::Connection(cause) => BodyError::Connection(cause.clone()),
        BodyError::Source(source) => BodyError::Source(source.to_string().into()),
    }
}

fn in_words(error: &rustls::Error, roots: Option<&str>) -> String {
    let words = match error {
        rustls::Error::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => {
                let remedy =
                    "a private authority goes into the system's store or into SSL_CERT_FILE";
                let roots = roots.map(|roots| format!("; {roots}")).unwrap_or_default();
                return format!(
                    "nobody this machine trusts has signed its certificate ({remedy}{roots})"
                );
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet; is the clock of this machine right?"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            CertificateError::Revoked => "its certificate has been revoked",
            other => return format!("its certificate cannot be used: {other}"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS; is it an http:// address?",
        rustls::Error::AlertReceived(alert) => {
            return format!("it refused the connection with the TLS alert {alert:?}");
        }
        other => return other.to_string(),
    };
    words.to_owned()
}
