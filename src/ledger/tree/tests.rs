//! Roots and proofs against the slow, recursive definitions of RFC 6962 §2.1, and proofs that must not hold.

#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::{cell::RefCell, collections::HashMap, convert::Infallible};

use proptest::prelude::*;

use super::*;

/// `MTH`, as the RFC writes it.
fn slow_root(leaves: &[LeafHash]) -> NodeHash {
    match leaves {
        [] => RootHash::empty().into(),
        [leaf] => (*leaf).into(),
        _ => {
            let (left, right) = leaves.split_at(power_below(leaves.len()));
            NodeHash::of_children(&slow_root(left), &slow_root(right))
        }
    }
}

/// `PATH`, as the RFC writes it.
fn slow_path(m: usize, leaves: &[LeafHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return vec![];
    }
    let k = power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m < k {
        [slow_path(m, left), vec![slow_root(right)]].concat()
    } else {
        [slow_path(m - k, right), vec![slow_root(left)]].concat()
    }
}

/// `SUBPROOF`, as the RFC writes it.
fn slow_subproof(m: usize, leaves: &[LeafHash], whole: bool) -> Vec<NodeHash> {
    if m == leaves.len() {
        return if whole {
            vec![]
        } else {
            vec![slow_root(leaves)]
        };
    }
    let k = power_below(leaves.len());
    let (left, right) = leaves.split_at(k);
    if m <= k {
        [slow_subproof(m, left, whole), vec![slow_root(right)]].concat()
    } else {
        [slow_subproof(m - k, right, false), vec![slow_root(left)]].concat()
    }
}

fn power_below(n: usize) -> usize {
    n.next_power_of_two() / 2
}

fn leaves(n: u64) -> Vec<LeafHash> {
    (0..n)
        .map(|i| LeafHash::of_entry(&i.to_le_bytes()))
        .collect()
}

/// The nodes that a frontier completed.
#[derive(Default)]
struct Nodes(HashMap<NodeAt, NodeHash>);

impl NodeSource for Nodes {
    type Error = NodeAt;

    fn node(&self, at: NodeAt) -> Result<NodeHash, NodeAt> {
        self.0.get(&at).copied().ok_or(at)
    }
}

fn grow(leaves: &[LeafHash]) -> (Frontier, Nodes) {
    let (mut tree, mut nodes) = (Frontier::new(), Nodes::default());
    for leaf in leaves {
        tree.push(*leaf, |at, node| {
            assert_eq!(nodes.0.insert(at, node), None, "{at:?} was completed twice");
        });
    }
    (tree, nodes)
}

fn size(n: usize) -> TreeSize {
    TreeSize::new(count(n))
}

#[test]
fn roots_and_proofs_are_those_of_the_definition_up_to_130_leaves() {
    let all = leaves(130);
    let (_, nodes) = grow(&all);
    let mut growing = Frontier::new();
    let roots: Vec<RootHash> = (0..=130).map(|n| slow_root(&all[..n]).into()).collect();
    for n in 0..=130 {
        assert_eq!(growing.root(), roots[n]);
        assert_eq!(Frontier::read(&nodes, size(n)), Ok(growing.clone()));
        let resumed = Frontier::resume(size(n), growing.subtrees().to_vec());
        assert_eq!(resumed, Some(growing.clone()));
        for m in 0..n {
            let index = EntryIndex::new(count(m));
            let proof = prove_inclusion(&nodes, index, size(n)).unwrap().unwrap();
            assert_eq!(proof, slow_path(m, &all[..n]), "{m} in {n}");
            assert!(inclusion_holds(index, size(n), all[m], &proof, roots[n]));
        }
        for m in 1..=n {
            let proof = prove_consistency(&nodes, size(m), size(n))
                .unwrap()
                .unwrap();
            assert_eq!(proof, slow_subproof(m, &all[..n], true), "{m} to {n}");
            let (old, new) = ((size(m), roots[m]), (size(n), roots[n]));
            assert!(consistency_holds(old, new, &proof));
        }
        if let Some(leaf) = all.get(n) {
            growing.push(*leaf, |_, _| {});
        }
    }
}

