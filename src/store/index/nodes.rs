//! The Merkle tree above its tiles of level 0, in memory: 40 bytes for each 256 entries.
//!
//! Held are the roots of all full tiles, level by level, and when the first entry of each tile was recorded. The
//! tiles of level 0, which are nine tenths of the tree, lie in the tail or in the database.

use std::ops::Range;

use crate::ledger::{
    filter::Filter,
    hash::{LeafHash, NodeHash},
    position::{TreeSize, count, length},
    tile::{TILE_HEIGHT, TILE_WIDTH, perfect_root},
    tree::{Frontier, NodeAt, NodeSource},
};

/// The tree above its level-0 tiles.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    frontier: Frontier,
    /// The nodes of the tile levels 1, 2 and so on.
    levels: Vec<Vec<NodeHash>>,
    /// When the first entry of each level-0 tile was recorded, partial one included; never falling.
    recorded: Vec<u64>,
}

/// A tree that has no such node.
#[derive(Debug)]
pub(super) struct NoNode;

impl Nodes {
    /// Takes up where a tree of full tiles ended; `None` unless there is a time for each of them.
    pub(super) fn resume(roots: Vec<NodeHash>, recorded: Vec<u64>) -> Option<Self> {
        let size = TreeSize::new(count(roots.len()).checked_mul(TILE_WIDTH)?);
        let mut levels = vec![roots];
        while let Some(below) = levels.last() {
            let above: Vec<NodeHash> = below
                .chunks_exact(length(TILE_WIDTH))
                .filter_map(|tile| perfect_root(tile.to_vec()))
                .collect();
            if above.is_empty() {
                break;
            }
            levels.push(above);
        }
        let mut nodes = Self {
            frontier: Frontier::new(),
            levels,
            recorded,
        };
        nodes.frontier = Frontier::read(&nodes, size).ok()?;
        (count(nodes.recorded.len()).checked_mul(TILE_WIDTH)? == size.value()).then_some(nodes)
    }

    pub(super) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(super) fn size(&self) -> TreeSize {
        self.frontier.size()
    }

    pub(super) fn push(&mut self, leaf: LeafHash, recorded_at: u64) {
        if self.size().value().is_multiple_of(TILE_WIDTH) {
            self.recorded.push(recorded_at);
        }
        let levels = &mut self.levels;
        self.frontier.push(leaf, |at, node| {
            let above = at.level / TILE_HEIGHT;
            if let Some(level) = above.checked_sub(1)
                && at.level % TILE_HEIGHT == 0
            {
                let level = length(u64::from(level));
                if level >= levels.len() {
                    levels.push(Vec::new());
                }
                if let Some(level) = levels.get_mut(level) {
                    level.push(node);
                }
            }
        });
    }

    /// The hashes of a tile of level 1 or above.
    pub(super) fn tile(&self, level: u32, slots: Range<u64>) -> Option<&[NodeHash]> {
        let level = self.levels.get(length(u64::from(level.checked_sub(1)?)))?;
        level.get(length(slots.start)..length(slots.end))
    }

    /// Roots and times of level-0 tiles.
    pub(super) fn summary(&self, tiles: Range<u64>) -> impl Iterator<Item = (&NodeHash, u64)> {
        let roots = self.tile(1, tiles.clone()).unwrap_or_default();
        let recorded = self.recorded.get(length(tiles.start)..length(tiles.end));
        roots
            .iter()
            .zip(recorded.unwrap_or_default().iter().copied())
    }

    /// Where all entries lie that were recorded within the filter's times, and at most a tile more on each side.
    pub(super) fn recorded_within(&self, filter: &Filter) -> Range<u64> {
        let tiles_before = |time: u64| {
            let tiles = self.recorded.partition_point(|recorded| *recorded < time);
            count(tiles)
        };
        let first = filter
            .recorded_from
            .map_or(0, |from| tiles_before(from.value()).saturating_sub(1));
        let end = filter.recorded_before.map_or(u64::MAX, |before| {
            tiles_before(before.value()).saturating_mul(TILE_WIDTH)
        });
        first.saturating_mul(TILE_WIDTH)..end.min(self.size().value())
    }
}

impl NodeSource for Nodes {
    type Error = NoNode;

    /// Gives the nodes of level 8 and above.
    fn node(&self, at: NodeAt) -> Result<NodeHash, NoNode> {
        let (level, height) = (at.level / TILE_HEIGHT, at.level % TILE_HEIGHT);
        let first = at.index.checked_shl(height).ok_or(NoNode)?;
        let slots = first..first.checked_add(1 << height).ok_or(NoNode)?;
        let hashes = self.tile(level, slots).ok_or(NoNode)?;
        perfect_root(hashes.to_vec()).ok_or(NoNode)
    }
}
