//! The distribution protocol over `wasi:http`.

use std::time::{Duration, SystemTime};

use spin_deployer_oci::{Body, Request, Response, Transport, TransportError, TransportFailure};
use spin_deployer_sdk::app;
use spin_deployer_sdk::http::{self, Cause, Client};

/// Enough for a token or a list of errors.
const LONGEST_BODY: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct WasiHttp;

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
            body: answer.head(LONGEST_BODY).await.map_err(failure)?,
        })
    }

    async fn sleep(&self, duration: Duration) {
        spin_deployer_sdk::sleep(duration).await;
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
