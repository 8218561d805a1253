//! The Merkle tree of [RFC 6962 §2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1): roots and proofs.
//!
//! A [`Frontier`] is all that appending needs: the roots of the perfect subtrees that make up the tree, at most
//! 64 hashes. Proofs need the inner nodes too and take them from a [`NodeSource`], usually tiles. Verifying a
//! proof needs neither.

use super::{
    hash::{LeafHash, NodeHash, RootHash},
    position::{EntryIndex, TreeSize, count},
};

/// The roots of the perfect subtrees of a tree, largest first: one for each bit set in its size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: TreeSize,
    subtrees: Vec<NodeHash>,
}

impl Frontier {
    /// The frontier of the tree without any entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up where a tree of this size ended; `None` unless there is one subtree for each bit set in it.
    pub fn resume(size: TreeSize, subtrees: Vec<NodeHash>) -> Option<Self> {
        (count(subtrees.len()) == u64::from(size.value().count_ones()))
            .then_some(Self { size, subtrees })
    }

    /// Reads the frontier of a tree from its nodes.
    ///
    /// # Errors
    /// As the source.
    pub fn read<S: NodeSource>(source: &S, size: TreeSize) -> Result<Self, S::Error> {
        let subtrees = perfect_subtrees(0, size.value())
            .map(|node| source.node(node))
            .collect::<Result<_, _>>()?;
        Ok(Self { size, subtrees })
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn subtrees(&self) -> &[NodeHash] {
        &self.subtrees
    }

    /// Adds one leaf, and gives each node that it completes: the leaf itself, its parent if it was the right
    /// child, and so on up.
    pub fn push(&mut self, leaf: LeafHash, completed: impl FnMut(NodeAt, NodeHash)) {
        let index = self.size.value();
        self.join(NodeAt { level: 0, index }, leaf.into(), completed);
        self.size = self.size.plus(1);
    }

    /// Adds the `2^level` leaves of a perfect subtree with this root. `false`, and nothing is added, where such a
    /// subtree can't stand next.
    pub fn push_subtree(&mut self, level: u32, root: NodeHash) -> bool {
        let size = self.size.value();
        let end = 1u64
            .checked_shl(level)
            .filter(|leaves| size.is_multiple_of(*leaves))
            .and_then(|leaves| size.checked_add(leaves));
        if let Some(end) = end {
            let index = size.checked_shr(level).unwrap_or(0);
            self.join(NodeAt { level, index }, root, |_, _| {});
            self.size = TreeSize::new(end);
        }
        end.is_some()
    }

    /// Puts a node behind the subtrees there are, and those it completes in their place.
    fn join(
        &mut self,
        at: NodeAt,
        mut node: NodeHash,
        mut completed: impl FnMut(NodeAt, NodeHash),
    ) {
        completed(at, node);
        for above in 1..=at.index.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                node = NodeHash::of_children(&left, &node);
                let (level, index) = (at.level.saturating_add(above), at.index.checked_shr(above));
                let index = index.unwrap_or(0);
                completed(NodeAt { level, index }, node);
            }
        }
        self.subtrees.push(node);
    }

    /// The root of the tree.
    pub fn root(&self) -> RootHash {
        fold(self.subtrees.iter().copied()).map_or_else(RootHash::empty, RootHash::from)
    }
}

/// Where a node of the tree stands: the root of the perfect subtree over the leaves
/// `index << level .. (index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeAt {
    /// Height over the leaves.
    pub level: u32,
    /// Position among the nodes of its level.
    pub index: u64,
}

/// Gives the nodes of a tree, such as tiles do.
pub trait NodeSource {
    /// Why a node could not be had.
    type Error;

    /// The node at this place, which must be one of a perfect subtree of the tree.
    ///
    /// # Errors
    /// When it can't be had.
    fn node(&self, at: NodeAt) -> Result<NodeHash, Self::Error>;
}

