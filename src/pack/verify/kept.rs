//! Comparing with what was kept elsewhere: checkpoints and receipts that a rewritten history can't explain.

use std::collections::BTreeMap;

use super::{Remembered, VerifyError, VerifyOptions};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::{LeafHash, RootHash},
        keys::Keyring,
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
    remembered: Option<Remembered>,
    /// The roots of the ledger at hand at the sizes that are asked for.
    roots: BTreeMap<TreeSize, Option<RootHash>>,
    /// The leaves of the ledger at hand at the indexes of the receipts, and the first.
    leaves: BTreeMap<EntryIndex, Option<LeafHash>>,
}

impl Kept {
    /// Takes what the caller kept.
    ///
    /// # Errors
    /// When a checkpoint or receipt is not itself proven by the trusted key.
    pub(super) fn open(options: &VerifyOptions, keys: &Keyring) -> Result<Self, VerifyError> {
        let unusable = |what: &str, error: &dyn std::fmt::Display| {
            VerifyError::Evidence(format!("{what}: {error}"))
        };
        let mut checkpoints = Vec::new();
        for kept in &options.trusted {
            keys.verify(kept)
                .map_err(|error| unusable("a checkpoint", &error))?;
            checkpoints.push((kept.checkpoint().size, kept.checkpoint().root));
        }
        let pinned = checkpoints.len();
        let mut receipts = Vec::new();
        for receipt in &options.receipts {
            receipt
                .verify_with(keys)
                .map_err(|error| unusable("a receipt", &error))?;
            let signed = receipt.checkpoint.checkpoint();
            checkpoints.push((signed.size, signed.root));
            receipts.push((receipt.index, LeafHash::of_entry(&receipt.entry)));
        }
        let remembered = options.remembered.clone();
        let pinned_size = remembered.iter().map(|known| known.checkpoint.size);
        let sizes = checkpoints.iter().map(|(size, _)| *size).chain(pinned_size);
        let indexes = receipts.iter().map(|(index, _)| *index);
        Ok(Self {
            roots: sizes.map(|size| (size, None)).collect(),
            leaves: indexes
                .chain([EntryIndex::default()])
                .map(|index| (index, None))
                .collect(),
            remembered,
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
        let Some(tree) = tree.filter(|_| !leaves.is_empty()) else {
            return;
        };
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

    /// The leaf of the ledger's first entry, if that is at hand.
    pub(super) fn first_leaf(&self) -> Option<LeafHash> {
        self.leaves.get(&EntryIndex::default()).copied().flatten()
    }

    /// Compares with what is remembered; a ledger that was begun anew is told from one that was rewritten or cut. What can't
    /// be compared makes a verification incomplete: a part of a rewritten ledger looks like a part of the true one.
    fn compare_remembered(
        &self,
        size: TreeSize,
        root_from_tiles: &impl Fn(TreeSize) -> Option<RootHash>,
        findings: &mut Findings,
        more: &mut MoreCounts,
        incomplete: &mut Vec<String>,
    ) {
        let Some(known) = &self.remembered else {
            return;
        };
        let then = &known.checkpoint;
        if let (Some(first), Some(found)) = (known.first_leaf, self.first_leaf())
            && first != found
        {
            findings.push(Finding::at(
                FindingKind::Recreated,
                EntryIndex::default(),
                format!("leaf {first}, as it was remembered"),
                format!("leaf {found}"),
            ));
            return;
        }
        if then.size > size {
            findings.push(Finding::at(
                FindingKind::RolledBack,
                size.next_index(),
                format!("the {} entries that were remembered", then.size),
                format!("{size} entries"),
            ));
            return;
        }
        match self.root_at(then.size).or_else(|| root_from_tiles(then.size)) {
            Some(found) if found == then.root => {
                more.remembered_checkpoints = more.remembered_checkpoints.saturating_add(1);
            }
            Some(found) => findings.push(Finding::new(
                FindingKind::Forked,
                format!("root {} at size {}, as it was remembered", then.root, then.size),
                format!("root {found}"),
            )),
            None => incomplete.push(format!(
                "whether this continues the remembered checkpoint of size {}: the entries or tiles for it are not here",
                then.size
            )),
        }
    }

    /// Compares: `size` is how far the ledger at hand goes, and `root_from_tiles` gives a root that no pass over the
    /// entries has given.
    pub(super) fn compare(
        &self,
        size: TreeSize,
        root_from_tiles: impl Fn(TreeSize) -> Option<RootHash>,
        findings: &mut Findings,
        more: &mut MoreCounts,
        incomplete: &mut Vec<String>,
    ) {
        self.compare_remembered(size, &root_from_tiles, findings, more, incomplete);
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
                None => incomplete.push(format!(
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
                None if index.value() < size.value() => incomplete.push(format!(
                    "the entry of the receipt for index {index}: it is not among the entries here"
                )),
                None => {}
            }
        }
    }
}
