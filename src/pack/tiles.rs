//! Which hash tiles a pack holds, and how the signed root vouches for them.
//!
//! For a range of bundles and a tree size, a pack holds the level-0 tiles of the bundles, on each level above the tiles
//! over them, and on every level the partial tile at the right edge of the tree. The partial tiles make the root; each
//! full tile is a slot of the tile above. So from the signed root down every tile is proven, whatever the range.

use std::{cell::RefCell, ops::Range};

use crate::ledger::{
    hash::{NodeHash, RootHash},
    position::{TreeSize, count, length},
    tile::{Span, TILE_HEIGHT, TILE_WIDTH, TileError, TileId, TileNodes, perfect_root},
    tree::{Frontier, NodeAt, NodeSource},
};

/// How many slots a tile level has in a tree of this size.
fn slots(level: u32, size: TreeSize) -> u64 {
    let shift = level.saturating_mul(TILE_HEIGHT);
    size.value().checked_shr(shift).unwrap_or(0)
}

/// The tiles of one level over these bundles: numbers, first and last.
fn over(level: u32, bundles: &Range<u64>) -> Option<(u64, u64)> {
    let shift = level.saturating_mul(TILE_HEIGHT);
    let last = bundles
        .end
        .checked_sub(1)
        .filter(|last| *last >= bundles.start)?;
    Some((
        bundles.start.checked_shr(shift).unwrap_or(0),
        last.checked_shr(shift).unwrap_or(0),
    ))
}

/// Whether a pack of these bundles of a tree of this size holds the tile.
pub(super) fn holds_tile(id: TileId, bundles: &Range<u64>, size: TreeSize) -> bool {
    let here = Span::of(id.span.number, slots(id.level, size)) == Some(id.span);
    let covers = over(id.level, bundles)
        .is_some_and(|(first, last)| (first..=last).contains(&id.span.number));
    here && (covers || !id.span.is_full())
}

/// The tiles above level 0, and the one at the right edge of level 0 where it lies beyond the bundles: what a pack
/// holds beside the tiles of its bundles. These are given as runs of consecutive numbers, so that the work goes with the
/// bundles that are there, however far apart they are said to lie and however large the tree is said to be.
pub(super) fn other_tiles(runs: Vec<Range<u64>>, size: TreeSize) -> impl Iterator<Item = TileId> {
    (0..TILE_HEIGHT).flat_map(move |level| {
        let total = slots(level, size);
        let tiles = total.div_ceil(TILE_WIDTH);
        let mut above: Vec<Range<u64>> = Vec::new();
        for run in runs.iter().filter(|_| level > 0) {
            let Some((first, last)) = over(level, run) else {
                continue;
            };
            let gone = above.last().map_or(0, |run| run.end);
            let (first, end) = (first.max(gone), last.saturating_add(1).min(tiles));
            if first < end {
                above.push(first..end);
            }
        }
        let there = if level == 0 { &runs } else { &above };
        let edge = tiles
            .checked_sub(1)
            .filter(|last| !there.iter().any(|run| run.contains(last)))
            .and_then(|number| Span::of(number, total))
            .filter(|span| !span.is_full());
        above
            .into_iter()
            .flatten()
            .filter_map(move |number| Span::of(number, total))
            .chain(edge)
            .map(move |span| TileId { level, span })
    })
}

/// Why a tile proves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TileProblem {
    /// It could not be read; that has been said.
    Unreadable,
    /// It is not the slot of the tile above, or the tiles at the right edge do not make the signed root.
    NotSigned,
}

/// The tree as its signed root vouches for it, read from tiles from the root down.
///
/// The tile last used on each level is kept, so that going through the tree in order reads each tile once.
pub(super) struct SignedTree<F> {
    size: TreeSize,
    /// Whether the partial tiles make the signed root.
    edge: bool,
    read: F,
    last: RefCell<Vec<Option<Kept>>>,
}

#[derive(Clone)]
struct Kept {
    id: TileId,
    hashes: Result<Vec<NodeHash>, TileProblem>,
}

