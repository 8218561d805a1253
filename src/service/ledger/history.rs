//! What was recorded before: whether an event is already in the ledger, and what was answered then.
//!
//! The index names candidates; the entry itself, read from the journal, decides. The answer to an event sent again
//! is made of what is stored, never of the new request, so it is the first answer to the byte.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Shared, answer::Decision, answer::Recorded, reads::ReadError, stop::StopReason,
    stored::OpenBatch,
};
use crate::ledger::{
    entry::Entry, event::Event, hash::LeafHash, payload::decode_kept, position::EntryIndex,
    receipt::Receipt, tree::prove_inclusion,
};

/// Batches that are kept open: a client that sends a whole stream again asks for one batch many times.
const OPEN_BATCHES_MAX: usize = 4;

/// The sequencer's view of what is committed and indexed.
pub(super) struct History {
    shared: Arc<Shared>,
    /// Read last, first.
    open: VecDeque<Arc<OpenBatch>>,
}

impl History {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            open: VecDeque::new(),
        }
    }

    /// Decides about an event that is in the index; `None` when it is not.
    pub(super) fn decide(
        &mut self,
        event: &Event,
        want_receipt: bool,
    ) -> Result<Option<Decision>, StopReason> {
        let fields = event.fields();
        let candidates = self
            .shared
            .index
            .candidates(fields.source, fields.event_id)
            .map_err(|error| StopReason::Index(error.to_string()))?;
        for index in candidates {
            let batch = self.batch(index).map_err(|error| unreadable(&error))?;
            let (bytes, payload) = batch
                .entry(index)
                .ok_or_else(|| unreadable(&ReadError::Malformed(index)))?;
            let entry =
                Entry::decode(bytes).map_err(|_| unreadable(&ReadError::Malformed(index)))?;
            if (entry.source, entry.event_id) != (fields.source, fields.event_id) {
                continue;
            }
            let (parts, _) =
                decode_kept(payload).map_err(|_| unreadable(&ReadError::Malformed(index)))?;
            if !event.says_the_same(entry.fields(), &parts) {
                return Ok(Some(Decision::Taken(index)));
            }
            let recorded = self.recorded(&batch, bytes, &entry, want_receipt)?;
            return Ok(Some(Decision::Stored(Box::new(recorded))));
        }
        Ok(None)
    }

    /// The first answer again.
    fn recorded(
        &self,
        batch: &OpenBatch,
        bytes: &[u8],
        entry: &Entry<'_>,
        want_receipt: bool,
    ) -> Result<Recorded, StopReason> {
        let checkpoint = batch.checkpoint();
        let tree_size = checkpoint.checkpoint().size;
        let receipt = if want_receipt {
            let proof = prove_inclusion(self.shared.index.as_ref(), entry.index, tree_size)
                .map_err(|error| StopReason::Index(error.to_string()))?
                .ok_or_else(|| unreadable(&ReadError::Malformed(entry.index)))?;
            Some(Receipt {
                entry: bytes.to_vec(),
                index: entry.index,
                proof,
                checkpoint: checkpoint.clone(),
            })
        } else {
            None
        };
        Ok(Recorded {
            index: entry.index,
            recorded_at: entry.recorded_at,
            leaf_hash: LeafHash::of_entry(bytes),
            tree_size,
            duplicate: true,
            receipt,
        })
    }

    fn batch(&mut self, index: EntryIndex) -> Result<Arc<OpenBatch>, ReadError> {
        if let Some(batch) = self.open.iter().find(|batch| batch.holds(index)) {
            return Ok(Arc::clone(batch));
        }
        let batch = Arc::new(self.shared.open_batch(index)?);
        self.open.truncate(OPEN_BATCHES_MAX.saturating_sub(1));
        self.open.push_front(Arc::clone(&batch));
        Ok(batch)
    }
}

fn unreadable(error: &ReadError) -> StopReason {
    StopReason::Reading(error.to_string())
}
