//! What queries see: the runs, the tails and the tree of one moment.

use std::{collections::VecDeque, sync::Arc};

use super::{
    error::IndexError,
    manifest::Manifest,
    nodes::Nodes,
    pages::{Key, Pages},
    run::Run,
    tail::Tail,
    term::{Record, Terms},
};
use crate::ledger::{
    hash::{LeafHash, NodeHash},
    note::KeyName,
    position::{count, length},
    tile::TILE_WIDTH,
};

/// Bytes of a tile's line in a summary: its root, then when its first entry was recorded.
const SUMMARY_BYTES: usize = 40;

/// The runs of one moment, with what is needed to read them.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) pages: Arc<Pages>,
    pub(super) terms: Terms,
    /// In the order of their entries, without gaps.
    pub(super) runs: Arc<Vec<Arc<Run>>>,
    /// How many entries the runs cover.
    pub(super) entries: u64,
}

/// Everything the index holds at one moment. Its entries lie, in this order and without gaps, in the runs, in the
/// frozen tails, which are being made into runs, and in the active tail.
pub(super) struct View {
    pub(super) sealed: Sealed,
    pub(super) frozen: VecDeque<Arc<Tail>>,
    pub(super) active: Tail,
    pub(super) nodes: Nodes,
}

impl View {
    /// The view of an index without any entry.
    pub(super) fn empty(pages: Arc<Pages>) -> Result<Self, IndexError> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| IndexError::Database(format!("no random bytes: {error}")))?;
        Ok(Self {
            sealed: Sealed {
                pages,
                terms: Terms::new(secret),
                runs: Arc::default(),
                entries: 0,
            },
            frozen: VecDeque::new(),
            active: Tail::default(),
            nodes: Nodes::default(),
        })
    }

    /// Loads what the manifest names, and deletes what it does not; `None` when nothing was stored yet.
    ///
    /// # Errors
    /// When anything it names is missing or damaged. Of the pages only some are looked at.
    pub(super) fn load(pages: &Arc<Pages>, origin: &KeyName) -> Result<Option<Self>, IndexError> {
        let Some(manifest) = Manifest::read(pages, origin)? else {
            return Ok(None);
        };
        let nodes = load_nodes(pages, manifest.entries)?;
        let runs = manifest
            .runs
            .iter()
            .map(|line| Run::load(pages, line.id(), line.level, line.terms).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        for left_over in pages.runs()? {
            if !runs.iter().any(|run| run.id == left_over) {
                pages.remove_run(left_over)?;
            }
        }
        pages.remove_tiles(manifest.entries / TILE_WIDTH)?;
        Ok(Some(Self {
            sealed: Sealed {
                pages: Arc::clone(pages),
                terms: manifest.terms(),
                runs: Arc::new(runs),
                entries: manifest.entries,
            },
            frozen: VecDeque::new(),
            active: Tail::starting_at(manifest.entries),
            nodes,
        }))
    }

    pub(super) fn push(&mut self, record: Record, leaf: LeafHash) {
        self.active.push(record, leaf);
        self.nodes.push(leaf, record.recorded_at);
    }

    /// Sets the active tail aside to be made into a run, and begins a new one.
    pub(super) fn freeze(&mut self) {
        let next = Tail::starting_at(self.active.end());
        let full = std::mem::replace(&mut self.active, next);
        self.frozen.push_back(Arc::new(full));
    }

    /// The tails, in the order of their entries.
    pub(super) fn tails(&self) -> impl Iterator<Item = &Tail> {
        self.frozen.iter().map(AsRef::as_ref).chain([&self.active])
    }

    /// The summary of the tiles that a tail fills.
    pub(super) fn summary(&self, first_tile: u64, tiles: u64) -> Vec<u8> {
        let tiles = first_tile..first_tile.saturating_add(tiles);
        let mut bytes = Vec::new();
        for (root, recorded) in self.nodes.summary(tiles) {
            bytes.extend_from_slice(root.as_bytes());
            bytes.extend_from_slice(&recorded.to_le_bytes());
        }
        bytes
    }
}

impl Sealed {
    pub(super) fn manifest(&self, origin: &KeyName) -> Manifest {
        let runs = self.runs.iter().map(AsRef::as_ref);
        Manifest::new(origin, &self.terms, self.entries, runs)
    }
}

fn load_nodes(pages: &Pages, entries: u64) -> Result<Nodes, IndexError> {
    let tiles = entries / TILE_WIDTH;
    let (mut roots, mut recorded) = (Vec::with_capacity(length(tiles)), Vec::new());
    while count(roots.len()) < tiles {
        let next = count(roots.len());
        let summary = pages.read(Key::Summary(next))?;
        for line in summary.as_chunks::<SUMMARY_BYTES>().0 {
            if let Some((root, time)) = line.split_first_chunk() {
                roots.push(NodeHash::from_bytes(*root));
                recorded.push(u64::from_le_bytes(time.try_into().unwrap_or_default()));
            }
        }
        if count(roots.len()) == next {
            break;
        }
    }
    if let Some(last) = tiles.checked_sub(1) {
        pages.tiles.read(last)?;
    }
    let damaged = || IndexError::Damaged("the tiles' summaries do not fit".to_owned());
    (count(roots.len()) == tiles)
        .then(|| Nodes::resume(roots, recorded))
        .flatten()
        .ok_or_else(damaged)
}