impl<F> SignedTree<F>
where
    F: Fn(TileId) -> Option<Vec<NodeHash>>,
{
    /// Reads the right edge of the tree with the function, which gives `None` where a tile can't be had.
    pub(super) fn open(size: TreeSize, root: RootHash, read: F) -> Self {
        let mut tree = Self {
            size,
            edge: false,
            read,
            last: RefCell::new(vec![None; length(u64::from(TILE_HEIGHT))]),
        };
        let nodes = TileNodes::new(size, |id| {
            (tree.read)(id)
                .map(|hashes| crate::ledger::tile::encode_tile(&hashes))
                .ok_or(())
        });
        let frontier: Result<Frontier, TileError<()>> = Frontier::read(&nodes, size);
        tree.edge = frontier.is_ok_and(|frontier| frontier.root() == root);
        tree
    }

    /// Checks a tile that is at hand: whether the signed root vouches for it.
    pub(super) fn vouches_for(&self, id: TileId, hashes: &[NodeHash]) -> Result<(), TileProblem> {
        let signed = if id.span.is_full() {
            let above = self.slot(id.level.saturating_add(1), id.span.number)?;
            perfect_root(hashes.to_vec()) == Some(above)
        } else {
            self.edge
        };
        if signed {
            Ok(())
        } else {
            Err(TileProblem::NotSigned)
        }
    }

    /// The first hash of a partial tile at hand, if it is one of those that make the signed root.
    pub(super) fn edge_root(
        &self,
        id: TileId,
        hashes: &[NodeHash],
    ) -> Result<NodeHash, TileProblem> {
        self.vouches_for(id, hashes)?;
        hashes.first().copied().ok_or(TileProblem::Unreadable)
    }

    /// One slot of a tile level, as the signed root vouches for it.
    pub(super) fn slot(&self, level: u32, index: u64) -> Result<NodeHash, TileProblem> {
        let span =
            Span::of(index / TILE_WIDTH, slots(level, self.size)).ok_or(TileProblem::NotSigned)?;
        let hashes = self.tile(TileId { level, span })?;
        hashes
            .get(length(index % TILE_WIDTH))
            .copied()
            .ok_or(TileProblem::Unreadable)
    }

    /// A whole tile, as the signed root vouches for it.
    fn tile(&self, id: TileId) -> Result<Vec<NodeHash>, TileProblem> {
        let at = length(u64::from(id.level));
        if let Some(Some(kept)) = self.last.borrow().get(at)
            && kept.id == id
        {
            return kept.hashes.clone();
        }
        let hashes = match (self.read)(id) {
            None => Err(TileProblem::Unreadable),
            Some(hashes) => self.vouches_for(id, &hashes).map(|()| hashes),
        };
        if let Some(kept) = self.last.borrow_mut().get_mut(at) {
            *kept = Some(Kept {
                id,
                hashes: hashes.clone(),
            });
        }
        hashes
    }
}

impl<F> NodeSource for SignedTree<F>
where
    F: Fn(TileId) -> Option<Vec<NodeHash>>,
{
    type Error = TileError<String>;

    fn node(&self, at: NodeAt) -> Result<NodeHash, Self::Error> {
        let nodes = TileNodes::new(self.size, |id| {
            self.tile(id)
                .map(|hashes| crate::ledger::tile::encode_tile(&hashes))
                .map_err(|_| id.to_string())
        });
        nodes.node(at)
    }
}

/// The tiles above level 0 while the tree grows: on each level the nodes of the tile that is not yet full.
#[derive(Default)]
pub(super) struct UpperTiles {
    /// From level 1 up: the number of the tile that is not yet full, and its nodes.
    levels: Vec<(u64, Vec<NodeHash>)>,
}

impl UpperTiles {
    /// Takes the root over a full level-0 tile, and gives the tiles it completes.
    pub(super) fn push(&mut self, root: NodeHash) -> Vec<(TileId, Vec<NodeHash>)> {
        let mut completed: Vec<(TileId, Vec<NodeHash>)> = Vec::new();
        let mut node = Some(root);
        for level in 1..TILE_HEIGHT {
            let Some(root) = node else {
                break;
            };
            let at = length(u64::from(level)).saturating_sub(1);
            if self.levels.len() <= at {
                self.levels.push((0, Vec::new()));
            }
            let Some((number, nodes)) = self.levels.get_mut(at) else {
                break;
            };
            nodes.push(root);
            if count(nodes.len()) < TILE_WIDTH {
                break;
            }
            let full = std::mem::take(nodes);
            node = perfect_root(full.clone());
            let span = Span {
                number: *number,
                width: 256,
            };
            completed.push((TileId { level, span }, full));
            *number = number.saturating_add(1);
        }
        completed
    }

    /// The partial tiles at the right edge, from level 1 up.
    pub(super) fn into_partial(self) -> impl Iterator<Item = (TileId, Vec<NodeHash>)> {
        (1..)
            .zip(self.levels)
            .filter_map(|(level, (number, nodes))| {
                let width = u16::try_from(nodes.len()).ok().filter(|width| *width > 0)?;
                let span = Span { number, width };
                Some((TileId { level, span }, nodes))
            })
    }
}
