//! Reading a running ledger: entries, receipts, proofs, selections.
//!
//! Everything here is committed, and everything blocks: on the disk, and where the index is asked, until the index
//! has what was committed when the question came. Call it from a thread that may block.

use std::{ops::Range, sync::Arc};

use super::{Ledger, Shared, stop::StopReason, stored::OpenBatch};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        entry::Entry,
        filter::Filter,
        hash::NodeHash,
        position::{EntryIndex, TreeSize},
        receipt::Receipt,
        tile::TileId,
        tree::{prove_consistency, prove_inclusion},
    },
    store::{
        index::IndexError,
        journal::{JournalError, StoredEntry},
    },
};

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The ledger does not have the entry.
    #[error("there is no entry {index}; the ledger has {size}")]
    NoSuchEntry {
        /// The entry that was asked for.
        index: EntryIndex,
        /// How many entries there are.
        size: TreeSize,
    },
    /// The ledger never had, or does not have yet, one of the sizes of a consistency proof.
    #[error(
        "there is no consistency proof from size {old} to {new}; ask for 1 <= old <= new <= {size}"
    )]
    NoSuchSizes {
        /// The smaller size that was asked for.
        old: TreeSize,
        /// The larger size that was asked for.
        new: TreeSize,
        /// How many entries there are.
        size: TreeSize,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index does not follow the journal any more.
    #[error("the index has stopped; restart the server, and it is rebuilt from the journal")]
    IndexStopped,
    /// What the journal holds is not an entry with its payload, although its checksums fit.
    #[error("entry {0} is not readable in the journal; check it with `exhibit verify`")]
    Malformed(EntryIndex),
}

impl Ledger {
    /// Reads an entry with its payload. One read of the disk.
    ///
    /// # Errors
    /// When there is no such entry, or it can't be read.
    pub fn entry(&self, index: EntryIndex) -> Result<StoredEntry, ReadError> {
        self.shared().within(index)?;
        Ok(self.shared().reader.entry(index)?)
    }

