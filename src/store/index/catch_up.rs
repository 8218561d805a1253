//! Bringing the index up to the journal: batches read on one thread, digested on all, appended in order.

use std::sync::mpsc;

use rayon::prelude::*;

use super::{
    Index, IndexError, record_at,
    term::{Before, Record, Terms},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        hash::{LeafHash, RootHash},
        position::{EntryIndex, TreeSize, count, length},
        tile::{MalformedBundle, decode_entry_bundle},
    },
    store::journal::{EntryBlock, JournalError, JournalReader, RawBatch},
};

/// Entries that are digested together, at least, unless the journal ends before.
const GROUP_ENTRIES: u64 = 8192;
/// Batches in a group, at most: where the journal's batches are small, their number is what costs.
const GROUP_BATCHES: usize = 2048;
/// Groups that are read ahead.
const GROUPS_AHEAD: usize = 2;

/// Why the index could not be brought up to the journal.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal can't be read.
    #[error("the index can't be rebuilt: {0}")]
    Journal(#[from] JournalError),
    /// A block of the journal is not made of entries.
    #[error(
        "the index can't be rebuilt: the journal's block at entry {first}: {error}; verify the journal"
    )]
    Block {
        /// Index of its first entry.
        first: EntryIndex,
        /// What is wrong with it.
        error: MalformedBundle,
    },
    /// The journal's entries don't make the tree that its own checkpoint signs.
    #[error(
        "the journal's {size} entries make the root {computed}, and its checkpoint says {signed}; verify the journal"
    )]
    Root {
        /// How many entries.
        size: TreeSize,
        /// The root they make.
        computed: RootHash,
        /// The root of the checkpoint.
        signed: RootHash,
    },
}

/// What catching up did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtUp {
    /// How many entries were read from the journal.
    pub applied: u64,
    /// Why the index was dropped and rebuilt from the first entry, if it was.
    pub rebuilt: Option<String>,
}

/// Adds the entries that the journal has and the index does not. An index that turns out to be damaged, or not to
/// be of this journal, is reset and rebuilt.
///
/// # Errors
/// When the journal can't be read, or a new index can't be written.
pub fn catch_up(index: &Index, journal: &JournalReader) -> Result<CaughtUp, CatchUpError> {
    let reason = if index.size() > journal.size() {
        format!(
            "the index has {} entries and the journal {}",
            index.size(),
            journal.size()
        )
    } else {
        match add_missing(index, journal) {
            Ok(applied) => {
                return Ok(CaughtUp {
                    applied,
                    rebuilt: None,
                });
            }
            Err(
                error @ (CatchUpError::Index(IndexError::Damaged(_)) | CatchUpError::Root { .. }),
            ) => error.to_string(),
            Err(error) => return Err(error),
        }
    };
    index.reset()?;
    Ok(CaughtUp {
        applied: add_missing(index, journal)?,
        rebuilt: Some(reason),
    })
}

/// Adds what is missing, and compares the root with the journal's checkpoint.
fn add_missing(index: &Index, journal: &JournalReader) -> Result<u64, CatchUpError> {
    let before = index.size();
    let checkpoint = journal.checkpoint();
    let batches = journal.raw_batches(before.next_index());
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(GROUPS_AHEAD);
        scope.spawn(move || {
            for group in Groups(batches) {
                if sender.send(group).is_err() {
                    break;
                }
            }
        });
        // The receiver is gone before the scope waits for the thread, on every way out.
        receiver
            .into_iter()
            .try_for_each(|group| add_group(index, &group?))
    })?;
    let tree = index.frontier();
    if let Some(signed) = checkpoint.as_ref().map(SignedCheckpoint::checkpoint)
        && signed.size == tree.size()
        && signed.root != tree.root()
    {
        return Err(CatchUpError::Root {
            size: signed.size,
            computed: tree.root(),
            signed: signed.root,
        });
    }
    Ok(tree.size().value().saturating_sub(before.value()))
}

/// Batches in groups that are worth being shared out.
struct Groups<I>(I);

impl<I: Iterator<Item = Result<RawBatch, JournalError>>> Iterator for Groups<I> {
    type Item = Result<Vec<RawBatch>, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut group, mut entries) = (Vec::new(), 0_u64);
        while entries < GROUP_ENTRIES && group.len() < GROUP_BATCHES {
            match self.0.next() {
                None => break,
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(batch)) => {
                    entries = entries.saturating_add(batch.count());
                    group.push(batch);
                }
            }
        }
        (!group.is_empty()).then_some(Ok(group))
    }
}

/// The index's share of some consecutive entries.
type Digested = (Vec<Record>, Vec<LeafHash>);

fn add_group(index: &Index, group: &[RawBatch]) -> Result<(), CatchUpError> {
    let next = index.size().next_index();
    let terms = index.terms();
    let digested: Vec<Digested> = group
        .par_iter()
        .map(|batch| digest_batch(&terms, batch, next))
        .collect::<Result<_, _>>()?;
    for (records, leaves) in digested {
        index.push(index.size().next_index(), &records, &leaves)?;
    }
    Ok(())
}

/// Digests the entries of a batch from `next` on.
fn digest_batch(
    terms: &Terms,
    batch: &RawBatch,
    next: EntryIndex,
) -> Result<Digested, CatchUpError> {
    let blocks = batch.decode_entries().map_err(JournalError::from)?;
    let mut digested = Digested::default();
    for block in blocks {
        digest_block(terms, &block, next, &mut digested)?;
    }
    Ok(digested)
}

fn digest_block(
    terms: &Terms,
    block: &EntryBlock,
    next: EntryIndex,
    (records, leaves): &mut Digested,
) -> Result<(), CatchUpError> {
    let known = next
        .value()
        .saturating_sub(block.first.value())
        .min(block.count);
    let entries = decode_entry_bundle(&block.entries, length(block.count)).map_err(|error| {
        CatchUpError::Block {
            first: block.first,
            error,
        }
    })?;
    let mut before = Before::default();
    for (place, bytes) in entries.iter().enumerate().skip(length(known)) {
        let at = block.first.plus(count(place));
        records.push(record_at(terms, &mut before, at, bytes)?);
        leaves.push(LeafHash::of_entry(bytes));
    }
    Ok(())
}
