//! What the protocols need of the world.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode};

use crate::Digest;

/// A way to a server. A plugin's is `wasi:http`, the host's is its own way out, a test's is a script.
pub trait Transport {
    /// Sends one request and returns its answer, whatever its status. No redirect is followed, nothing is tried again.
    /// An answer that comes before the body is sent is returned as that answer.
    fn send(&self, request: Request<'_>) -> impl Future<Output = Result<Response, TransportError>>;

    /// As [`Transport::send`], but a body that `sink` wants goes there piece by piece, and [`Response::body`] stays
    /// empty. Who only pushes need not have it.
    fn receive(
        &self,
        request: Request<'_>,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<Response, TransportError>> {
        let _ = sink;
        let reason = format!("{} is not received here", request.url);
        async {
            Err(TransportError {
                failure: TransportFailure::Protocol,
                reason,
            })
        }
    }

    /// Whether errors may repeat what the body of an answer says. Not where somebody else chose the address than who may
    /// read what is there: an error may end up in a log that everybody reads. Then only codes of the protocol are repeated.
    fn may_be_quoted(&self) -> bool {
        true
    }

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;

    /// The time, for `Retry-After` and for how long tokens live.
    fn now(&self) -> SystemTime;
}

/// Where the body of an answer goes.
pub trait Sink {
    /// Whether the body behind this head is to come here.
    fn wants(&mut self, status: StatusCode, headers: &HeaderMap) -> bool;

    /// Takes the next piece. `false`: no more of them, the answer is over.
    fn take(&mut self, bytes: &[u8]) -> bool;
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Its URL, absolute.
    pub url: String,
    /// Its headers; `Content-Length` is the transport's.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body<'a>,
}

/// The body of a request.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// No body.
    Empty,
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// Part of a content that the transport knows by its digest.
    Content {
        /// Which.
        digest: &'a Digest,
        /// The first byte to send.
        offset: u64,
        /// How many bytes to send.
        length: u64,
    },
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or its beginning: as much as the transport reads.
    pub body: Vec<u8>,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TransportError {
    /// What kind of failure it is.
    pub failure: TransportFailure,
    /// In words.
    pub reason: String,
}

/// Kinds of failures without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFailure {
    /// The request was not let out.
    Refused,
    /// The host's name is unknown, or nobody listens there.
    Unreachable,
    /// TLS failed.
    Tls,
    /// No answer in time, or the connection broke.
    Broken,
    /// What answers does not speak HTTP.
    Protocol,
    /// What was to be sent could not be read.
    Content,
}

impl TransportError {
    /// Whether the same request may succeed a moment later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.failure,
            TransportFailure::Unreachable | TransportFailure::Broken
        )
    }
}
