//! Several things at a time, but not all at once.

use futures_util::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};

/// Runs `futures`, at most `limit` of them at a time, and returns their results in the order of the futures.
///
/// # Errors
/// The first error that occurs; the other futures are dropped where they stand.
pub async fn concurrently<T, E>(
    limit: usize,
    futures: impl IntoIterator<Item = impl Future<Output = Result<T, E>>>,
) -> Result<Vec<T>, E> {
    // Unordered, so that a slow one at the front does not keep the next from starting.
    let mut results: Vec<(usize, T)> = stream::iter(futures)
        .enumerate()
        .map(|(index, future)| Ok(async move { Ok((index, future.await?)) }))
        .try_buffer_unordered(limit.max(1))
        .try_collect()
        .await?;
    results.sort_unstable_by_key(|(index, _)| *index);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

/// As [`concurrently`], but nothing is dropped that has begun: for what must not be broken off in its middle. After an error
/// no other future begins, and those that run are awaited.
///
/// # Errors
/// The first error that occurs.
pub async fn concurrently_to_their_ends<E>(
    limit: usize,
    futures: impl IntoIterator<Item = impl Future<Output = Result<(), E>>>,
) -> Result<(), E> {
    let mut waiting = futures.into_iter();
    let mut running: FuturesUnordered<_> = waiting.by_ref().take(limit.max(1)).collect();
    let mut result = Ok(());
    while let Some(ended) = running.next().await {
        result = result.and(ended);
        if result.is_ok() {
            running.extend(waiting.next());
        }
    }
    result
}
