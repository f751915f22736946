//! The distribution protocol over the host's own way out.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use spin_deployer_egress::{BodyError, SendError, Session, Timeouts};
use spin_deployer_oci::{
    Body, Request, Response, Sink, Transport, TransportError, TransportFailure,
};

/// What is kept of a body that nobody wants: enough for a token or a list of errors.
const HEAD: usize = 64 << 10;

/// A session as the protocol sees it.
pub(crate) struct Way(pub(crate) Arc<Session>);

impl Way {
    async fn exchange(
        &self,
        request: Request<'_>,
        sink: Option<&mut dyn Sink>,
    ) -> Result<Response, TransportError> {
        let body = match request.body {
            Body::Empty => Bytes::new(),
            Body::Bytes(bytes) => Bytes::copy_from_slice(bytes),
            Body::Content { digest, .. } => {
                let reason = format!("{digest} is not sent from here");
                return Err(error(TransportFailure::Content, reason));
            }
        };
        let mut outgoing = http::Request::new(
            Full::new(body)
                .map_err(|never| match never {})
                .boxed_unsync(),
        );
        *outgoing.method_mut() = request.method;
        *outgoing.headers_mut() = request.headers;
        *outgoing.uri_mut() = request.url.parse().map_err(|_| {
            let reason = format!("`{}` is no URL", request.url);
            error(TransportFailure::Protocol, reason)
        })?;
        let answer = self.0.send(outgoing, Timeouts::default()).await;
        let (parts, mut body) = answer.map_err(|error| of_send(&error))?.into_parts();
        let mut sink =
            sink.and_then(|sink| sink.wants(parts.status, &parts.headers).then_some(sink));
        let mut kept = Vec::new();
        // What was announced may be too much already, and may never come.
        let enough = sink.as_mut().is_some_and(|sink| !sink.take(&[]));
        while !enough && let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| of_body(&error))?.into_data() else {
                continue;
            };
            let more = match &mut sink {
                Some(sink) => sink.take(&data),
                None => {
                    let room = HEAD - kept.len();
                    kept.extend_from_slice(&data[..data.len().min(room)]);
                    kept.len() < HEAD
                }
            };
            if !more {
                break;
            }
        }
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body: kept,
        })
    }
}

impl Transport for Way {
    async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        self.exchange(request, None).await
    }

    async fn receive(
        &self,
        request: Request<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Response, TransportError> {
        self.exchange(request, Some(sink)).await
    }

    /// An app named the address, and may be read by more people, and run by others, than what is there.
    fn may_be_quoted(&self) -> bool {
        false
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

fn error(failure: TransportFailure, reason: String) -> TransportError {
    TransportError { failure, reason }
}

fn of_send(cause: &SendError) -> TransportError {
    let failure = match cause {
        SendError::Refused(line) => {
            return error(TransportFailure::Refused, line.reason.clone());
        }
        SendError::Body(body) => return of_body(body),
        SendError::Dns { .. } | SendError::Connect { .. } => TransportFailure::Unreachable,
        SendError::Tls { .. } => TransportFailure::Tls,
        SendError::Timeout { .. } | SendError::Protocol { .. } => TransportFailure::Broken,
        SendError::Limit { limit, .. } => {
            return error(TransportFailure::Protocol, format!("it {limit}"));
        }
        SendError::TooLarge { .. }
        | SendError::Opaque { .. }
        | SendError::NotHttp { .. }
        | SendError::Setup(_) => TransportFailure::Protocol,
    };
    error(failure, cause.to_string())
}

fn of_body(cause: &BodyError) -> TransportError {
    let failure = match cause {
        BodyError::Connection(_) | BodyError::Timeout { .. } => TransportFailure::Broken,
        BodyError::Limit(limit) => {
            return error(TransportFailure::Protocol, format!("it {limit}"));
        }
        BodyError::Length { .. } | BodyError::Source(_) => TransportFailure::Protocol,
    };
    error(failure, cause.to_string())
}
