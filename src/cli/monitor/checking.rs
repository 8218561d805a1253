//! Entries on their way from the server into the tree.

use super::{super::error::CliError, seen::Seen};
use crate::{
    ledger::{
        breaks::Known,
        finding::{Finding, FindingKind},
        hash::LeafHash,
        keys::{KeyEntries, KeyHistory},
        note::VerifierKey,
        position::{EntryIndex, count},
        tree::Frontier,
        verify::{Chunk, Findings, LedgerCheck, check_chunk},
    },
    pack::breaks::Breaks,
    service::{convert::ReceivedEntry, proto::GetCheckpointResponse},
};

/// Entries that are checked together, at most.
const CHUNK_ENTRIES: usize = 256;
/// Bytes of entries and payloads from which on they are checked, however few entries that is.
const CHUNK_BYTES: usize = 4 << 20;

/// The history of the ledger's keys that a server gave, or that it is none.
pub(super) fn history_of(answer: &GetCheckpointResponse) -> Result<KeyHistory, Finding> {
    KeyHistory::parse(answer.key_history.as_bytes()).map_err(|error| {
        let kind = FindingKind::KeyHistoryInvalid;
        Finding::new(kind, "a history of the ledger's keys", error)
    })
}

/// Takes out of the findings what the ledger itself admits, and gives how many those are.
pub(super) fn admit(breaks: &Breaks, findings: &mut Findings) -> u64 {
    count(breaks.cover(findings).len())
}

/// The events of earlier rounds are of no use.
pub(super) fn unseen(error: std::io::Error) -> CliError {
    CliError::failed("the events of earlier rounds can't be remembered")
        .because(error)
        .with_help(
            "restore them with the positions, or name another file with --state; everything is then verified again",
        )
}

/// Entries under verification.
pub(super) struct Checking {
    pub(super) order: LedgerCheck,
    /// What of the findings the ledger itself admits, which may be further on.
    pub(super) breaks: Breaks,
    pub(super) seen: Seen,
    waiting: Vec<ReceivedEntry>,
    /// Their bytes.
    waiting_bytes: usize,
    /// The index that the next entry should have.
    pub(super) next: EntryIndex,
    /// From where on leaves are new to the tree.
    pub(super) from: EntryIndex,
    pub(super) first_leaf: Option<LeafHash>,
    /// The changes of the ledger's keys, and the entries that record them.
    pub(super) keys: KeyEntries,
}

impl Checking {
    pub(super) fn start(
        first: EntryIndex,
        from: EntryIndex,
        key: &VerifierKey,
        seen: Seen,
        history: &KeyHistory,
    ) -> Self {
        Self {
            order: LedgerCheck::starting_at(first, key.name().as_str()),
            breaks: Breaks::default(),
            seen,
            waiting: Vec::new(),
            waiting_bytes: 0,
            next: first,
            from,
            first_leaf: None,
            keys: KeyEntries::new(history),
        }
    }

    pub(super) fn take(&mut self, received: ReceivedEntry, tree: &mut Frontier) {
        let bytes = received.entry.len().saturating_add(received.payload.len());
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
        self.waiting.push(received);
        if self.waiting.len() >= CHUNK_ENTRIES || self.waiting_bytes >= CHUNK_BYTES {
            self.flush(tree);
        }
    }

    /// Lets go of the events of a round that won't move the position, whatever is confirmed further on.
    pub(super) fn drop_what_is_hopeless(&mut self) {
        let findings = self.order.findings();
        let confirmable = findings.listed.iter().all(|one| Known::of(one).is_some());
        if !confirmable || self.keys.has_findings() {
            self.seen.drop_new();
        }
    }

    pub(super) fn flush(&mut self, tree: &mut Frontier) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
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
        let mut report = check_chunk(chunk, self.seen.key());
        self.breaks.take(std::mem::take(&mut report.breaks));
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
        self.keys.observe(&report);
        self.order.absorb(report);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::note::SigningKey;

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let home = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed("a.example".parse().unwrap(), &[7; 32]);
        let seen = Seen::open(&home.path().join("state.json"), key.verifier().name(), 0).unwrap();
        let start = EntryIndex::default();
        let history = KeyHistory::default();
        let mut check = Checking::start(start, start, key.verifier(), seen, &history);
        let mut tree = Frontier::new();
        for _ in 0..100 {
            let received = ReceivedEntry {
                entry: Vec::new(),
                payload: vec![0; 1 << 20],
            };
            check.take(received, &mut tree);
            assert!(check.waiting.len() <= 4);
        }
        assert!(check.order.has_findings());
    }
}
