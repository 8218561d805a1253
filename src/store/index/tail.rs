//! The tail: the newest entries, in memory, until there are enough of them for a run.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    ops::Range,
};

use super::{
    page::Posting,
    term::{Record, Term},
};
use crate::ledger::{
    hash::LeafHash,
    position::{count, length},
};

/// The newest entries.
#[derive(Debug, Default)]
pub(super) struct Tail {
    first: u64,
    records: Vec<Record>,
    leaves: Vec<LeafHash>,
    /// Where the first entry with a key stands in the tail.
    keys: HashMap<Term, u32, BuildHasherDefault<TermHasher>>,
    /// The further entries of a key: none, unless terms collide.
    more: HashMap<Term, Vec<u32>>,
}

impl Tail {
    /// An empty tail that goes on at this entry.
    pub(super) fn starting_at(first: u64) -> Self {
        Self {
            first,
            ..Self::default()
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn len(&self) -> u64 {
        count(self.records.len())
    }

    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(self.len())
    }

    pub(super) fn push(&mut self, record: Record, leaf: LeafHash) {
        let at = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        self.records.push(record);
        self.leaves.push(leaf);
        if let Some(first) = self.keys.insert(record.key, at) {
            self.keys.insert(record.key, first);
            self.more.entry(record.key).or_default().push(at);
        }
    }

    /// The entries with a key, ascending.
    pub(super) fn with_key(&self, key: Term) -> impl Iterator<Item = u64> {
        let more = self.more.get(&key).map(Vec::as_slice).unwrap_or_default();
        self.keys
            .get(&key)
            .into_iter()
            .chain(more)
            .map(|at| self.first.saturating_add(u64::from(*at)))
    }

    /// The records of a range of entries, as far as they are here, with their indexes.
    pub(super) fn records(&self, range: Range<u64>) -> impl Iterator<Item = (u64, &Record)> {
        let from = range.start.max(self.first);
        let records = self
            .records
            .get(length(from.saturating_sub(self.first))..)
            .unwrap_or_default();
        (from..range.end).zip(records)
    }

    /// The leaf hashes of a range of entries; `None` unless all of them are here.
    pub(super) fn leaves(&self, range: Range<u64>) -> Option<&[LeafHash]> {
        let from = range.start.checked_sub(self.first)?;
        let to = range.end.checked_sub(self.first)?;
        self.leaves.get(length(from)..length(to))
    }

    /// All postings of the entries, sorted, and how many different terms there are.
    pub(super) fn postings(&self) -> (Vec<Posting>, u64) {
        // Term and place share 64 bits, which sort several times as fast as pairs do.
        let mut packed: Vec<u64> = (0_u64..)
            .zip(&self.records)
            .flat_map(|(at, record)| record.terms().map(|term| (term.0 << 16) | at))
            .collect();
        packed.sort_unstable();
        let postings: Vec<Posting> = packed
            .into_iter()
            .map(|packed| Posting {
                term: Term(packed >> 16),
                index: self.first.saturating_add(packed & 0xffff),
            })
            .collect();
        let terms = postings.chunk_by(|a, b| a.term == b.term).count();
        (postings, count(terms))
    }
}

/// Terms are random already; they are only spread over the 64 bits.
#[derive(Debug, Default)]
pub(super) struct TermHasher(u64);

impl Hasher for TermHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte) ^ self.0);
        }
    }

    fn write_u64(&mut self, term: u64) {
        self.0 = term.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
