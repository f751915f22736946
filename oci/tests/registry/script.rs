//! A registry that follows a script: each request must be the one that the script expects next, and gets its answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use spin_deployer_oci::{
    Body, Request, Response, Sink, Transport, TransportError, TransportFailure,
};

pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The connection breaks before an answer.
    Broken,
    /// Nobody listens.
    Unreachable,
}

pub(crate) struct Expected {
    /// `PUT /v2/a/b/blobs/uploads/1?digest=…`; a `*` at the end stands for the rest.
    request: &'static str,
    /// `offset..end` of the content or bytes that the body carries.
    body: Option<(u64, u64)>,
    headers: Vec<(&'static str, String)>,
    reply: Reply,
    breaks: bool,
}

/// A request that is expected, to be completed.
pub(crate) fn on(request: &'static str) -> Expected {
    Expected {
        request,
        body: None,
        headers: Vec::new(),
        reply: Reply::Broken,
        breaks: false,
    }
}

impl Expected {
    pub(crate) fn with_body(mut self, offset: u64, end: u64) -> Self {
        self.body = Some((offset, end));
        self
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(crate) fn answers(mut self, status: u16) -> Self {
        self.reply = Reply::Answer(status, Vec::new(), String::new());
        self
    }

    pub(crate) fn header(mut self, header: &'static str, value: impl Into<String>) -> Self {
        if let Reply::Answer(_, headers, _) = &mut self.reply {
            headers.push((header, value.into()));
        }
        self
    }

    pub(crate) fn body(mut self, text: impl Into<String>) -> Self {
        if let Reply::Answer(_, _, body) = &mut self.reply {
            *body = text.into();
        }
        self
    }

    pub(crate) fn breaks(mut self) -> Self {
        self.reply = Reply::Broken;
        self
    }

    /// The connection breaks behind the body, which is to be received.
    pub(crate) fn and_breaks(mut self) -> Self {
        self.breaks = true;
        self
    }

    pub(crate) fn unreachable(mut self) -> Self {
        self.reply = Reply::Unreachable;
        self
    }
}

pub(crate) struct Script {
    expected: RefCell<VecDeque<Expected>>,
    pub(crate) slept: RefCell<Vec<Duration>>,
    pub(crate) epoch: SystemTime,
}

impl Script {
    pub(crate) fn new(expected: impl IntoIterator<Item = Expected>) -> Self {
        Self {
            expected: RefCell::new(expected.into_iter().collect()),
            slept: RefCell::default(),
            epoch: SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777),
        }
    }

    /// That everything happened that was to happen.
    pub(crate) fn finished(&self) {
        let left: Vec<&str> = self.expected.borrow().iter().map(|e| e.request).collect();
        assert!(left.is_empty(), "never asked: {left:?}");
    }
}

impl Script {
    fn answer(&self, request: Request<'_>) -> Result<(Response, bool), TransportError> {
        let path = request
            .url
            .strip_prefix("https://reg.test")
            .unwrap_or(&request.url);
        let asked = format!("{} {path}", request.method);
        let Some(expected) = self.expected.borrow_mut().pop_front() else {
            panic!("asked for more than the script has: {asked}");
        };
        match expected.request.strip_suffix('*') {
            Some(start) => assert!(asked.starts_with(start), "{asked} is not {start}…"),
            None => assert_eq!(asked, expected.request),
        }
        let body = match request.body {
            Body::Empty => None,
            Body::Bytes(bytes) => Some((0, bytes.len() as u64)),
            Body::Content { offset, length, .. } => Some((offset, offset + length)),
        };
        assert_eq!(body, expected.body, "body of {asked}");
        for (name, value) in &expected.headers {
            let sent = request.headers.get(*name).map(|v| v.to_str().unwrap());
            let wanted = (!value.is_empty()).then_some(value.as_str());
            assert_eq!(sent, wanted, "{name} of {asked}");
        }
        let broken = |failure| TransportError {
            failure,
            reason: "as the script says".to_owned(),
        };
        match expected.reply {
            Reply::Broken => Err(broken(TransportFailure::Broken)),
            Reply::Unreachable => Err(broken(TransportFailure::Unreachable)),
            Reply::Answer(status, headers, body) => {
                let headers = headers
                    .into_iter()
                    .map(|(name, value)| {
                        (
                            HeaderName::from_static(name),
                            HeaderValue::try_from(value).unwrap(),
                        )
                    })
                    .collect::<HeaderMap>();
                let response = Response {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers,
                    body: body.into_bytes(),
                };
                Ok((response, expected.breaks))
            }
        }
    }
}

impl Transport for &Script {
    async fn send(&self, request: Request<'_>) -> Result<Response, TransportError> {
        Ok(self.answer(request)?.0)
    }

    async fn receive(
        &self,
        request: Request<'_>,
        sink: &mut dyn Sink,
    ) -> Result<Response, TransportError> {
        let (mut response, breaks) = self.answer(request)?;
        if sink.wants(response.status, &response.headers) {
            let body = std::mem::take(&mut response.body);
            // In small pieces, as a network has them.
            let _ = body.chunks(3).all(|piece| sink.take(piece));
        }
        if breaks {
            return Err(TransportError {
                failure: TransportFailure::Broken,
                reason: "as the script says".to_owned(),
            });
        }
        Ok(response)
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.borrow_mut().push(duration);
    }

    fn now(&self) -> SystemTime {
        self.epoch + self.slept.borrow().iter().sum()
    }
}

/// Runs a future that never waits for anything outside of the script.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..10_000 {
        if let std::task::Poll::Ready(result) = future.as_mut().poll(&mut context) {
            return result;
        }
    }
    panic!("the future waits for ever");
}