    /// Finds the entry of an event by its source and id. Cheap when there is none.
    ///
    /// # Errors
    /// When index or journal can't be read.
    pub fn find(&self, source: &str, event_id: &str) -> Result<Option<EntryIndex>, ReadError> {
        let shared = self.shared();
        shared.wait_for_index(shared.size())?;
        for index in shared.index.candidates(source, event_id)? {
            let stored = shared.reader.entry(index)?;
            let entry = Entry::decode(&stored.entry).map_err(|_| ReadError::Malformed(index))?;
            if (entry.source, entry.event_id) == (source, event_id) {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Selects entries of a range, in order of index, at most `limit` of them. Fewer means that there are no more.
    ///
    /// # Errors
    /// When index or journal can't be read.
    pub fn select(
        &self,
        filter: &Filter,
        range: Range<EntryIndex>,
        limit: usize,
    ) -> Result<Vec<(EntryIndex, StoredEntry)>, ReadError> {
        let shared = self.shared();
        let size = shared.size();
        let end = range.end.min(size.next_index());
        shared.wait_for_index(TreeSize::new(end.value()))?;
        let (mut from, mut selected) = (range.start, Vec::new());
        while from < end && selected.len() < limit {
            let wanted = limit.saturating_sub(selected.len());
            let candidates = shared.candidates(filter, from..end, wanted)?;
            let Some(last) = candidates.last() else {
                break;
            };
            from = last.plus(1);
            shared.check_candidates(filter, &candidates, &mut selected)?;
        }
        Ok(selected)
    }

    /// Makes a receipt for an entry, against the published checkpoint, or the latest one where that does not cover the
    /// entry yet.
    ///
    /// # Errors
    /// When there is no such entry, or it can't be read.
    pub fn receipt(&self, index: EntryIndex) -> Result<Receipt, ReadError> {
        let covers =
            |published: &Arc<SignedCheckpoint>| published.checkpoint().size.contains(index);
        let checkpoint = self.published().filter(covers);
        self.receipt_under(index, &checkpoint.unwrap_or_else(|| self.checkpoint()))
    }

    /// Makes a receipt for an entry, against a checkpoint of this ledger.
    ///
    /// # Errors
    /// When the checkpoint does not cover the entry, or it can't be read.
    pub fn receipt_under(
        &self,
        index: EntryIndex,
        checkpoint: &SignedCheckpoint,
    ) -> Result<Receipt, ReadError> {
        let shared = self.shared();
        let size = checkpoint.checkpoint().size;
        let none = || ReadError::NoSuchEntry { index, size };
        if !size.contains(index) {
            return Err(none());
        }
        let entry = shared.reader.entry(index)?.entry;
        shared.wait_for_index(size)?;
        let proof = prove_inclusion(shared.index.as_ref(), index, size)?.ok_or_else(none)?;
        Ok(Receipt {
            entry,
            index,
            proof,
            checkpoint: checkpoint.clone(),
        })
    }

    /// Makes the proof that the ledger of one size is the beginning of the ledger of another.
    ///
    /// # Errors
    /// Unless `1 <= old <= new <=` the ledger's size; or when the index can't be read.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Vec<NodeHash>, ReadError> {
        let shared = self.shared();
        let size = shared.size();
        let none = || ReadError::NoSuchSizes { old, new, size };
        if new > size {
            return Err(none());
        }
        shared.wait_for_index(new)?;
        prove_consistency(shared.index.as_ref(), old, new)?.ok_or_else(none)
    }

    /// Reads a hash tile of the tree of any size up to the ledger's.
    ///
    /// # Errors
    /// When the tree has no such tile, or it can't be read.
    pub fn tile(&self, id: TileId) -> Result<Vec<u8>, ReadError> {
        let shared = self.shared();
        shared.wait_for_index(shared.size())?;
        Ok(shared.index.tile(id)?)
    }
}

impl Shared {
    /// How many entries are committed.
    fn size(&self) -> TreeSize {
        *self.committed.borrow()
    }

    fn within(&self, index: EntryIndex) -> Result<(), ReadError> {
        let size = self.size();
        if size.contains(index) {
            Ok(())
        } else {
            Err(ReadError::NoSuchEntry { index, size })
        }
    }

    fn wait_for_index(&self, size: TreeSize) -> Result<(), ReadError> {
        let has_it = self.indexed.wait_for(size.value());
        match self.stop.reason() {
            // Some of it may be gone, and at the end all of it is.
            Some(StopReason::Index(_)) => Err(ReadError::IndexStopped),
            _ if has_it => Ok(()),
            _ => Err(ReadError::IndexStopped),
        }
    }

    /// Reads the batch that holds an entry.
    pub(super) fn open_batch(&self, index: EntryIndex) -> Result<OpenBatch, ReadError> {
        let batch = self.reader.batch_at(index)?;
        OpenBatch::new(batch).ok_or(ReadError::Malformed(index))
    }

    /// What may be selected: where nothing is left out there is nothing to ask the index for.
    fn candidates(
        &self,
        filter: &Filter,
        range: Range<EntryIndex>,
        limit: usize,
    ) -> Result<Vec<EntryIndex>, ReadError> {
        if filter.selects_all() {
            let indexes = range.start.value()..range.end.value();
            Ok(indexes.take(limit).map(EntryIndex::new).collect())
        } else {
            Ok(self.index.select(filter, range, limit)?)
        }
    }

    /// Reads the candidates, and keeps those that the filter really selects.
    fn check_candidates(
        &self,
        filter: &Filter,
        candidates: &[EntryIndex],
        selected: &mut Vec<(EntryIndex, StoredEntry)>,
    ) -> Result<(), ReadError> {
        let mut open: Option<OpenBatch> = None;
        for (place, index) in (0usize..).zip(candidates) {
            if !open.as_ref().is_some_and(|batch| batch.holds(*index)) {
                // A whole batch costs more than one entry of it, and less than many.
                let ahead = candidates.get(place.saturating_add(DENSE));
                let dense = ahead.is_some_and(|ahead| ahead.value() <= index.plus(256).value());
                open = dense.then(|| self.open_batch(*index)).transpose()?;
            }
            let stored = match &open {
                Some(batch) => batch
                    .stored_entry(*index)
                    .ok_or(ReadError::Malformed(*index))?,
                None => self.reader.entry(*index)?,
            };
            let entry = Entry::decode(&stored.entry).map_err(|_| ReadError::Malformed(*index))?;
            if filter.selects(&entry) {
                selected.push((*index, stored));
            }
        }
        Ok(())
    }
}

/// How many candidates of 256 neighbours make it worth reading their whole batch.
const DENSE: usize = 8;
