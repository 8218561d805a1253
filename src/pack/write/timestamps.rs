//! Which time stamps go into a pack, and what ties them to its tree.

use crate::{
    ledger::{
        checkpoint::Checkpoint,
        position::{TreeSize, count},
        tile::decode_tile,
        timestamp::StampedCheckpoint,
        tree::prove_consistency,
    },
    pack::{
        PackError, PackSource, manifest::timestamp::proof_text, report::IndexRange,
        tiles::SignedTree,
    },
};

/// Those that were made within the range, and the first one that covers all of it: every later one says less.
pub(super) fn of_range(
    all: &[StampedCheckpoint],
    range: IndexRange,
    size: TreeSize,
) -> impl Iterator<Item = &StampedCheckpoint> {
    let mut whole = false;
    all.iter().filter(move |stamped| {
        let end = stamped.checkpoint.checkpoint().size;
        let useful = !stamped.answers.is_empty() && end <= size && end.next_index() > range.start;
        let taken = useful && !whole;
        whole |= taken && end.next_index() >= range.end;
        taken
    })
}

/// The proof that the tree of the signed checkpoint continues that of this size.
pub(super) fn consistency(
    source: &dyn PackSource,
    size: TreeSize,
    signed: &Checkpoint,
) -> Result<String, PackError> {
    let tree = SignedTree::open(signed.size, signed.root, |id| {
        let hashes = decode_tile(&source.tile(id).ok()?)?;
        (count(hashes.len()) == u64::from(id.span.width)).then_some(hashes)
    });
    let proof = prove_consistency(&tree, size, signed.size)
        .map_err(|error| PackError::Damaged(error.to_string()))?;
    Ok(proof_text(&proof.unwrap_or_default()))
}
