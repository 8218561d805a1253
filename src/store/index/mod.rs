//! The index: finds entries by key, event type, source, subject and time, and holds the Merkle tree's tiles.
//!
//! It is derived from the journal and is evidence of nothing. Missing, damaged, of another log or of another
//! layout, it is dropped ([`Index::opened`] says so), and whoever opened it applies the journal's entries again. What must
//! always be true:
//!
//! - Every entry below [`Index::size`] is found: what is asked for is never missed, or the answer is
//!   [`IndexError::Damaged`]. Then [`Index::reset`], and rebuild.
//! - What is found is a candidate. Texts are kept as keyed fingerprints ([`term`]), so now and then another entry
//!   is named too, and the caller looks at the entry itself.
//!
//! # How it lies on disk
//!
//! sled takes some 55,000 small values a second, but millions of entries when they are packed into values of
//! 8 KiB. So the newest entries stay in memory, in the tail, where queries find them at once. A full tail of
//! 32,768 entries becomes a run ([`run`]): all pairs of a term and an entry that has it, sorted and packed into
//! pages ([`page`]), with a fence for each page and a Bloom filter ([`bloom`]) over the terms, both held in
//! memory. Four neighbouring runs of one level are merged into one of the next ([`upkeep`]), in small steps on a
//! thread of the index's own, so appending never waits for a merge and a log of five million entries has about
//! ten runs. Keys are terms with one entry, event types are terms with many: there is one layout for both.
//!
//! The tree's level-0 tiles are written with the run of their entries, to a file beside the database ([`tiles`]), so that
//! a proof reads one of them and not a node of a dozen; the tree above them is in memory
//! ([`nodes`]), with the time of each tile's first entry, which is the index by time: times never fall.
//!
//! The manifest ([`manifest`]) is written last and names everything. sled's `flush` is not an fsync, so after a
//! crash values may be lost or old: every value has a checksum over its key and content, no key is ever used
//! for two contents within a database, and opening looks for the ends of what the manifest names. A page that is
//! found lost later is damage. The tail is not stored: entries from `size` on are applied again after opening.

mod bloom;
mod error;
mod manifest;
mod nodes;
mod page;
mod pages;
mod run;
mod select;
mod shared;
mod tail;
mod term;
#[cfg(test)]
mod tests;
mod tiles;
mod upkeep;
mod view;

use std::{
    ops::Range,
    path::Path,
    sync::{Arc, PoisonError},
};

pub use self::error::IndexError;
use self::{
    shared::{Shared, Worker},
    term::{Before, Record, Terms},
};
use crate::ledger::{
    entry::Entry,
    filter::Filter,
    hash::{LeafHash, NodeHash},
    note::KeyName,
    position::{EntryIndex, TreeSize, length},
    tile::{TILE_HEIGHT, TILE_WIDTH, TileId, decode_tile, encode_tile, perfect_root},
    tree::{Frontier, NodeAt, NodeSource},
};

/// Bytes of a hash in a tile.
const HASH_BYTES: usize = 32;

/// How the index is laid out. The default is what was measured to be good; tests use smaller ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexOptions {
    /// Entries held in memory before they are made into a run: a multiple of 256, at most 65,536.
    pub tail_entries: u64,
    /// Runs of one level that are merged into one of the next: at least 2.
    pub fan_in: usize,
    /// Bytes of a page of postings: 256 to 8,192.
    pub page_bytes: usize,
    /// Bits of the Bloom filters for each term.
    pub bits_per_term: usize,
    /// Whether runs are written and merged on a thread of their own, or within [`Index::apply`].
    pub background: bool,
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            tail_entries: 32_768,
            fan_in: 4,
            page_bytes: 8192,
            bits_per_term: 14,
            background: true,
        }
    }
}

/// What opening an index found.
#[derive(Debug, Clone)]
pub enum Opened {
    /// Nothing: it starts empty.
    New,
    /// An index of this log. The entries from its size on are to be applied.
    Loaded,
    /// One that can't be used, for this reason: it was deleted, and a new one starts empty.
    Dropped(IndexError),
}

/// The index of one log. One thread appends; any number of threads ask, and never wait long for it.
pub struct Index {
    /// Stops before the rest goes.
    _worker: Worker,
    shared: Arc<Shared>,
    opened: Opened,
}

