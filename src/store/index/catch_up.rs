//! Rebuilding: the journal's entries, read on one thread, digested on all, appended in order.

use std::sync::mpsc;

use rayon::prelude::*;

use super::{Index, IndexError, Record, record_at};
use crate::ledger::{
    hash::LeafHash,
    position::{EntryIndex, count, length},
    tile::{MalformedBundle, decode_entry_bundle},
};

/// Blocks that are read ahead.
const BLOCKS_AHEAD: usize = 8;

/// Consecutive entries as the journal keeps them.
#[derive(Debug, Clone)]
pub struct EntryBlock {
    /// Index of the first.
    pub first: EntryIndex,
    /// How many there are.
    pub count: u64,
    /// An entry bundle with all of them.
    pub entries: Vec<u8>,
}

/// Why the index could not be brought up to the journal.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError<E> {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal could not be read.
    #[error("the index can't be rebuilt: {0}")]
    Journal(E),
    /// A block of the journal is not made of entries.
    #[error("the index can't be rebuilt: the block at entry {first}: {error}")]
    Block {
        /// Index of its first entry.
        first: EntryIndex,
        /// What is wrong with it.
        error: MalformedBundle,
    },
}

/// Adds the entries that the index does not have yet. The blocks are consecutive, and the first of them is not
/// behind the index's size; entries that the index has already are passed over.
///
/// # Errors
/// When a block can't be read or added. What was added before it stays.
pub fn catch_up_from<E: Send>(
    index: &Index,
    blocks: impl Iterator<Item = Result<EntryBlock, E>> + Send,
) -> Result<(), CatchUpError<E>> {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(BLOCKS_AHEAD);
        scope.spawn(move || {
            for block in blocks {
                if sender.send(block).is_err() {
                    break;
                }
            }
        });
        // The receiver is dropped before the scope waits for the thread, on every way out.
        receiver
            .into_iter()
            .try_for_each(|block| add(index, &block.map_err(CatchUpError::Journal)?))
    })
}

fn add<E>(index: &Index, block: &EntryBlock) -> Result<(), CatchUpError<E>> {
    let size = index.size().value();
    let known = size.saturating_sub(block.first.value()).min(block.count);
    if known == block.count {
        return Ok(());
    }
    let entries = decode_entry_bundle(&block.entries, length(block.count)).map_err(|error| {
        CatchUpError::Block {
            first: block.first,
            error,
        }
    })?;
    let new = entries.get(length(known)..).unwrap_or_default();
    let first = block.first.plus(known);
    let terms = index.terms();
    let (records, leaves): (Vec<Record>, Vec<LeafHash>) = new
        .par_iter()
        .with_min_len(256)
        .enumerate()
        .map(|(place, bytes)| {
            let at = first.plus(count(place));
            Ok((record_at(&terms, at, bytes)?, LeafHash::of_entry(bytes)))
        })
        .collect::<Result<Vec<_>, IndexError>>()?
        .into_iter()
        .unzip();
    Ok(index.push(first, &records, &leaves)?)
}
