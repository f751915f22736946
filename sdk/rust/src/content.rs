//! Contents of the app on their way out. They move from stream to stream inside the host and never enter the memory of
//! the plugin.

use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wstd::runtime::AsyncPollable;

/// Which end of a copy failed. The two ask for different advice: a source that fails is a file that changed.
#[derive(Debug)]
pub(crate) enum CopyError {
    Source(String),
    Sink(String),
}

/// Moves exactly `length` bytes from `source` to `sink`, and flushes them.
pub(crate) async fn splice(
    source: &InputStream,
    sink: &OutputStream,
    length: u64,
) -> Result<(), CopyError> {
    let readable = AsyncPollable::new(source.subscribe());
    let writable = AsyncPollable::new(sink.subscribe());
    let mut remaining = length;
    while remaining > 0 {
        let room = sink
            .check_write()
            .map_err(|error| CopyError::Sink(reason(&error)))?;
        if room == 0 {
            writable.wait_for().await;
            continue;
        }
        match sink.splice(source, room.min(remaining)) {
            Ok(0) => readable.wait_for().await,
            Ok(moved) => remaining -= moved,
            // A splice does not say whose error it returns: a sink that still takes bytes is not the one.
            Err(error) => {
                return Err(match sink.check_write() {
                    Ok(_) => CopyError::Source(match error {
                        StreamError::Closed => format!("it ended {remaining} bytes early"),
                        failed => reason(&failed),
                    }),
                    Err(_) => CopyError::Sink(reason(&error)),
                });
            }
        }
    }
    flush(sink, &writable).await
}

/// Writes bytes of the plugin's own.
pub(crate) async fn write(sink: &OutputStream, mut bytes: &[u8]) -> Result<(), CopyError> {
    let writable = AsyncPollable::new(sink.subscribe());
    while !bytes.is_empty() {
        let room = sink
            .check_write()
            .map_err(|error| CopyError::Sink(reason(&error)))?;
        if room == 0 {
            writable.wait_for().await;
            continue;
        }
        let (now, later) =
            bytes.split_at(usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len()));
        sink.write(now)
            .map_err(|error| CopyError::Sink(reason(&error)))?;
        bytes = later;
    }
    flush(sink, &writable).await
}

async fn flush(sink: &OutputStream, writable: &AsyncPollable) -> Result<(), CopyError> {
    sink.flush()
        .map_err(|error| CopyError::Sink(reason(&error)))?;
    writable.wait_for().await;
    // Only now a failed flush shows.
    sink.check_write()
        .map_err(|error| CopyError::Sink(reason(&error)))?;
    Ok(())
}

pub(crate) fn reason(error: &StreamError) -> String {
    match error {
        StreamError::Closed => "the stream was closed".to_owned(),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}
