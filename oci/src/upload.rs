//! One blob on its way into a repository.
//!
//! Small blobs go in one `PUT`, larger ones as a stream of one `PATCH`, and in parts where the registry wants parts.
//! After anything unexpected the registry is asked how far it came, and the upload goes on from there; a session that it
//! forgot is started again. What counts against patience is only what brings nothing forward.

use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use spin_deployer_publish::Patience;

use crate::answer::Answer;
use crate::registry::Registry;
use crate::url::{encode, join, with_query};
use crate::{Body, Digest, Error, Transport};

/// Up to here a blob is sent in one piece: sending it again costs less than asking where it broke.
const SMALL: u64 = 4 << 20;
/// The parts of a blob whose registry wants parts, to begin with.
const PART: u64 = 8 << 20;
/// Who wants smaller parts than this wants no upload.
const SMALLEST_PART: u64 = 64 << 10;

/// What is uploaded: bytes in memory, or a content that the transport knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blob<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) size: u64,
    pub(crate) bytes: Option<&'a [u8]>,
}

impl<'a> Blob<'a> {
    fn part(&self, offset: u64, length: u64) -> Body<'a> {
        match self.bytes {
            _ if length == 0 => Body::Empty,
            None => Body::Content {
                digest: self.digest,
                offset,
                length,
            },
            Some(bytes) => {
                let at = |position: u64| {
                    usize::try_from(position)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len())
                };
                Body::Bytes(&bytes[at(offset)..at(offset + length)])
            }
        }
    }
}

/// How the bytes are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Whole,
    Stream,
    Parts(u64),
}

#[derive(Debug)]
struct Session {
    location: String,
    /// How many bytes the registry has.
    offset: u64,
    /// Whether `offset` is a guess.
    unsure: bool,
}

/// What one exchange led to.
enum Next {
    Done,
    /// Go on: the session moved.
    On,
    /// Go on after a pause: this happened.
    After(Error),
    /// The registry forgot the session.
    Lost(Error),
}

struct Upload<'a, T> {
    registry: &'a Registry<T>,
    blob: Blob<'a>,
    mount_from: Option<&'a str>,
    way: Way,
    smallest: u64,
    session: Option<Session>,
}

/// Uploads `blob`, or has it mounted from another repository of the same registry that is known to have it.
pub(crate) async fn upload<T: Transport>(
    registry: &Registry<T>,
    blob: Blob<'_>,
    mount_from: Option<&str>,
) -> Result<(), Error> {
    let mut upload = Upload {
        registry,
        blob,
        mount_from,
        way: if blob.size <= SMALL {
            Way::Whole
        } else {
            Way::Stream
        },
        smallest: SMALLEST_PART,
        session: None,
    };
    let mut patience = Patience::new();
    let mut farthest = 0;
    loop {
        match upload.step().await? {
            Next::Done => return Ok(()),
            Next::On => {}
            Next::After(error) => {
                if let Some(session) = &mut upload.session {
                    session.unsure = true;
                }
                patience
                    .before_another_way(error, &registry.transport)
                    .await?;
            }
            Next::Lost(error) => {
                upload.session = None;
                patience
                    .before_another_way(error, &registry.transport)
                    .await?;
                // The last request may have arrived, and only its answer not.
                if registry.blob(blob.digest).await? {
                    return Ok(());
                }
            }
        }
        if let Some(session) = &upload.session
            && session.offset > farthest
        {
            farthest = session.offset;
            patience = Patience::new();
        }
    }
}

