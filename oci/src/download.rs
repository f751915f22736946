//! One content on its way here: streamed, resumed where it broke, and verified.
//!
//! Whoever sends is not trusted: neither with the length that it announces nor with where it says that a part begins.
//! What counts is what arrives, up to the wanted size and no further, and its digest at the end.

use std::io;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha2::{Digest as _, Sha256};
use spin_deployer_publish::Patience;

use crate::answer::Answer;
use crate::registry::once;
use crate::url::{join, same_origin};
use crate::{Body, Digest, Error, Sink, Transport, TransportError, TransportFailure};

/// Redirects after which there is hardly anything at the end: a registry leads to its storage in one, an address that
/// people write down to a file in two or three.
const MOST_REDIRECTS: usize = 5;

/// What is to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// `None` where only its sender knows it.
    pub digest: Option<&'a Digest>,
    /// In bytes, where it is known.
    pub size: Option<u64>,
    /// More bytes than this are not taken.
    pub limit: u64,
}

/// Where a content is put.
pub trait Destination {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where they cannot be kept.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Is told how many bytes it will be in all, where the sender says so.
    fn announced(&mut self, _size: u64) {}

    /// Forgets all that was written: it comes again from its first byte.
    ///
    /// # Errors
    /// Where that is impossible.
    fn restart(&mut self) -> io::Result<()>;
}

impl Destination for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

/// Why a content is not here.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The exchange failed.
    #[error(transparent)]
    Exchange(#[from] Error),
    /// There is nothing under that address.
    #[error("{request}: there is nothing")]
    NotFound {
        /// What was asked.
        request: String,
    },
    /// Something else came.
    #[error("{request}: what came has the digest {came}, not {wanted}")]
    Digest {
        /// What was asked.
        request: String,
        /// What was wanted.
        wanted: Digest,
        /// What came.
        came: Digest,
    },
    /// Something longer or shorter came.
    #[error("{request}: what comes has {} bytes, not {wanted}", came.map_or_else(|| "more".to_owned(), |n| n.to_string()))]
    Size {
        /// What was asked.
        request: String,
        /// What was wanted.
        wanted: u64,
        /// What was announced; `None` where more than wanted came.
        came: Option<u64>,
    },
    /// More than is taken.
    #[error("{request}: what comes is larger than {limit} bytes")]
    TooLarge {
        /// What was asked.
        request: String,
        /// In bytes.
        limit: u64,
    },
    /// One address led to the next, and so on.
    #[error("{request}: more than {MOST_REDIRECTS} redirects")]
    Redirects {
        /// What was asked first.
        request: String,
    },
    /// A list of tags that is none, or does not end.
    #[error("{request}: the list of tags {reason}")]
    Tags {
        /// What was asked first.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What came could not be kept.
    #[error("what came cannot be kept: {0}")]
    Write(#[source] io::Error),
}

/// What arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    /// Of the last answer.
    pub(crate) headers: HeaderMap,
}

/// Brings what `url` leads to into `to`, and returns its size. Sends no credential, follows redirects, goes on where the
/// connection broke, and gives up after a bounded number of attempts that brought nothing forward.
///
/// # Errors
/// Why it is not there; `to` then holds a part of it, or something else.
pub async fn download<T: Transport>(
    transport: &T,
    url: &str,
    wanted: Wanted<'_>,
    to: &mut dyn Destination,
) -> Result<u64, PullError> {
    download_as(transport, url, None, wanted, to).await
}

/// The same with an `Authorization`, which only the origin of `url` gets: where it leads elsewhere, nothing is shown.
///
/// # Errors
/// As [`download`].
pub async fn download_as<T: Transport>(
    transport: &T,
    url: &str,
    authorization: Option<&HeaderValue>,
    wanted: Wanted<'_>,
    to: &mut dyn Destination,
) -> Result<u64, PullError> {
    let send = async |at: &str, headers: &HeaderMap, sink: &mut dyn Sink| {
        let mut headers = headers.clone();
        if let Some(authorization) = authorization.filter(|_| same_origin(at, url)) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        once(
            transport,
            Method::GET,
            at,
            &headers,
            Body::Empty,
            Some(sink),
        )
        .await
    };
    // Nobody from the start is more likely a wrong name than a restart.
    let hopeless = |error: &Error, received| received == 0 && error.is_unreachable();
    let arrived = fetch(
        transport,
        send,
        hopeless,
        url,
        &HeaderMap::new(),
        wanted,
        to,
    )
    .await?;
    Ok(arrived.size)
}

/// The same with requests that `send` sends. `hopeless` says which errors are final after so many bytes.
pub(crate) async fn fetch<T: Transport>(
    transport: &T,
    send: impl AsyncFn(&str, &HeaderMap, &mut dyn Sink) -> Result<Answer, Error>,
    hopeless: impl Fn(&Error, u64) -> bool,
    url: &str,
    headers: &HeaderMap,
    wanted: Wanted<'_>,
    to: &mut dyn Destination,
) -> Result<Arrived, PullError> {
    let request = format!("GET {}", url.split('?').next().unwrap_or_default());
    let mut receiving = Receiving {
        wanted,
        to,
        request,
        hasher: Sha256::new(),
        received: 0,
        resumed: false,
        fault: None,
    };
    let mut patience = Patience::new();
    let mut farthest = 0;
    loop {
        let error = match follow(&send, url, headers, &mut receiving).await {
            Ok(answer) => match receiving.judge(answer)? {
                Ok(arrived) => return Ok(arrived),
                Err(error) => error,
            },
            Err(PullError::Exchange(error)) if !hopeless(&error, receiving.received) => error,
            Err(error) => return Err(error),
        };
        // What counts against patience is only what brings nothing forward.
        if receiving.received > farthest {
            farthest = receiving.received;
            patience = Patience::new();
        }
        patience.after(error, transport).await?;
    }
}

/// Asks for what is missing, at the place that redirects lead to. Each time from the first address on, because those
/// that it leads to may be good for minutes only.
async fn follow(
    send: &impl AsyncFn(&str, &HeaderMap, &mut dyn Sink) -> Result<Answer, Error>,
    url: &str,
    headers: &HeaderMap,
    receiving: &mut Receiving<'_>,
) -> Result<Answer, PullError> {
    let mut headers = headers.clone();
    if receiving.received > 0
        && let Ok(range) = HeaderValue::try_from(format!("bytes={}-", receiving.received))
    {
        headers.insert(RANGE, range);
        receiving.resumed = true;
    }
    let mut url = url.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let answer = send(&url, &headers, receiving).await?;
        if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(answer);
        }
        url = answer
            .header(LOCATION)
            .and_then(|location| join(&url, location))
            .ok_or_else(|| answer.nonsense("an address as `Location`"))?;
    }
    Err(PullError::Redirects {
        request: receiving.request.clone(),
    })
}