impl Index {
    /// Opens the index of a log in its directory. One that is missing, damaged, of another log or of another
    /// layout starts empty, and [`Self::opened`] says so.
    ///
    /// # Errors
    /// When another process has it open, or the directory can't be written.
    pub fn open(directory: &Path, origin: &KeyName) -> Result<Self, IndexError> {
        Self::open_with(directory, origin, IndexOptions::default())
    }

    /// Opens the index with other options than the usual ones.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        directory: &Path,
        origin: &KeyName,
        options: IndexOptions,
    ) -> Result<Self, IndexError> {
        let (shared, opened) = Shared::open(directory, origin, options)?;
        let shared = Arc::new(shared);
        Ok(Self {
            _worker: Worker::start(&shared)?,
            shared,
            opened,
        })
    }

    /// What opening found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How many entries the index has: all below can be found.
    pub fn size(&self) -> TreeSize {
        self.shared.read().nodes.size()
    }

    /// The tree over its entries.
    pub fn frontier(&self) -> Frontier {
        self.shared.read().nodes.frontier().clone()
    }

    /// Adds the next entries, given their bytes and leaf hashes. They can be found when this returns.
    ///
    /// # Errors
    /// When they do not follow the entries the index has, do not decode, or an earlier run could not be stored;
    /// then none of them, or some from the beginning, have been added, as [`Self::size`] tells.
    pub fn apply(
        &self,
        first: EntryIndex,
        entries: &[&[u8]],
        leaves: &[LeafHash],
    ) -> Result<(), IndexError> {
        if entries.len() != leaves.len() {
            return Err(IndexError::LeafCount {
                entries: entries.len(),
                leaves: leaves.len(),
            });
        }
        let terms = self.terms();
        let mut before = Before::default();
        let records: Vec<Record> = (first.value()..)
            .zip(entries)
            .map(|(index, bytes)| record_at(&terms, &mut before, EntryIndex::new(index), bytes))
            .collect::<Result<_, _>>()?;
        self.push(first, &records, leaves)
    }

    /// The entries that may have this key, ascending: never fewer than have it, and rarely more.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn candidates(&self, source: &str, event_id: &str) -> Result<Vec<EntryIndex>, IndexError> {
        let (sealed, term, in_tails) = {
            let view = self.shared.read();
            let term = view.sealed.terms.key(source, event_id);
            let in_tails: Vec<u64> = view.tails().flat_map(|tail| tail.with_key(term)).collect();
            (view.sealed.clone(), term, in_tails)
        };
        let mut found = Vec::new();
        for run in sealed.runs.iter().filter(|run| run.may_hold(term)) {
            let mut from = run.id.first;
            loop {
                let page = run.postings(&sealed.pages, term, from)?;
                let Some(last) = page.last() else { break };
                from = last.saturating_add(1);
                found.extend(page);
            }
        }
        found.extend(in_tails);
        Ok(found.into_iter().map(EntryIndex::new).collect())
    }

    /// The entries of a range that the filter may select, ascending, at most `limit` of them: never fewer than it
    /// selects, but perhaps others too (by chance of fingerprints, and up to 255 at each end of a span of times),
    /// so the caller looks at each entry. To go on, ask again from behind the last one; fewer than `limit` means
    /// that there are no more.
    ///
    /// # Errors
    /// When the index is damaged.
    pub fn select(
        &self,
        filter: &Filter,
        range: Range<EntryIndex>,
        limit: usize,
    ) -> Result<Vec<EntryIndex>, IndexError> {
        let range = range.start.value()..range.end.value();
        let found = select::select(&self.shared, filter, range, limit)?;
        Ok(found.into_iter().map(EntryIndex::new).collect())
    }

    /// The bytes of a tile, full or partial, of the tree of any size up to the index's.
    ///
    /// # Errors
    /// When the tree has no such tile, or not that full, and when the index is damaged.
    pub fn tile(&self, id: TileId) -> Result<Vec<u8>, IndexError> {
        let first = id.span.number.checked_mul(TILE_WIDTH);
        let slots = first.map(|first| first..first.saturating_add(u64::from(id.span.width)));
        let found = match slots.filter(|_| (1..=256).contains(&id.span.width)) {
            None => None,
            Some(slots) if id.level == 0 => self.leaves(slots)?,
            Some(slots) => {
                let view = self.shared.read();
                view.nodes.tile(id.level, slots).map(encode_tile)
            }
        };
        found.ok_or_else(|| IndexError::NoSuchTile {
            tile: id,
            size: self.size(),
        })
    }

    /// Waits until all full tails are stored, and hands what is stored to the operating system. The rest, at most
    /// a tail, is applied again after the next opening.
    ///
    /// # Errors
    /// When they can't be stored.
    pub fn flush(&self) -> Result<(), IndexError> {
        self.shared.wait_for_tails(0)?;
        let pages = Arc::clone(&self.shared.read().sealed.pages);
        pages.flush()
    }

    /// Drops everything: the index is as new, and is to be rebuilt from the journal. Questions asked meanwhile
    /// may be answered as before or with [`IndexError::Damaged`].
    ///
    /// # Errors
    /// When no new one can be created.
    pub fn reset(&self) -> Result<(), IndexError> {
        self.shared.reset()
    }

    fn terms(&self) -> Terms {
        self.shared.read().sealed.terms.clone()
    }

    /// Adds entries of which the records are made.
    fn push(
        &self,
        first: EntryIndex,
        records: &[Record],
        leaves: &[LeafHash],
    ) -> Result<(), IndexError> {
        let _writer = self
            .shared
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = self.shared.failure() {
            return Err(failure);
        }
        let size = self.size();
        if first != size.next_index() {
            return Err(IndexError::OutOfOrder { size, first });
        }
        let tail_entries = self.shared.options.tail_entries;
        let mut rest = (records, leaves);
        while !rest.0.is_empty() {
            let full = {
                let mut view = self.shared.write();
                let room = length(tail_entries.saturating_sub(view.active.len()));
                let now = room.min(rest.0.len());
                let (records, later) = rest.0.split_at(now);
                let (hashes, later_hashes) = rest.1.split_at(now);
                for (record, leaf) in records.iter().zip(hashes) {
                    view.push(*record, *leaf);
                }
                rest = (later, later_hashes);
                let full = view.active.len() == tail_entries;
                if full {
                    view.freeze();
                }
                full
            };
            if full {
                self.shared.want_upkeep()?;
            }
        }
        Ok(())
    }

    /// The leaf hashes of a range within one tile; `None` when the tree does not have all of them.
    fn leaves(&self, range: Range<u64>) -> Result<Option<Vec<u8>>, IndexError> {
        let pages = {
            let view = self.shared.read();
            if range.end > view.nodes.size().value() {
                return Ok(None);
            }
            if let Some(leaves) = view.tails().find_map(|tail| tail.leaves(range.clone())) {
                let bytes = leaves.iter().flat_map(|leaf| *leaf.as_bytes());
                return Ok(Some(bytes.collect()));
            }
            Arc::clone(&view.sealed.pages)
        };
        let number = range.start / TILE_WIDTH;
        let tile = pages.tiles.read(number)?;
        let from = length(range.start % TILE_WIDTH).saturating_mul(HASH_BYTES);
        let bytes = length(range.end.saturating_sub(range.start)).saturating_mul(HASH_BYTES);
        let found = tile.get(from..from.saturating_add(bytes));
        let short = || IndexError::Damaged(format!("tile {number} is short"));
        Ok(Some(found.ok_or_else(short)?.to_vec()))
    }
}

impl NodeSource for Index {
    type Error = IndexError;

    fn node(&self, at: NodeAt) -> Result<NodeHash, IndexError> {
        let missing = || IndexError::NoSuchNode {
            at,
            size: self.size(),
        };
        if at.level >= TILE_HEIGHT {
            return self.shared.read().nodes.node(at).map_err(|_| missing());
        }
        let first = at.index.checked_shl(at.level).ok_or_else(missing)?;
        let end = first.checked_add(1 << at.level).ok_or_else(missing)?;
        let bytes = self.leaves(first..end)?.ok_or_else(missing)?;
        decode_tile(&bytes)
            .and_then(perfect_root)
            .ok_or_else(missing)
    }
}

/// What the index keeps of the entry with these bytes, which must stand at this index.
fn record_at<'e>(
    terms: &Terms,
    before: &mut Before<'e>,
    index: EntryIndex,
    bytes: &'e [u8],
) -> Result<Record, IndexError> {
    let entry = Entry::decode(bytes).map_err(|error| IndexError::Entry { index, error })?;
    if entry.index == index {
        Ok(terms.record(&entry, before))
    } else {
        Err(IndexError::OutOfOrder {
            size: TreeSize::new(index.value()),
            first: entry.index,
        })
    }
}
