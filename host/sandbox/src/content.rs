//! Bytes of the app, from disk into a request body without passing through the plugin.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, StreamError, StreamResult};

use crate::{App, ContentInfo, Progress};

/// What one reading thread reads at a time, and what a body takes at a time. In bytes.
pub(crate) const CHUNK: usize = 256 << 10;

/// The contract's resource `content`.
#[allow(unreachable_pub)] // `bindgen!` names it in a public module.
pub struct Content(pub(crate) ContentInfo);

/// A part of a content as the plugin reads or splices it: at most one chunk waits here and one is being read, however
/// large the content is.
pub(crate) struct ContentStream {
    progress: Arc<dyn Progress>,
    state: State,
    /// Read and not yet taken.
    ready: Bytes,
    _permit: OwnedSemaphorePermit,
}

enum State {
    Idle(Source),
    Reading(JoinHandle<(Source, io::Result<Bytes>)>),
    Failed(io::Error),
    Ended,
}

/// Where bytes come from. Lives on a thread that may block.
struct Source {
    app: Arc<dyn App>,
    content: ContentInfo,
    /// Of the next byte.
    offset: u64,
    end: u64,
    reader: Option<Box<dyn Read + Send>>,
}

impl ContentStream {
    /// `offset` and `end` lie within the content.
    pub(crate) fn new(
        app: Arc<dyn App>,
        progress: Arc<dyn Progress>,
        content: ContentInfo,
        (offset, end): (u64, u64),
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let source = Source {
            app,
            content,
            offset,
            end,
            reader: None,
        };
        Self {
            progress,
            state: State::Idle(source),
            ready: Bytes::new(),
            _permit: permit,
        }
    }

    /// Starts reading the next chunk where nothing is being read.
    fn read_ahead(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle(source) if source.offset == source.end => State::Ended,
            State::Idle(mut source) => State::Reading(spawn_blocking(move || {
                let chunk = source.chunk();
                (source, chunk)
            })),
            state => state,
        };
    }

    fn arrived(&mut self, read: Result<(Source, io::Result<Bytes>), tokio::task::JoinError>) {
        self.state = match read {
            Ok((source, Ok(chunk))) => {
                self.ready = chunk;
                State::Idle(source)
            }
            Ok((_, Err(error))) => State::Failed(error),
            Err(_) => State::Failed(io::Error::other("reading the content failed")),
        };
    }
}

#[async_trait::async_trait]
impl Pollable for ContentStream {
    async fn ready(&mut self) {
        if !self.ready.is_empty() {
            return;
        }
        self.read_ahead();
        if let State::Reading(reading) = &mut self.state {
            let read = reading.await;
            self.arrived(read);
        }
    }
}

#[async_trait::async_trait]
impl InputStream for ContentStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.ready.is_empty() {
            self.read_ahead();
            if let State::Reading(reading) = &mut self.state
                && let Some(read) = wasmtime_wasi::runtime::poll_noop(std::pin::pin!(reading))
            {
                self.arrived(read);
            }
        }
        if self.ready.is_empty() {
            return match std::mem::replace(&mut self.state, State::Ended) {
                State::Failed(error) => Err(StreamError::LastOperationFailed(
                    wasmtime::format_err!("{error}"),
                )),
                State::Ended => Err(StreamError::Closed),
                state => {
                    self.state = state;
                    Ok(Bytes::new())
                }
            };
        }
        let chunk = self.ready.split_to(size.min(self.ready.len()));
        self.read_ahead();
        self.progress.transferred(chunk.len() as u64);
        Ok(chunk)
    }

    async fn cancel(&mut self) {
        // A running read ends by itself and takes what it holds with it.
        self.state = State::Ended;
    }
}

impl Source {
    /// The next bytes: a whole chunk, or what is left. The last chunk of a content waits for its reader's verdict, so
    /// that nobody is given all bytes of a file that changed.
    fn chunk(&mut self) -> io::Result<Bytes> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self
                .reader
                .insert(self.app.read(&self.content.digest, self.offset)?),
        };
        let wanted = CHUNK.min(usize::try_from(self.end - self.offset).unwrap_or(CHUNK));
        let mut chunk = Vec::with_capacity(wanted);
        reader.take(wanted as u64).read_to_end(&mut chunk)?;
        self.offset += chunk.len() as u64;
        if chunk.len() < wanted {
            return Err(io::Error::other(format!(
                "the content ended after {} of {} bytes",
                self.offset, self.content.size
            )));
        }
        if self.offset == self.content.size && reader.read(&mut [0])? > 0 {
            return Err(io::Error::other(format!(
                "the content is longer than its {} bytes",
                self.content.size
            )));
        }
        Ok(chunk.into())
    }
}

/// The first bytes of a content, as many as it has. May block.
pub(crate) fn read_head(
    app: Arc<dyn App>,
    content: ContentInfo,
    length: u64,
) -> io::Result<Vec<u8>> {
    let end = content.size.min(length);
    let mut source = Source {
        app,
        content,
        offset: 0,
        end,
        reader: None,
    };
    let mut bytes = Vec::new();
    while source.offset < end {
        bytes.extend_from_slice(&source.chunk()?);
    }
    Ok(bytes)
}