struct Receiving<'a> {
    wanted: Wanted<'a>,
    to: &'a mut dyn Destination,
    request: String,
    hasher: Sha256,
    received: u64,
    /// Whether a part was asked for: then two senders may have sent two things.
    resumed: bool,
    /// What makes all that follows useless.
    fault: Option<PullError>,
}

impl Receiving<'_> {
    /// What an answer led to: `Ok(Err(…))` is something that may pass.
    fn judge(&mut self, answer: Answer) -> Result<Result<Arrived, Error>, PullError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        match answer.status {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                return Err(PullError::NotFound {
                    request: answer.request,
                });
            }
            // It knows nothing of the part that is here.
            StatusCode::RANGE_NOT_SATISFIABLE if self.received > 0 => {
                self.restart()?;
                return Ok(Err(broken(answer.request, "it has no such part")));
            }
            _ => {
                let error = answer.into_error();
                return if error.is_passing() {
                    Ok(Err(error))
                } else {
                    Err(error.into())
                };
            }
        }
        if self.wanted.size.is_some_and(|size| self.received < size) {
            let reason = "the answer ended before its end";
            return Ok(Err(broken(answer.request, reason)));
        }
        let came = Digest::finish(self.hasher.clone());
        match self.wanted.digest {
            Some(wanted) if *wanted != came && self.resumed => {
                self.restart()?;
                Ok(Err(broken(answer.request, "its parts do not fit together")))
            }
            Some(wanted) if *wanted != came => Err(PullError::Digest {
                request: answer.request,
                wanted: wanted.clone(),
                came,
            }),
            _ => Ok(Ok(Arrived {
                digest: came,
                size: self.received,
                headers: answer.headers,
            })),
        }
    }

    fn restart(&mut self) -> Result<(), PullError> {
        self.hasher = Sha256::new();
        self.received = 0;
        self.resumed = false;
        self.to.restart().map_err(PullError::Write)
    }

    /// Whether so many bytes in all may be what is wanted.
    fn check(&self, size: u64, announced: bool) -> Result<(), PullError> {
        match self.wanted.size {
            Some(wanted) if size > wanted || (announced && size != wanted) => {
                Err(PullError::Size {
                    request: self.request.clone(),
                    wanted,
                    came: announced.then_some(size),
                })
            }
            _ if size > self.wanted.limit => Err(PullError::TooLarge {
                request: self.request.clone(),
                limit: self.wanted.limit,
            }),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), PullError> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        if status == StatusCode::OK {
            // A server that knows no parts sends everything again.
            if self.received > 0 {
                self.restart()?;
            }
        } else if text(CONTENT_RANGE).and_then(first_byte) != Some(self.received) {
            return Err(Error::Nonsense {
                request: self.request.clone(),
                expected: "the part that was asked for",
                came: text(CONTENT_RANGE)
                    .unwrap_or("one without a range")
                    .to_owned(),
            }
            .into());
        }
        match text(CONTENT_LENGTH).and_then(|length| length.parse().ok()) {
            Some(length) => {
                let size = self.received.saturating_add(length);
                self.check(size, true)?;
                self.to.announced(size);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        let received = self.received.saturating_add(bytes.len() as u64);
        self.check(received, false)?;
        self.to.write(bytes).map_err(PullError::Write)?;
        self.hasher.update(bytes);
        self.received = received;
        Ok(())
    }
}

impl Sink for Receiving<'_> {
    fn wants(&mut self, status: StatusCode, headers: &HeaderMap) -> bool {
        if !matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
            return false;
        }
        self.fault = self.begin(status, headers).err();
        true
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        if self.fault.is_none() {
            self.fault = self.add(bytes).err();
        }
        self.fault.is_none()
    }
}

fn broken(request: String, reason: &str) -> Error {
    Error::Transport {
        request,
        source: TransportError {
            failure: TransportFailure::Broken,
            reason: reason.to_owned(),
        },
    }
}

/// N of `bytes N-M/SIZE`.
fn first_byte(range: &str) -> Option<u64> {
    let (first, _) = range.trim().strip_prefix("bytes ")?.split_once('-')?;
    first.trim().parse().ok()
}
