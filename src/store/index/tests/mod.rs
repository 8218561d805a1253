//! The index against the slow, obvious definition: a list of entries that is read from end to end.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod against_scan;
mod concurrent;
mod damage;

use std::path::Path;

use super::{Index, IndexOptions};
use crate::ledger::{
    entry::{Entry, EntryFields},
    filter::Filter,
    hash::{ChainHash, LeafHash, NodeHash, PayloadCommitment, RootHash},
    note::KeyName,
    position::{EntryIndex, TreeSize, UnixNanos},
    tile::TileId,
    tree::{Frontier, NodeAt},
};

const ORIGIN: &str = "ledger.example/index-test";

/// Small enough that a thousand entries make several levels of runs of several pages.
const SMALL: IndexOptions = IndexOptions {
    tail_entries: 256,
    fan_in: 2,
    page_bytes: 256,
    bits_per_term: 10,
    background: false,
};

fn origin() -> KeyName {
    ORIGIN.parse().unwrap()
}

fn open(directory: &Path, options: IndexOptions) -> Index {
    Index::open_with(directory, &origin(), options).unwrap()
}

/// A log as a list of entries.
#[derive(Default)]
struct Model {
    entries: Vec<Vec<u8>>,
    leaves: Vec<LeafHash>,
}

impl Model {
    fn with_entries(entries: u64) -> Self {
        let mut model = Self::default();
        model.grow(entries);
        model
    }

    fn grow(&mut self, entries: u64) {
        for index in self.size()..self.size() + entries {
            let bytes = entry_bytes(index);
            self.leaves.push(LeafHash::of_entry(&bytes));
            self.entries.push(bytes);
        }
    }

    fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    fn entry(&self, index: u64) -> Entry<'_> {
        Entry::decode(&self.entries[index as usize]).unwrap()
    }

    /// Applies what the index does not have yet, so many entries at a time.
    fn apply_to(&self, index: &Index, batch: usize) {
        let from = index.size().value() as usize;
        let mut first = index.size().next_index();
        let chunks = self.entries[from..].chunks(batch);
        for (entries, leaves) in chunks.zip(self.leaves[from..].chunks(batch)) {
            let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
            index.apply(first, &entries, leaves).unwrap();
            first = first.plus(entries.len() as u64);
            assert_eq!(index.size().next_index(), first);
        }
    }

    fn selected(&self, filter: &Filter, range: std::ops::Range<u64>) -> Vec<EntryIndex> {
        range
            .take_while(|index| *index < self.size())
            .filter(|index| filter.selects(&self.entry(*index)))
            .map(EntryIndex::new)
            .collect()
    }

    fn root(&self, size: u64) -> RootHash {
        let mut tree = Frontier::new();
        for leaf in &self.leaves[..size as usize] {
            tree.push(*leaf, |_, _| {});
        }
        tree.root()
    }

    fn node(&self, at: NodeAt) -> NodeHash {
        match at.level.checked_sub(1) {
            None => self.leaves[at.index as usize].into(),
            Some(level) => {
                let index = at.index * 2;
                NodeHash::of_children(
                    &self.node(NodeAt { level, index }),
                    &self.node(NodeAt {
                        level,
                        index: index + 1,
                    }),
                )
            }
        }
    }

    fn tile(&self, id: TileId) -> Vec<u8> {
        (id.span.first()..id.span.first() + u64::from(id.span.width))
            .flat_map(|index| {
                let level = id.level * 8;
                *self.node(NodeAt { level, index }).as_bytes()
            })
            .collect()
    }
}

/// Entry number `index` of every model: few types, some sources, and subjects of which most are rare.
fn entry_bytes(index: u64) -> Vec<u8> {
    let hash = blake3::hash(&index.to_le_bytes());
    let draw = |place: usize, sides: u64| u64::from(hash.as_bytes()[place]) % sides;
    let subject = match draw(0, 4) {
        0 => String::new(),
        1 => format!("service/{}@production", draw(1, 5)),
        _ => format!("change/{}", index / 3),
    };
    let event_type = format!("exhibit.type-{}.v1", draw(2, 3));
    let source = source_of(index);
    let event_id = event_id_of(index);
    Entry::at(
        EntryIndex::new(index),
        UnixNanos::new(1_000 + index / 7 * 10),
        ChainHash::from_bytes([0; 32]),
        EntryFields {
            occurred_at: UnixNanos::default(),
            source_sequence: 0,
            commitment: PayloadCommitment::from_bytes(*hash.as_bytes()),
            event_type: &event_type,
            source: &source,
            event_id: &event_id,
            subject: &subject,
            producer: "spiffe://ci.example/runner",
        },
    )
    .encode()
    .unwrap()
}

fn source_of(index: u64) -> String {
    format!("https://ci.example/pipeline/{}", index % 11)
}

/// Unique within the source, and the same in all of them.
fn event_id_of(index: u64) -> String {
    format!("run-{}", index / 11)
}

/// Everything that is asked of the index, compared with the model.
fn assert_finds_all(index: &Index, model: &Model) {
    assert_eq!(index.size(), TreeSize::new(model.size()));
    for number in 0..model.size() {
        let found = index
            .candidates(&source_of(number), &event_id_of(number))
            .unwrap();
        assert_eq!(found, [EntryIndex::new(number)]);
    }
    for number in model.size()..model.size() + 200 {
        let found = index
            .candidates(&source_of(number), &event_id_of(number))
            .unwrap();
        assert_eq!(found, []);
    }
}