impl<T: Transport> Upload<'_, T> {
    async fn step(&mut self) -> Result<Next, Error> {
        let Some(session) = &self.session else {
            return self.begin().await;
        };
        if session.unsure {
            return self.ask().await;
        }
        let (location, offset) = (session.location.clone(), session.offset);
        match self.way {
            _ if offset == self.blob.size && offset > 0 => self.finish(&location, offset).await,
            Way::Whole => self.finish(&location, 0).await,
            Way::Stream => self.send(&location, offset, self.blob.size - offset).await,
            Way::Parts(part) => {
                let length = part.min(self.blob.size - offset);
                self.send(&location, offset, length).await
            }
        }
    }

    /// `POST`: a session, or the blob itself where it can be mounted.
    async fn begin(&mut self) -> Result<Next, Error> {
        let mut url = self.registry.url("blobs/uploads/");
        if let Some(from) = self.mount_from.take() {
            url = format!(
                "{url}?mount={}&from={}",
                encode(self.blob.digest.as_str()),
                encode(from)
            );
        }
        let answer = self
            .registry
            .patiently(Method::POST, &url, &HeaderMap::new(), Body::Empty)
            .await?;
        match answer.status {
            StatusCode::CREATED => {
                answer.confirm(self.blob.digest)?;
                Ok(Next::Done)
            }
            StatusCode::ACCEPTED => {
                let location = answer
                    .header(LOCATION)
                    .and_then(|location| join(&url, location))
                    .ok_or_else(|| answer.nonsense("the address of an upload as `Location`"))?;
                if let Some(smallest) = minimum(&answer) {
                    self.smallest = smallest.clamp(SMALLEST_PART, u64::MAX / 2);
                }
                if let Way::Parts(part) = self.way {
                    self.way = Way::Parts(part.max(self.smallest));
                } else if minimum(&answer).is_some() && self.blob.size > SMALL {
                    self.way = Way::Parts(PART.max(self.smallest));
                }
                self.session = Some(Session {
                    location,
                    offset: 0,
                    unsure: false,
                });
                Ok(Next::On)
            }
            _ => Err(answer.into_error()),
        }
    }

    /// `GET`: how far the registry came.
    async fn ask(&mut self) -> Result<Next, Error> {
        let Some(session) = &mut self.session else {
            return Ok(Next::On);
        };
        let answer = self
            .registry
            .patiently(
                Method::GET,
                &session.location,
                &HeaderMap::new(),
                Body::Empty,
            )
            .await?;
        match answer.status {
            status if status.is_success() => {
                let received = received(&answer).unwrap_or(0);
                if received > self.blob.size {
                    return Ok(Next::Lost(answer.nonsense("a range within what was sent")));
                }
                session.location = moved(&answer, &session.location);
                session.offset = received;
                session.unsure = false;
                // A blob of which a part is there cannot be sent whole any more.
                if received > 0 && self.way == Way::Whole {
                    self.way = Way::Stream;
                }
                Ok(Next::On)
            }
            StatusCode::FORBIDDEN => Err(answer.into_error()),
            // Not found; or found in a state that it cannot go on from.
            _ => Ok(Next::Lost(answer.into_error())),
        }
    }

    /// `PATCH`: the next `length` bytes.
    async fn send(&mut self, location: &str, offset: u64, length: u64) -> Result<Next, Error> {
        let end = offset + length;
        let mut headers = octets();
        // A stream from the beginning has no range, as Docker sends it; a part of something has.
        if (offset > 0 || self.way != Way::Stream)
            && let Ok(range) = HeaderValue::try_from(format!("{offset}-{}", end - 1))
        {
            headers.insert(CONTENT_RANGE, range);
        }
        let body = self.blob.part(offset, length);
        let sent = self
            .registry
            .exchange(Method::PATCH, location, &headers, body)
            .await;
        let answer = match sent {
            Ok(answer) if answer.status.is_success() => answer,
            Ok(answer) => return self.refused(answer),
            Err(error) if error.is_passing() => return Ok(Next::After(error)),
            Err(error) => return Err(error),
        };
        // `0-0` is one byte, or none where the registry counts as distribution does: then what was sent decides.
        let received = received(&answer)
            .filter(|&received| received > 0)
            .unwrap_or(end);
        let Some(session) = &mut self.session else {
            return Ok(Next::On);
        };
        session.location = moved(&answer, location);
        session.offset = received;
        if received > end {
            return Ok(Next::Lost(answer.nonsense("a range within what was sent")));
        }
        if received <= offset {
            return Ok(Next::After(
                answer.nonsense("a range that grew by what was sent"),
            ));
        }
        Ok(Next::On)
    }

    /// `PUT`: what is left, and the digest.
    async fn finish(&mut self, location: &str, offset: u64) -> Result<Next, Error> {
        let url = with_query(location, "digest", self.blob.digest.as_str());
        let body = self.blob.part(offset, self.blob.size - offset);
        match self
            .registry
            .exchange(Method::PUT, &url, &octets(), body)
            .await
        {
            Ok(answer) if answer.status.is_success() => {
                answer.confirm(self.blob.digest)?;
                Ok(Next::Done)
            }
            Ok(answer) => self.refused(answer),
            Err(error) if error.is_passing() => Ok(Next::After(error)),
            Err(error) => Err(error),
        }
    }

    /// What to do about a `PATCH` or `PUT` that was not taken.
    fn refused(&mut self, answer: Answer) -> Result<Next, Error> {
        let damaged = answer.says(&["DIGEST_INVALID", "SIZE_INVALID"]);
        let too_large = answer.status == StatusCode::PAYLOAD_TOO_LARGE;
        let status = answer.status;
        let error = answer.into_error();
        match status {
            _ if error.is_passing() => Ok(Next::After(error)),
            // Something went missing on the way, or was counted twice. From the beginning.
            _ if damaged => Ok(Next::Lost(error)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Next::Lost(error)),
            StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::BAD_REQUEST
            | StatusCode::RANGE_NOT_SATISFIABLE => {
                self.way = match self.way {
                    Way::Whole | Way::Stream => {
                        Way::Parts(PART.min(self.blob.size.div_ceil(2)).max(self.smallest))
                    }
                    Way::Parts(part) if too_large && part / 2 >= self.smallest => {
                        Way::Parts(part / 2)
                    }
                    Way::Parts(_) if status == StatusCode::RANGE_NOT_SATISFIABLE => self.way,
                    Way::Parts(_) => return Err(error),
                };
                Ok(Next::After(error))
            }
            _ => Err(error),
        }
    }
}

fn octets() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers
}

fn minimum(answer: &Answer) -> Option<u64> {
    answer
        .header("oci-chunk-min-length")?
        .trim()
        .parse()
        .ok()
        .filter(|&bytes| bytes > 0)
}

fn moved(answer: &Answer, from: &str) -> String {
    answer
        .header(LOCATION)
        .and_then(|location| join(from, location))
        .unwrap_or_else(|| from.to_owned())
}

/// How many bytes a `Range: 0-N` says have arrived. `0-0` is none: distribution says so of an empty upload, and a
/// registry that has exactly one byte notices when it comes again.
fn received(answer: &Answer) -> Option<u64> {
    let range = answer.header(RANGE)?.trim();
    let (start, end) = range
        .strip_prefix("bytes=")
        .unwrap_or(range)
        .split_once('-')?;
    let end: u64 = end.trim().parse().ok()?;
    (start.trim() == "0").then_some(if end == 0 { 0 } else { end.saturating_add(1) })
}
