//! A sealed batch: entries, signed checkpoint, and the proofs from one to the other.
//!
//! The proof for an entry of the batch, in the tree that ends with the batch, needs no index: a subtree beside the
//! way up is one that the batch completed, or lies wholly before the batch and is then one of the frontier's. So
//! first receipts are made from memory, by whoever wants one, without asking the disk.

use std::sync::{Arc, OnceLock};

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    hash::NodeHash,
    position::{EntryIndex, TreeSize, UnixNanos, count, length},
    receipt::Receipt,
    state::Batch,
    tree::{Frontier, NodeAt, NodeSource, prove_inclusion},
};

use super::answer::Recorded;

/// A batch with its signed checkpoint. Until it is committed the signature must not leave.
pub(super) struct Sealed {
    /// The tree before the batch.
    before: Frontier,
    /// When the ledger took its events: all of them at once.
    recorded_at: UnixNanos,
    pub(super) batch: Batch,
    pub(super) checkpoint: Arc<SignedCheckpoint>,
    /// Made when the first receipt is asked for: streams mostly want none.
    nodes: OnceLock<BatchNodes>,
}

impl Sealed {
    /// Puts a batch and its checkpoint together. The time is that of its entries.
    pub(super) fn new(
        before: Frontier,
        recorded_at: UnixNanos,
        batch: Batch,
        checkpoint: SignedCheckpoint,
    ) -> Self {
        Self {
            before,
            recorded_at,
            batch,
            checkpoint: Arc::new(checkpoint),
            nodes: OnceLock::new(),
        }
    }

    /// The size of the ledger once the batch is committed.
    pub(super) fn size(&self) -> TreeSize {
        self.checkpoint.checkpoint().size
    }

    /// Where an entry of the batch stands, and its first receipt where it is wanted. `None` when the batch has no
    /// such entry.
    pub(super) fn recorded(
        &self,
        place: usize,
        duplicate: bool,
        want_receipt: bool,
    ) -> Option<Recorded> {
        let index = self.index_of(place);
        Some(Recorded {
            index,
            recorded_at: self.recorded_at,
            leaf_hash: *self.batch.leaves.get(place)?,
            tree_size: self.size(),
            duplicate,
            receipt: if want_receipt {
                Some(self.receipt(place)?)
            } else {
                None
            },
        })
    }

    /// The index of the entry at a place of the batch.
    pub(super) fn index_of(&self, place: usize) -> EntryIndex {
        self.batch.first.plus(count(place))
    }

    fn receipt(&self, place: usize) -> Option<Receipt> {
        let index = self.index_of(place);
        let nodes = self
            .nodes
            .get_or_init(|| BatchNodes::new(&self.before, &self.batch));
        Some(Receipt {
            entry: self.batch.entries.get(place)?.clone(),
            index,
            proof: prove_inclusion(nodes, index, self.size()).ok()??,
            checkpoint: SignedCheckpoint::clone(&self.checkpoint),
        })
    }
}

/// The nodes of the tree that proofs for a batch's entries need.
pub(super) struct BatchNodes {
    before: Frontier,
    /// For each tree level the nodes that the batch completed, in order, and the index of the first.
    levels: Vec<(u64, Vec<NodeHash>)>,
}

/// A node that no proof for an entry of the batch needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("level {} index {} is neither in the batch nor on the frontier before it", .0.level, .0.index)]
pub(super) struct NotHere(NodeAt);

impl BatchNodes {
    pub(super) fn new(before: &Frontier, batch: &Batch) -> Self {
        let mut levels: Vec<(u64, Vec<NodeHash>)> = Vec::new();
        let mut tree = before.clone();
        for leaf in &batch.leaves {
            tree.push(*leaf, |at, hash| {
                // Levels are completed from below, so a new one is always the next.
                match levels.get_mut(length(u64::from(at.level))) {
                    Some((_, nodes)) => nodes.push(hash),
                    None => levels.push((at.index, vec![hash])),
                }
            });
        }
        Self {
            before: before.clone(),
            levels,
        }
    }

    fn completed(&self, at: NodeAt) -> Option<NodeHash> {
        let (first, nodes) = self.levels.get(length(u64::from(at.level)))?;
        nodes.get(length(at.index.checked_sub(*first)?)).copied()
    }

    /// The frontier has a subtree of a level where the size has that bit, and it is the last whole one there.
    fn on_frontier(&self, at: NodeAt) -> Option<NodeHash> {
        let whole = self.before.size().value().checked_shr(at.level)?;
        let larger = (whole >> 1).count_ones();
        let is_last = whole & 1 == 1 && at.index == whole & !1;
        self.before
            .subtrees()
            .get(usize::try_from(larger).ok()?)
            .filter(|_| is_last)
            .copied()
    }
}

impl NodeSource for BatchNodes {
    type Error = NotHere;

    fn node(&self, at: NodeAt) -> Result<NodeHash, NotHere> {
        self.completed(at)
            .or_else(|| self.on_frontier(at))
            .ok_or(NotHere(at))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)]

    use proptest::prelude::*;

    use super::*;
    use crate::ledger::{checkpoint::Checkpoint, hash::LeafHash, tree::inclusion_holds};

    fn leaf(index: u64) -> LeafHash {
        LeafHash::of_entry(&index.to_le_bytes())
    }

    /// The root of the leaves `low..high`, as RFC 6962 defines it.
    fn root(low: u64, high: u64) -> NodeHash {
        if high - low == 1 {
            return leaf(low).into();
        }
        let middle = low + (high - low).next_power_of_two() / 2;
        NodeHash::of_children(&root(low, middle), &root(middle, high))
    }

    struct WholeTree;

    impl NodeSource for WholeTree {
        type Error = NotHere;

        fn node(&self, at: NodeAt) -> Result<NodeHash, NotHere> {
            Ok(root(at.index << at.level, (at.index + 1) << at.level))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn proofs_of_a_batch_are_those_of_the_whole_tree(before in 0u64..300, size in 1u64..70) {
            let mut tree = Frontier::new();
            (0..before).for_each(|index| tree.push(leaf(index), |_, _| {}));
            let end = TreeSize::new(before + size);
            let batch = Batch {
                first: EntryIndex::new(before),
                entries: Vec::new(),
                leaves: (before..end.value()).map(leaf).collect(),
                events: Vec::new(),
                checkpoint: Checkpoint {
                    origin: "ledger.example/batch".parse().unwrap(),
                    size: end,
                    root: root(0, end.value()).into(),
                },
            };
            let nodes = BatchNodes::new(&tree, &batch);
            for index in (before..end.value()).map(EntryIndex::new) {
                let proof = prove_inclusion(&nodes, index, end).unwrap().unwrap();
                prop_assert_eq!(&proof, &prove_inclusion(&WholeTree, index, end).unwrap().unwrap());
                prop_assert!(inclusion_holds(index, end, leaf(index.value()), &proof, batch.checkpoint.root));
            }
            // An entry before the batch is somebody else's business, and is refused, not guessed.
            if before >= 2 {
                prop_assert!(prove_inclusion(&nodes, EntryIndex::new(0), end).is_err());
            }
        }
    }
}