#[test]
fn nothing_is_proven_beyond_the_tree_or_from_an_empty_one() {
    let (tree, nodes) = grow(&leaves(9));
    let at = |index, n| prove_inclusion(&nodes, EntryIndex::new(index), size(n)).unwrap();
    assert_eq!((at(9, 9), at(0, 0), at(u64::MAX, 9)), (None, None, None));
    let from = |m, n| prove_consistency(&nodes, size(m), size(n)).unwrap();
    assert_eq!((from(0, 9), from(0, 0), from(9, 8)), (None, None, None));
    let empty = (TreeSize::EMPTY, RootHash::empty());
    assert!(!consistency_holds(empty, empty, &[]));
    assert!(!consistency_holds(empty, (size(9), tree.root()), &[]));
    assert!(!consistency_holds((size(9), tree.root()), empty, &[]));
}

#[test]
fn a_perfect_subtree_stands_where_its_leaves_would_and_nowhere_else() {
    for before in 0..20 {
        let all = leaves(before + 8);
        let (whole, _) = grow(&all);
        for level in 0..4 {
            let (start, end) = (before as usize, before as usize + (1 << level));
            let (mut grown, _) = grow(&all[..start]);
            let fits = grown.push_subtree(level, slow_root(&all[start..end]));
            assert_eq!(fits, before % (1 << level) == 0, "{before}, {level}");
            let first = if fits { end } else { start };
            for leaf in &all[first..] {
                grown.push(*leaf, |_, _| {});
            }
            assert_eq!(grown, whole, "{before}, {level}");
        }
    }
    let mut empty = Frontier::new();
    assert!(!empty.push_subtree(64, NodeHash::from_bytes([1; 32])));
    assert!(empty.push_subtree(63, NodeHash::from_bytes([1; 32])));
    assert!(
        !empty
            .clone()
            .push_subtree(64, NodeHash::from_bytes([1; 32]))
    );
    assert!(!empty.push_subtree(63, NodeHash::from_bytes([2; 32])));
}

#[test]
fn a_frontier_is_not_resumed_with_another_number_of_subtrees() {
    let node = NodeHash::from_bytes([0; 32]);
    for n in [0, 1, 5, 7, u64::MAX] {
        let right = n.count_ones() as usize;
        for nodes in [right.saturating_sub(1), right, right + 1] {
            let resumed = Frontier::resume(TreeSize::new(n), vec![node; nodes]);
            assert_eq!(resumed.is_some(), nodes == right, "{nodes} for {n}");
        }
    }
}

/// A tree too large to build, all of whose leaves are the same, so that nodes of a level are too.
struct Uniform(RefCell<Vec<NodeHash>>);

impl NodeSource for Uniform {
    type Error = Infallible;

    fn node(&self, at: NodeAt) -> Result<NodeHash, Infallible> {
        let mut levels = self.0.borrow_mut();
        while levels.len() <= at.level as usize {
            let below = *levels.last().unwrap();
            levels.push(NodeHash::of_children(&below, &below));
        }
        Ok(levels[at.level as usize])
    }
}

