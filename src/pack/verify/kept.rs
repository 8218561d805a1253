//! Comparing with what was kept elsewhere: checkpoints and receipts that a rewritten history can't explain.

use std::collections::BTreeMap;

use super::{VerifyError, VerifyOptions};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::{LeafHash, RootHash},
        note::VerifierKey,
        position::{EntryIndex, TreeSize, count, length},
        tree::Frontier,
        verify::Findings,
    },
    pack::report::MoreCounts,
};

/// Checkpoints and receipts, and what the ledger at hand says where they speak.
pub(super) struct Kept {
    checkpoints: Vec<(TreeSize, RootHash)>,
    /// Checkpoints given as such, at the front of the list; the rest are those of receipts.
    pinned: usize,
    receipts: Vec<(EntryIndex, LeafHash)>,
    /// The roots of the ledger at hand at the sizes that are asked for.
    roots: BTreeMap<TreeSize, Option<RootHash>>,
    /// The leaves of the ledger at hand at the indexes of the receipts.
    leaves: BTreeMap<EntryIndex, Option<LeafHash>>,
}

impl Kept {
    /// Takes what the caller kept.
    ///
    /// # Errors
    /// When a checkpoint or receipt is not itself proven by the trusted key.
    pub(super) fn open(options: &VerifyOptions, key: &VerifierKey) -> Result<Self, VerifyError> {
        let unusable = |what: &str, error: &dyn std::fmt::Display| {
            VerifyError::Evidence(format!("{what}: {error}"))
        };
        let mut checkpoints = Vec::new();
        for kept in &options.trusted {
            kept.verify(key)
                .map_err(|error| unusable("a checkpoint", &error))?;
            checkpoints.push((kept.checkpoint().size, kept.checkpoint().root));
        }
        let pinned = checkpoints.len();
        let mut receipts = Vec::new();
        for receipt in &options.receipts {
            receipt
                .verify(key)
                .map_err(|error| unusable("a receipt", &error))?;
            let signed = receipt.checkpoint.checkpoint();
            checkpoints.push((signed.size, signed.root));
            receipts.push((receipt.index, LeafHash::of_entry(&receipt.entry)));
        }
        Ok(Self {
            roots: checkpoints.iter().map(|(size, _)| (*size, None)).collect(),
            leaves: receipts.iter().map(|(index, _)| (*index, None)).collect(),
            checkpoints,
            pinned,
            receipts,
        })
    }

    /// Asks for the root at one more size.
    pub(super) fn watch(&mut self, size: TreeSize) {
        self.roots.entry(size).or_insert(None);
    }

    /// Takes the next leaves, before they are in the tree.
    pub(super) fn observe(
        &mut self,
        tree: Option<&Frontier>,
        first: EntryIndex,
        leaves: &[LeafHash],
    ) {
        let end = first.plus(count(leaves.len()));
        for (index, leaf) in self.leaves.range_mut(first..end) {
            let at = length(index.value().saturating_sub(first.value()));
            *leaf = leaves.get(at).copied();
        }
        let Some(tree) = tree else { return };
        let sizes = first.tree_size()..=TreeSize::new(end.value());
        for (size, root) in self.roots.range_mut(sizes) {
            let mut grown = tree.clone();
            let more = length(size.value().saturating_sub(tree.size().value()));
            for leaf in leaves.iter().take(more) {
                grown.push(*leaf, |_, _| {});
            }
            *root = (grown.size() == *size).then(|| grown.root());
        }
    }

    /// The root at a size that was asked for; `None` when the entries up to there are not all at hand.
    pub(super) fn root_at(&self, size: TreeSize) -> Option<RootHash> {
        if size == TreeSize::EMPTY {
            return Some(RootHash::empty());
        }
        self.roots.get(&size).copied().flatten()
    }

    /// Compares: `size` is how far the ledger at hand goes, and `root_from_tiles` gives a root that no pass over the
    /// entries has given.
    pub(super) fn compare(
        &self,
        size: TreeSize,
        root_from_tiles: impl Fn(TreeSize) -> Option<RootHash>,
        findings: &mut Findings,
        more: &mut MoreCounts,
        not_checked: &mut Vec<String>,
    ) {
        for (number, (kept, root)) in self.checkpoints.iter().enumerate() {
            let what = if number < self.pinned {
                "a kept checkpoint"
            } else {
                "a kept receipt"
            };
            if *kept > size {
                findings.push(Finding::at(
                    FindingKind::RolledBack,
                    size.next_index(),
                    format!("the {kept} entries of {what}"),
                    format!("{size} entries"),
                ));
                continue;
            }
            match self.root_at(*kept).or_else(|| root_from_tiles(*kept)) {
                Some(found) if found == *root => {
                    if number < self.pinned {
                        more.trusted_checkpoints = more.trusted_checkpoints.saturating_add(1);
                    }
                }
                Some(found) => findings.push(Finding::new(
                    FindingKind::Forked,
                    format!("root {root} at size {kept}, of {what}"),
                    format!("root {found}"),
                )),
                None => not_checked.push(format!(
                    "whether this continues {what} of size {kept}: the entries or tiles for it are not here"
                )),
            }
        }
        for (index, leaf) in &self.receipts {
            match self.leaves.get(index).copied().flatten() {
                Some(found) if found == *leaf => more.receipts = more.receipts.saturating_add(1),
                Some(found) => findings.push(Finding::at(
                    FindingKind::Forked,
                    *index,
                    format!("leaf {leaf} of a kept receipt"),
                    format!("leaf {found}"),
                )),
                None if index.value() < size.value() => not_checked.push(format!(
                    "the entry of the receipt for index {index}: it is not among the entries here"
                )),
                None => {}
            }
        }
    }
}
