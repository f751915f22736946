//! What Bindle has.

use crate::failure::Failure;
use crate::hippo::Turn;
use crate::message::Answer;
use crate::page::Paging;

/// Names, each once, of what the first 50 hits are.
pub(crate) fn list(turn: &mut Turn<'_>) -> Result<Answer, Failure> {
    let paging = Paging::of(turn, 50)?;
    let hits = turn.bindle.first_hits(&paging.search)?;
    let mut names: Vec<_> = hits.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let total = names.len();
    let rows = names.into_iter().map(Into::into).collect();
    Ok(paging.answer(turn, "storages", rows, total))
}
