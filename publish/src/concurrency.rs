//! Several things at a time, but not all at once.

use futures_util::stream::{self, StreamExt, TryStreamExt};

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
