//! Protocols over `wasi:http`, for the crates that speak one over any transport.

use std::time::{Duration, SystemTime};

use spin_deployer_publish::{Body, Request, Response, Transport, TransportError, TransportFailure};

use crate::app;
use crate::http::{self, Cause, Client};

mod peer;

pub use peer::Peer;

/// The host's way out. A content of the app goes from its disk to the wire, and never through the plugin's memory.
#[derive(Debug)]
pub struct WasiHttp {
    /// How much of the body of an answer is read, in bytes.
    pub longest_body: usize,
}

/// Of answers that are tokens or lists of errors.
impl Default for WasiHttp {
    fn default() -> Self {
        Self {
            longest_body: 64 << 10,
        }
    }
}

impl Transport for WasiHttp {
    async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        let content = match request.body {
            Body::Content { digest, .. } => {
                Some(app::open(digest.as_str()).map_err(|error| TransportError {
                    failure: TransportFailure::Content,
                    reason: error.failure().message.clone(),
                })?)
            }
            _ => None,
        };
        let body = match (request.body, &content) {
            (Body::Content { offset, length, .. }, Some(content)) => http::Body::Content {
                content,
                offset,
                length,
            },
            (Body::Bytes(bytes), _) => http::Body::Bytes(bytes.to_vec()),
            _ => http::Body::Empty,
        };
        let mut outgoing = http::Request::new(body);
        *outgoing.method_mut() = request.method;
        *outgoing.headers_mut() = request.headers;
        *outgoing.uri_mut() = request.url.parse().map_err(|_| TransportError {
            failure: TransportFailure::Protocol,
            reason: format!("`{}` is no URL", request.url),
        })?;
        let answer = Client::default().send(outgoing).await.map_err(failure)?;
        Ok(Response {
            status: answer.status,
            headers: answer.headers.clone(),
            body: answer.head(self.longest_body).await.map_err(failure)?,
        })
    }

    async fn sleep(&self, duration: Duration) {
        crate::sleep(duration).await;
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

fn failure(error: http::Error) -> TransportError {
    let failure = match error.cause {
        Cause::Refused => TransportFailure::Refused,
        Cause::Dns | Cause::Connect => TransportFailure::Unreachable,
        Cause::Tls(_) => TransportFailure::Tls,
        Cause::Timeout | Cause::Broken(_) => TransportFailure::Broken,
        Cause::Content(_) => TransportFailure::Content,
        Cause::Protocol | Cause::TooLarge | Cause::Nonsense(_) | Cause::Invalid(_) => {
            TransportFailure::Protocol
        }
    };
    TransportError {
        failure,
        reason: error.cause.to_string(),
    }
}
