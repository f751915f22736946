//! Bodies on their way through: counted, bounded, and never held in memory beyond a small one.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use spin_deployer_manifest::counted;
use tokio::time::{Instant, Sleep};

use crate::audit::Record;
use crate::limits::{Account, Limit, LimitKind};

/// The body of a request or an answer.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The guest announced another length than it delivered.
    #[error("the body has {} bytes than the {announced} that were announced", if *longer { "more" } else { "fewer" })]
    Length {
        /// What `content-length` said.
        announced: u64,
        /// More than that, or fewer.
        longer: bool,
    },
    /// It breaks a limit of the session.
    #[error("{0}")]
    Limit(Limit),
    /// The other side fell silent.
    #[error("nothing came for {}", counted(after.as_secs(), "second"))]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Connection(String),
    /// Whoever gave the body could not go on.
    #[error(transparent)]
    Source(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// A body that is all there.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body read as far as it had to be to know whether it is small.
pub(crate) enum Read {
    /// All of it.
    Whole(Bytes),
    /// More than that: a body that delivers what was read and the rest.
    Larger(Body),
}

/// Reads up to `limit` bytes.
pub(crate) async fn read(mut body: Body, limit: usize) -> Result<Read, BodyError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        read.extend_from_slice(&data);
        if read.len() > limit {
            let start = futures_util::stream::once(async { Ok(Frame::data(read.freeze())) });
            let rest = futures_util::stream::unfold(body, |mut body| async {
                body.frame().await.map(|frame| (frame, body))
            });
            let both = futures_util::StreamExt::chain(start, rest);
            return Ok(Read::Larger(StreamBody::new(both).boxed_unsync()));
        }
    }
    Ok(Read::Whole(read.freeze()))
}

/// How far a request's body has come, for whoever waits for the answer.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    started: Instant,
    /// Milliseconds from the start to the last piece that was sent.
    last: Arc<AtomicU64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            last: Arc::default(),
        }
    }

    fn moved(&self) {
        let elapsed = self.started.elapsed().as_millis();
        self.last
            .store(u64::try_from(elapsed).unwrap_or(u64::MAX), Relaxed);
    }

    /// When the last piece was sent, or the request began.
    pub(crate) fn last(&self) -> Instant {
        self.started + Duration::from_millis(self.last.load(Relaxed))
    }
}

/// A request's body on its way to the client, with exactly the length that was announced.
pub(crate) struct Outgoing {
    pub(crate) body: Body,
    pub(crate) announced: Option<u64>,
    pub(crate) sent: Arc<AtomicU64>,
    pub(crate) progress: Progress,
    pub(crate) account: Arc<Account>,
}

impl Stream for Outgoing {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let sent = self.sent.load(Relaxed);
            let announced = self.announced.unwrap_or(sent);
            let wrong = |longer| Poll::Ready(Some(Err(BodyError::Length { announced, longer })));
            let data = match frame {
                None if sent < announced => return wrong(false),
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => continue,
                    Ok(data) => data,
                    // Trailers: nobody here has a use for them.
                    Err(_) => continue,
                },
            };
            let length = data.len() as u64;
            if self.announced.is_some() && sent + length > announced {
                return wrong(true);
            }
            self.sent.fetch_add(length, Relaxed);
            self.progress.moved();
            if let Err(limit) = self.account.sent(length) {
                return Poll::Ready(Some(Err(BodyError::Limit(limit))));
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }
}

/// An answer's body on its way to the guest. The request's audit entry ends with it.
pub(crate) struct Incoming<B> {
    /// `None` once the body has ended, well or not: nobody waits for the guest to let go of it, and where it is not at its
    /// end the connection is closed.
    body: Option<B>,
    account: Arc<Account>,
    /// `None` once the body has ended.
    record: Option<Record>,
    wait: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl<B> Incoming<B> {
    pub(crate) fn new(body: B, account: Arc<Account>, record: Record, wait: Duration) -> Self {
        let until = wait.min(account.left());
        Self {
            body: Some(body),
            account,
            record: Some(record),
            wait,
            sleep: Box::pin(tokio::time::sleep(until)),
        }
    }

    /// The other side fell silent, or the session's time is over.
    fn silence(&self) -> BodyError {
        if self.account.left().is_zero() {
            BodyError::Limit(self.account.limit(LimitKind::Time))
        } else {
            BodyError::Timeout { after: self.wait }
        }
    }

    /// One more piece is there.
    fn count(&mut self, record: &Record, length: usize) -> Result<(), BodyError> {
        let left = self.account.left();
        if left.is_zero() {
            return Err(self.silence());
        }
        let until = Instant::now() + self.wait.min(left);
        self.sleep.as_mut().reset(until);
        let length = length as u64;
        let so_far = record.received(length);
        self.account
            .received(length, so_far)
            .map_err(BodyError::Limit)
    }
}

impl<B> http_body::Body for Incoming<B>
where
    B: http_body::Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let (Some(record), Some(mut body)) = (this.record.take(), this.body.take()) else {
            return Poll::Ready(None);
        };
        let error = loop {
            match Pin::new(&mut body).poll_frame(cx) {
                Poll::Pending => match this.sleep.as_mut().poll(cx) {
                    Poll::Ready(()) => break this.silence(),
                    Poll::Pending => {
                        (this.record, this.body) = (Some(record), Some(body));
                        return Poll::Pending;
                    }
                },
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => break error.into(),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are headers that nobody has looked at.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    match this.count(&record, data.len()) {
                        Err(error) => break error,
                        Ok(()) => {
                            (this.record, this.body) = (Some(record), Some(body));
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                    }
                }
            }
        };
        match &error {
            BodyError::Limit(limit) => record.limit(*limit),
            other => record.failed(other),
        }
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), B::size_hint)
    }
}

impl From<reqwest::Error> for BodyError {
    fn from(error: reqwest::Error) -> Self {
        Self::Connection(crate::failure::root_cause(&error))
    }
}
