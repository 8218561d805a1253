//! A batch read back from the journal, opened so that each entry can be found.

use std::ops::Range;

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        payload::decode_kept,
        position::{EntryIndex, length},
        tile::decode_entry_bundle,
    },
    store::journal::{StoredBatch, StoredEntry},
};

/// A batch of the journal, and where in it each entry and payload stands.
pub(super) struct OpenBatch {
    batch: StoredBatch,
    places: Vec<EntryPlace>,
}

struct EntryPlace {
    block: usize,
    entry: Range<usize>,
    payload: Range<usize>,
}

impl OpenBatch {
    /// Finds the entries of a batch; `None` when entries and payloads are not one for one.
    pub(super) fn new(batch: StoredBatch) -> Option<Self> {
        let mut places = Vec::with_capacity(length(batch.count));
        for (number, block) in batch.blocks.iter().enumerate() {
            let (mut entry_at, mut payloads) = (0usize, block.payloads.as_slice());
            for entry in decode_entry_bundle(&block.entries, length(block.count)).ok()? {
                let from = entry_at.checked_add(2)?;
                entry_at = from.checked_add(entry.len())?;
                let payload_from = block.payloads.len().checked_sub(payloads.len())?;
                payloads = decode_kept(payloads).ok()?.1;
                places.push(EntryPlace {
                    block: number,
                    entry: from..entry_at,
                    payload: payload_from..block.payloads.len().checked_sub(payloads.len())?,
                });
            }
        }
        Some(Self { batch, places })
    }

    /// What the ledger said of itself with this batch: the first checkpoint that covers its entries.
    pub(super) fn checkpoint(&self) -> &SignedCheckpoint {
        &self.batch.checkpoint
    }

    /// Whether the entry is one of this batch.
    pub(super) fn holds(&self, index: EntryIndex) -> bool {
        self.place_of(index).is_some()
    }

    /// An entry's bytes, and those of its payload.
    pub(super) fn entry(&self, index: EntryIndex) -> Option<(&[u8], &[u8])> {
        let place = self.place_of(index)?;
        let block = self.batch.blocks.get(place.block)?;
        Some((
            block.entries.get(place.entry.clone())?,
            block.payloads.get(place.payload.clone())?,
        ))
    }

    /// A copy of an entry with its payload.
    pub(super) fn stored_entry(&self, index: EntryIndex) -> Option<StoredEntry> {
        self.entry(index).map(|(entry, payload)| StoredEntry {
            entry: entry.to_vec(),
            payload: payload.to_vec(),
        })
    }

    fn place_of(&self, index: EntryIndex) -> Option<&EntryPlace> {
        let number = index.value().checked_sub(self.batch.first.value())?;
        self.places.get(length(number))
    }
}