/// Makes the proof that an entry is in the tree of this size: the hashes beside the way up, the leaf's sibling
/// first. `None` when the entry is not in the tree.
///
/// # Errors
/// As the source.
pub fn prove_inclusion<S: NodeSource>(
    source: &S,
    index: EntryIndex,
    size: TreeSize,
) -> Result<Option<Vec<NodeHash>>, S::Error> {
    if !size.contains(index) {
        return Ok(None);
    }
    let (mut low, mut high, mut beside) = (0, size.value(), Vec::new());
    while high.saturating_sub(low) > 1 {
        let middle = split(low, high);
        if index.value() < middle {
            beside.push((middle, high));
            high = middle;
        } else {
            beside.push((low, middle));
            low = middle;
        }
    }
    beside
        .into_iter()
        .rev()
        .map(|(low, high)| range_root(source, low, high))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Makes the proof that the tree of one size is the beginning of the tree of another. Empty when the sizes are
/// equal; `None` when `old` is empty or larger than `new`.
///
/// # Errors
/// As the source.
pub fn prove_consistency<S: NodeSource>(
    source: &S,
    old: TreeSize,
    new: TreeSize,
) -> Result<Option<Vec<NodeHash>>, S::Error> {
    let m = old.value();
    if m == 0 || old > new {
        return Ok(None);
    }
    let (mut low, mut high, mut whole, mut ranges) = (0, new.value(), true, Vec::new());
    while m != high {
        let middle = split(low, high);
        if m <= middle {
            ranges.push((middle, high));
            high = middle;
        } else {
            ranges.push((low, middle));
            low = middle;
            whole = false;
        }
    }
    if !whole {
        ranges.push((low, high));
    }
    ranges
        .into_iter()
        .rev()
        .map(|(low, high)| range_root(source, low, high))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Whether the proof binds this leaf, as the entry at this index, to the root of the tree of this size.
pub fn inclusion_holds(
    index: EntryIndex,
    size: TreeSize,
    leaf: LeafHash,
    proof: &[NodeHash],
    root: RootHash,
) -> bool {
    let Some(last) = size.last().filter(|_| size.contains(index)) else {
        return false;
    };
    let mut walk = Walk {
        node: index.value(),
        last: last.value(),
    };
    let mut hash = NodeHash::from(leaf);
    for beside in proof {
        hash = match walk.side() {
            None => return false,
            Some(Side::Left) => NodeHash::of_children(beside, &hash),
            Some(Side::Right) => NodeHash::of_children(&hash, beside),
        };
        walk.up();
    }
    walk.last == 0 && RootHash::from(hash) == root
}

/// Whether the proof shows that the tree of the old size and root is the beginning of the new one. Nothing is
/// proven about an old tree of size zero: that is the caller's to decide.
pub fn consistency_holds(
    (old_size, old_root): (TreeSize, RootHash),
    (new_size, new_root): (TreeSize, RootHash),
    proof: &[NodeHash],
) -> bool {
    let (Some(old_last), Some(new_last)) = (old_size.last(), new_size.last()) else {
        return false;
    };
    if old_size >= new_size {
        return old_size == new_size && proof.is_empty() && old_root == new_root;
    }
    // Where the old tree is one perfect subtree, its root is the start and is left out of the proof.
    let (start, rest) = if old_size.value().is_power_of_two() {
        (NodeHash::from(old_root), proof)
    } else {
        match proof.split_first() {
            Some((first, rest)) => (*first, rest),
            None => return false,
        }
    };
    if proof.is_empty() {
        return false;
    }
    let shift = old_last.value().trailing_ones();
    let mut walk = Walk {
        node: old_last.value() >> shift,
        last: new_last.value() >> shift,
    };
    let (mut from_old, mut from_new) = (start, start);
    for beside in rest {
        match walk.side() {
            None => return false,
            Some(Side::Left) => {
                from_old = NodeHash::of_children(beside, &from_old);
                from_new = NodeHash::of_children(beside, &from_new);
            }
            Some(Side::Right) => from_new = NodeHash::of_children(&from_new, beside),
        }
        walk.up();
    }
    walk.last == 0 && RootHash::from(from_old) == old_root && RootHash::from(from_new) == new_root
}

/// The way up from a node to the root, as both verifiers go it: the node's index at each level, and the last
/// index of that level.
struct Walk {
    node: u64,
    last: u64,
}

/// On which side of the node the proof's next hash stands.
enum Side {
    Left,
    Right,
}

impl Walk {
    /// The side of the next hash; `None` at the root. A last node without a sibling moves up until it has one.
    fn side(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        if self.node & 1 == 1 {
            return Some(Side::Left);
        }
        if self.node != self.last {
            return Some(Side::Right);
        }
        let alone = self.node.trailing_zeros();
        self.node = self.node.checked_shr(alone).unwrap_or(0);
        self.last = self.last.checked_shr(alone).unwrap_or(0);
        Some(Side::Left)
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}

/// The largest power of two below the length of the range, counted from its start.
fn split(low: u64, high: u64) -> u64 {
    let below = high.saturating_sub(low).saturating_sub(1);
    low.saturating_add(
        1u64.checked_shl(below.checked_ilog2().unwrap_or(0))
            .unwrap_or(0),
    )
}

/// The root of the leaves `low..high`, where `low` is a multiple of the largest power of two in the range.
fn range_root<S: NodeSource>(source: &S, low: u64, high: u64) -> Result<NodeHash, S::Error> {
    let nodes = perfect_subtrees(low, high)
        .map(|at| source.node(at))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(fold(nodes.into_iter()).unwrap_or_else(|| RootHash::empty().into()))
}

/// The perfect subtrees that make up the leaves `low..high`, largest first.
fn perfect_subtrees(mut low: u64, high: u64) -> impl Iterator<Item = NodeAt> {
    std::iter::from_fn(move || {
        let level = high.saturating_sub(low).checked_ilog2()?;
        let at = NodeAt {
            level,
            index: low >> level,
        };
        low = low.saturating_add(1 << level);
        Some(at)
    })
}

/// Joins subtree roots, largest first, from the right.
fn fold(subtrees: impl DoubleEndedIterator<Item = NodeHash>) -> Option<NodeHash> {
    subtrees
        .rev()
        .reduce(|right, left| NodeHash::of_children(&left, &right))
}

#[cfg(test)]
mod tests;
