//! Going through committed entries in order, a page at a time.
//!
//! There are two ways. A scan reads the journal batch by batch and looks at every entry: best for all entries, and for
//! the few that were just committed. A selection asks the index first: best for a filter over a long range. Both give
//! the same entries. Everything here blocks.

use prost::bytes::Bytes;
use tonic::Status;

use super::{errors::damaged, read::read_failed};
use crate::{
    ledger::{
        entry::Entry,
        filter::Filter,
        payload::decode_kept,
        position::{EntryIndex, TreeSize, length},
        tile::decode_entry_bundle,
    },
    service::{convert::entry_to_proto, ledger::Ledger, proto},
    store::journal::{JournalError, StoredBatch, StoredBlock},
};

/// A range that is shorter is scanned, whatever the filter.
const SCANNED_MAX: u64 = 4096;
/// Bytes a page should have: more is only sent where one batch has more.
const PAGE_BYTES: usize = 512 << 10;
/// Entries a selection begins with, and the most it may take at once.
const SELECTED_FIRST: usize = 16;
const SELECTED_MAX: usize = 1024;

/// Which entries, and how much of each.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) filter: Filter,
    pub(super) omit_payloads: bool,
    /// The most entries still to be given.
    pub(super) left: u64,
}

/// A place in the ledger, and how to go on from there.
pub(super) struct Listing {
    ledger: Ledger,
    wanted: Wanted,
    next: EntryIndex,
    end: EntryIndex,
    scan: Option<Box<dyn Iterator<Item = Result<StoredBatch, JournalError>> + Send>>,
    /// How many entries the next selection takes.
    step: usize,
}

impl Listing {
    /// Starts at an index, which may be one that is yet to come; [`Listing::extend`] says how far to go.
    pub(super) fn new(ledger: Ledger, wanted: Wanted, start: EntryIndex) -> Self {
        Self {
            ledger,
            wanted,
            next: start,
            end: start,
            scan: None,
            step: SELECTED_FIRST,
        }
    }

    /// Goes on to the end of a ledger of this size, which must be committed.
    pub(super) fn extend(&mut self, size: TreeSize) {
        self.end = self.end.max(size.next_index());
        self.scan = None;
    }

    /// The next entries; `None` when all were given. A page may be empty.
    pub(super) fn page(&mut self) -> Result<Option<Vec<proto::Entry>>, Status> {
        if self.next >= self.end || self.wanted.left == 0 {
            return Ok(None);
        }
        let range = self.end.value().saturating_sub(self.next.value());
        let all = self.wanted.filter.selects_all() && self.wanted.left >= SCANNED_MAX;
        let page = if self.scan.is_some() || all || range <= SCANNED_MAX {
            self.scan_batch()?
        } else {
            self.select()?
        };
        let given = crate::ledger::position::count(page.len());
        self.wanted.left = self.wanted.left.saturating_sub(given);
        Ok(Some(page))
    }

    fn scan_batch(&mut self) -> Result<Vec<proto::Entry>, Status> {
        let (ledger, next) = (&self.ledger, self.next);
        let scan = self
            .scan
            .get_or_insert_with(|| Box::new(ledger.reader().batches(next)));
        let Some(batch) = scan.next() else {
            return Err(damaged(&format!("entry {next} is committed and not there")));
        };
        let batch = batch.map_err(|error| damaged(&error))?;
        let after = batch.first.plus(batch.count);
        if batch.first > next || after <= next {
            return Err(damaged(&format!("entry {next} is not where it should be")));
        }
        let mut page = Vec::with_capacity(length(batch.count));
        for block in batch.blocks {
            self.scan_block(block, &mut page)?;
        }
        self.next = after;
        Ok(page)
    }

    /// Takes what is wanted of a block.
    fn scan_block(&self, block: StoredBlock, page: &mut Vec<proto::Entry>) -> Result<(), Status> {
        let malformed = || {
            damaged(&format!(
                "the block of entry {} does not decode",
                block.first
            ))
        };
        let (entries, payloads) = (Bytes::from(block.entries), Bytes::from(block.payloads));
        let decoded =
            decode_entry_bundle(&entries, length(block.count)).map_err(|_| malformed())?;
        let mut rest: &[u8] = &payloads;
        for (place, entry) in (0..).zip(decoded) {
            let (_, after) = decode_kept(rest).map_err(|_| malformed())?;
            let taken = rest.len().saturating_sub(after.len());
            let payload = rest.get(..taken).unwrap_or_default();
            rest = after;
            let index = block.first.plus(place);
            let room = crate::ledger::position::count(page.len()) < self.wanted.left;
            if index < self.next || index >= self.end || !room {
                continue;
            }
            let fits = self.wanted.filter.selects_all()
                || Entry::decode(entry)
                    .map(|entry| self.wanted.filter.selects(&entry))
                    .map_err(|_| malformed())?;
            if fits {
                let payload = (!self.wanted.omit_payloads).then(|| payloads.slice_ref(payload));
                let entry = entry_to_proto(entries.slice_ref(entry), payload);
                page.push(entry.map_err(|_| malformed())?);
            }
        }
        Ok(())
    }

    fn select(&mut self) -> Result<Vec<proto::Entry>, Status> {
        let limit = self.step.min(length(self.wanted.left));
        let selected = self
            .ledger
            .select(&self.wanted.filter, self.next..self.end, limit)
            .map_err(|error| read_failed(&error))?;
        self.next = match selected.last() {
            Some((last, _)) if selected.len() >= limit => last.plus(1),
            _ => self.end,
        };
        let bytes: usize = selected
            .iter()
            .map(|(_, stored)| stored.entry.len().saturating_add(stored.payload.len()))
            .fold(0, usize::saturating_add);
        self.step = if bytes < PAGE_BYTES / 2 {
            self.step.saturating_mul(2).min(SELECTED_MAX)
        } else if bytes > PAGE_BYTES {
            (self.step / 2).max(1)
        } else {
            self.step
        };
        selected
            .into_iter()
            .map(|(index, stored)| {
                let payload = (!self.wanted.omit_payloads).then(|| Bytes::from(stored.payload));
                entry_to_proto(stored.entry, payload)
                    .map_err(|error| damaged(&format!("entry {index}: {error}")))
            })
            .collect()
    }
}
