//! Why there was no answer.

use std::fmt;

use wasip2::http::types::ErrorCode;

/// A request that was not answered, or whose answer could not be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{request}: {cause}")]
pub struct Error {
    /// What was asked, without its query.
    pub request: String,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The host did not let it out: no rule of the plugin's, or no grant of the user's, covers it.
    Refused,
    /// The host's name is unknown.
    Dns,
    /// Nobody listens there, or not in time.
    Connect,
    /// TLS failed: a certificate that nobody knows, or no TLS on the other side.
    Tls(String),
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Broken(String),
    /// The other side does not speak HTTP as it should.
    Protocol,
    /// The answer is larger than what the plugin, or the host, reads.
    TooLarge,
    /// The content could not be read: most often a file that changed since the host hashed it.
    Content(String),
    /// The answer is not what was expected.
    Nonsense(String),
    /// The request itself is impossible.
    Invalid(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused by the sandbox"),
            Self::Dns => f.write_str("the name is unknown"),
            Self::Connect => f.write_str("nobody answers there"),
            Self::Tls(reason) => write!(f, "TLS failed: {reason}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Broken(reason) => write!(f, "the connection broke: {reason}"),
            Self::Protocol => f.write_str("what answers is no HTTP"),
            Self::TooLarge => f.write_str("the answer is too large"),
            Self::Content(reason) => write!(f, "what was to be sent could not be read: {reason}"),
            Self::Nonsense(reason) => write!(f, "the answer cannot be understood: {reason}"),
            Self::Invalid(reason) => f.write_str(reason),
        }
    }
}

impl Cause {
    pub(super) fn of(code: ErrorCode) -> Self {
        match code {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Self::Refused,
            ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
                Self::Dns
            }
            ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable => Self::Connect,
            ErrorCode::TlsProtocolError => Self::Tls("the other side speaks no TLS".to_owned()),
            ErrorCode::TlsCertificateError => {
                Self::Tls("its certificate is not trusted".to_owned())
            }
            ErrorCode::TlsAlertReceived(alert) => Self::Tls(
                alert
                    .alert_message
                    .unwrap_or_else(|| "the other side broke off".to_owned()),
            ),
            ErrorCode::ConnectionReadTimeout
            | ErrorCode::ConnectionWriteTimeout
            | ErrorCode::HttpResponseTimeout => Self::Timeout,
            ErrorCode::HttpProtocolError => Self::Protocol,
            ErrorCode::HttpResponseBodySize(_)
            | ErrorCode::HttpResponseHeaderSectionSize(_)
            | ErrorCode::HttpResponseHeaderSize(_) => Self::TooLarge,
            ErrorCode::ConnectionTerminated => Self::Broken("it was closed".to_owned()),
            ErrorCode::InternalError(reason) => {
                Self::Broken(reason.unwrap_or_else(|| "the host does not say why".to_owned()))
            }
            other => Self::Broken(format!("{other:?}")),
        }
    }
}

impl From<Error> for crate::Error {
    fn from(error: Error) -> Self {
        let asked = error.request;
        let unavailable = |reason: &dyn fmt::Display| {
            Self::unavailable(format!("{asked} got no answer")).detail(reason.to_string())
        };
        match &error.cause {
            Cause::Refused => Self::failed(format!("the sandbox refused {asked}"))
                .hint("the plugin may only talk to places that you named or granted"),
            cause @ (Cause::Dns | Cause::Connect | Cause::Timeout | Cause::Broken(_)) => {
                unavailable(cause)
            }
            Cause::Content(reason) => Self::failed("a file could not be sent")
                .detail(reason.clone())
                .hint("do not change the application while it is being deployed"),
            cause => Self::failed(format!("{asked} failed")).detail(cause.to_string()),
        }
    }
}
