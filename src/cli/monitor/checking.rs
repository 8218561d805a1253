//! Entries on their way from the server into the tree.

use super::seen::Seen;
use crate::{
    ledger::{
        hash::LeafHash,
        note::VerifierKey,
        position::{EntryIndex, count},
        tree::Frontier,
        verify::{Chunk, LedgerCheck, check_chunk},
    },
    service::convert::ReceivedEntry,
};

/// Entries that are checked together.
const CHUNK_ENTRIES: usize = 256;

/// Entries under verification.
pub(super) struct Checking {
    pub(super) order: LedgerCheck,
    pub(super) seen: Seen,
    waiting: Vec<ReceivedEntry>,
    /// The index that the next entry should have.
    pub(super) next: EntryIndex,
    /// From where on leaves are new to the tree.
    pub(super) from: EntryIndex,
    pub(super) first_leaf: Option<LeafHash>,
}

impl Checking {
    pub(super) fn start(
        first: EntryIndex,
        from: EntryIndex,
        key: &VerifierKey,
        seen: Seen,
    ) -> Self {
        Self {
            order: LedgerCheck::starting_at(first, key.name().as_str()),
            seen,
            waiting: Vec::new(),
            next: first,
            from,
            first_leaf: None,
        }
    }

    pub(super) fn take(&mut self, received: ReceivedEntry, tree: &mut Frontier) {
        self.waiting.push(received);
        if self.waiting.len() >= CHUNK_ENTRIES {
            self.flush(tree);
        }
    }

    pub(super) fn flush(&mut self, tree: &mut Frontier) {
        let waiting = std::mem::take(&mut self.waiting);
        let entries: Vec<&[u8]> = waiting.iter().map(|read| read.entry.as_slice()).collect();
        let payloads: Vec<u8> = waiting
            .iter()
            .flat_map(|read| &read.payload)
            .copied()
            .collect();
        if entries.is_empty() {
            return;
        }
        let chunk = Chunk {
            first: self.next,
            entries: &entries,
            payloads: Some(&payloads),
        };
        let report = check_chunk(chunk, self.seen.key());
        for ((index, leaf), line) in (self.next.value()..)
            .map(EntryIndex::new)
            .zip(&report.leaves)
            .zip(&report.lines)
        {
            if let Some(line) = line.as_ref().filter(|_| index >= self.from) {
                self.seen.push(line.identity, index);
            }
            if index == EntryIndex::default() {
                self.first_leaf = Some(*leaf);
            }
            if index >= self.from {
                tree.push(*leaf, |_, _| {});
            }
        }
        self.next = self.next.plus(count(report.leaves.len()));
        self.order.absorb(report);
    }
}