proptest! {
    #[test]
    fn larger_trees_are_those_of_the_definition_too(n in 131usize..2500, m in any::<prop::sample::Index>()) {
        let all = leaves(count(n));
        let (tree, nodes) = grow(&all);
        let m = m.index(n);
        prop_assert_eq!(tree.root(), slow_root(&all).into());
        let proof = prove_inclusion(&nodes, EntryIndex::new(count(m)), size(n)).unwrap().unwrap();
        prop_assert_eq!(proof, slow_path(m, &all));
        let proof = prove_consistency(&nodes, size(m + 1), size(n)).unwrap().unwrap();
        prop_assert_eq!(proof, slow_subproof(m + 1, &all, true));
    }

    /// Up to the largest size there can be, without an overflow.
    #[test]
    fn the_largest_trees_are_proven_too(new in 1u64.., pick in any::<u64>(), edge in 0u64..3) {
        let leaf = LeafHash::of_entry(b"same");
        let source = Uniform(RefCell::new(vec![leaf.into()]));
        for (new, m) in [(new, pick % new), (u64::MAX - edge, u64::MAX - 1 - edge - pick % 3), (1 << 63, pick >> 1)] {
            let (index, sized) = (EntryIndex::new(m), TreeSize::new(new));
            let root = |size| Frontier::read(&source, size).unwrap().root();
            let proof = prove_inclusion(&source, index, sized).unwrap().unwrap();
            prop_assert!(inclusion_holds(index, sized, leaf, &proof, root(sized)));
            let old = index.tree_size();
            let proof = prove_consistency(&source, old, sized).unwrap().unwrap();
            prop_assert!(consistency_holds((old, root(old)), (sized, root(sized)), &proof));
        }
    }

    #[test]
    fn an_altered_inclusion_proof_never_holds(n in 1usize..200, pick in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let all = leaves(count(n));
        let (tree, nodes) = grow(&all);
        let (m, root) = (pick.index(n), tree.root());
        let index = EntryIndex::new(count(m));
        let proof = prove_inclusion(&nodes, index, size(n)).unwrap().unwrap();
        let holds = |index, n, leaf, proof: &[NodeHash], root| inclusion_holds(index, size(n), leaf, proof, root);
        prop_assert!(holds(index, n, all[m], &proof, root));
        for bad in altered(&proof, bit) {
            prop_assert!(!holds(index, n, all[m], &bad, root));
        }
        prop_assert!(!holds(index, n, LeafHash::of_entry(b"other"), &proof, root));
        prop_assert!(!holds(index, n, all[m], &proof, RootHash::empty()));
        for other in (0..=count(n)).filter(|other| *other != count(m)) {
            prop_assert!(!holds(EntryIndex::new(other), n, all[m], &proof, root));
        }
        // A proof's length and turns may fit another size: the size is bound by the checkpoint's signature, not by it.
        prop_assert!(!holds(index, m, all[m], &proof, root));
    }

    #[test]
    fn an_altered_consistency_proof_never_holds(n in 1usize..200, pick in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let all = leaves(count(n));
        let (tree, nodes) = grow(&all);
        let m = pick.index(n) + 1;
        let old = (size(m), RootHash::from(slow_root(&all[..m])));
        let new = (size(n), tree.root());
        let proof = prove_consistency(&nodes, old.0, new.0).unwrap().unwrap();
        prop_assert!(consistency_holds(old, new, &proof));
        for bad in altered(&proof, bit) {
            prop_assert!(!consistency_holds(old, new, &bad));
        }
        prop_assert!(!consistency_holds((old.0, RootHash::empty()), new, &proof));
        prop_assert!(!consistency_holds(old, (new.0, RootHash::empty()), &proof));
        if m < n {
            prop_assert!(!consistency_holds(new, old, &proof));
            prop_assert!(!consistency_holds((old.0, new.1), new, &proof));
        }
    }

    #[test]
    fn any_proof_for_any_size_ends_without_a_panic(
        m in any::<u64>(),
        n in any::<u64>(),
        proof in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let proof: Vec<NodeHash> = proof.into_iter().map(NodeHash::from_bytes).collect();
        let (hash, other) = (RootHash::from_bytes([1; 32]), RootHash::from_bytes([2; 32]));
        for (m, n) in [(m, n), (m, m), (m, m.saturating_add(1)), (m >> 32, n), (u64::MAX, u64::MAX), (1 << 63, u64::MAX)] {
            let leaf = LeafHash::from_bytes([1; 32]);
            let single = m == 0 && n == 1 && proof.is_empty();
            prop_assert_eq!(inclusion_holds(EntryIndex::new(m), TreeSize::new(n), leaf, &proof, hash), single);
            prop_assert!(!consistency_holds((TreeSize::new(m), hash), (TreeSize::new(n), other), &proof));
        }
    }
}

/// A proof with one bit flipped, with each hash left out, swapped with the next, put in twice, and one more at either end.
fn altered(proof: &[NodeHash], bit: prop::sample::Index) -> Vec<Vec<NodeHash>> {
    let mut all = vec![[proof, &[NodeHash::from_bytes([5; 32])]].concat()];
    all.push([&[NodeHash::from_bytes([5; 32])], proof].concat());
    if !proof.is_empty() {
        let bit = bit.index(proof.len() * 256);
        let mut flipped = proof.to_vec();
        let mut bytes = *flipped[bit / 256].as_bytes();
        bytes[bit / 8 % 32] ^= 1 << (bit % 8);
        flipped[bit / 256] = NodeHash::from_bytes(bytes);
        all.push(flipped);
    }
    for at in 0..proof.len() {
        let (mut without, mut twice) = (proof.to_vec(), proof.to_vec());
        without.remove(at);
        twice.insert(at, proof[at]);
        all.extend([without, twice]);
        if at + 1 < proof.len() {
            let mut swapped = proof.to_vec();
            swapped.swap(at, at + 1);
            all.push(swapped);
        }
    }
    all
}
