//! `wasi:http` on top of the [`Network`] port.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ::http::{Request, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::content::CHUNK;
use crate::{Network, NetworkError, Timeouts};

type Ending = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(Response<WasiBody>, Ending), Error>;

/// Hands requests over. Which may leave is not decided here.
pub(crate) struct Hooks {
    pub(crate) network: Arc<dyn Network>,
    /// When the call's time is up.
    pub(crate) deadline: Option<Instant>,
}

impl Hooks {
    /// A plugin's timeout is at least a millisecond and at most what is left. None stays none: the call has a deadline
    /// of its own.
    fn clamp(&self, timeout: Option<Duration>) -> Option<Duration> {
        let shortest = Duration::from_millis(1);
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()));
        timeout.map(|timeout| timeout.min(left.unwrap_or(timeout)).max(shortest))
    }
}

impl WasiHttpHooks for Hooks {
    /// The sender knows the host from the address.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Ending,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let network = self.network.clone();
        let options = options.unwrap_or_default();
        let timeouts = Timeouts {
            connect: self.clamp(options.connect_timeout),
            first_byte: self.clamp(options.first_byte_timeout),
            between_bytes: self.clamp(options.between_bytes_timeout),
        };
        let (back, returned) = oneshot::channel();
        let request = request.map(|body| {
            Lent {
                body: Some(body),
                back: Some(back),
            }
            .boxed_unsync()
        });
        Box::new(async move {
            match network.send(request, timeouts).await {
                Ok(response) => {
                    let response = response.map(|body| body.map_err(code).boxed_unsync());
                    Ok((response, Box::new(async { Ok(()) }) as Ending))
                }
                Err(error) => {
                    if error == NetworkError::Denied {
                        tokio::spawn(drain(returned));
                    }
                    Err(code(error))
                }
            }
        })
    }
}

/// A request's body, which comes back when it is dropped before its end.
struct Lent {
    body: Option<WasiBody>,
    back: Option<oneshot::Sender<WasiBody>>,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = NetworkError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, NetworkError>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        // wasi:http fails a body that the plugin drops before it is finished, or whose length is not the announced.
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|_| NetworkError::Other("the plugin broke off the request's body".into()))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body
            .as_ref()
            .is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), http_body::Body::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            let _ = back.send(body);
        }
    }
}

/// The most that is read of a denied request's body, and how long.
const DRAINED: usize = 1 << 20;
const DRAINING: Duration = Duration::from_secs(1);

/// Reads the beginning of a denied request's body, so that a plugin that writes a small one learns of the denial from
/// the answer and not from a body that nobody takes. Then the body is closed: a plugin that writes without end learns of
/// it at once, and not when its time is up.
async fn drain(returned: oneshot::Receiver<WasiBody>) {
    let beginning = async {
        let mut body = returned.await.ok()?;
        let mut left = DRAINED;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.checked_sub(frame.data_ref().map_or(0, Bytes::len))?;
        }
        Some(())
    };
    let _ = tokio::time::timeout(DRAINING, beginning).await;
}

/// The code that a plugin sees: no text, because texts tell about this machine.
fn code(error: NetworkError) -> Error {
    match error {
        NetworkError::Denied => Error::HttpRequestDenied,
        NetworkError::Dns => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        NetworkError::Connect => Error::ConnectionRefused,
        NetworkError::Tls => Error::TlsCertificateError,
        NetworkError::Timeout => Error::HttpResponseTimeout,
        NetworkError::Terminated => Error::ConnectionTerminated,
        NetworkError::TooLarge => Error::HttpResponseBodySize(None),
        NetworkError::NotHttp | NetworkError::Other(_) => Error::HttpProtocolError,
    }
}
