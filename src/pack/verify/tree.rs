//! Whether the entries and tiles of a pack are those of the signed tree, all of them.

use std::ops::Range;

use super::{
    layout::Layout,
    ordered::{Ordered, tile_of},
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        finding::{Finding, FindingKind},
        position::EntryIndex,
        tile::{Span, TILE_WIDTH, TileId},
    },
    pack::{
        manifest::Manifest,
        read::PackFiles,
        report::Report,
        tiles::{TileProblem, other_tiles},
    },
};

/// Looks at the tiles above level 0. In a partial pack they are all that leads from its entries to the signed root; in
/// a full one they are made again from the entries later. `runs` are the bundles that are there; `checkpoint` is one that a trusted key signed: under any other
/// there is nothing to lead to.
pub(super) fn check_upper_tiles(
    files: &dyn PackFiles,
    ordered: &mut Ordered<'_>,
    runs: Vec<Range<u64>>,
    checkpoint: Option<&Checkpoint>,
) {
    let (Some(first), Some(last), Some(checkpoint)) = (runs.first(), runs.last(), checkpoint)
    else {
        return;
    };
    let full = (first.start..last.end) == (0..checkpoint.size.value().div_ceil(TILE_WIDTH));
    let mut edge_said = full;
    let mut missing: Option<(TileId, u64)> = None;
    for id in other_tiles(runs, checkpoint.size) {
        let Some(hashes) = tile_of(files, id) else {
            match files.length(&id.to_string()) {
                None => {
                    let (_, more) = missing.get_or_insert((id, 0));
                    *more = more.saturating_add(1);
                }
                Some(bytes) => {
                    let expected = format!("{} hashes", id.span.width);
                    let found = format!("{bytes} bytes");
                    let finding = Finding::new(FindingKind::TileAltered, expected, found);
                    ordered.findings.push(finding.in_place(id));
                }
            }
            edge_said |= !id.span.is_full();
            continue;
        };
        if full {
            continue;
        }
        ordered.more.tiles = ordered.more.tiles.saturating_add(1);
        let problem = ordered
            .signed
            .as_ref()
            .and_then(|signed| signed.vouches_for(id, &hashes).err());
        // The partial tiles make the root together: which one of them is wrong can't be told.
        let said = !id.span.is_full() && std::mem::replace(&mut edge_said, true);
        if problem == Some(TileProblem::NotSigned) && !said {
            let finding = Finding::new(
                FindingKind::TileAltered,
                "a tile of the tree that the checkpoint signs",
                "another",
            );
            ordered.findings.push(finding.in_place(id));
        }
    }
    if let Some((id, tiles)) = missing {
        let expected = format!("{} hashes", id.span.width);
        let found = match tiles.saturating_sub(1) {
            0 => "nothing".to_owned(),
            more => format!("nothing, nor for {more} more tiles"),
        };
        let finding = Finding::new(FindingKind::TileMissing, expected, found);
        ordered.findings.push(finding.in_place(id));
    }
}

/// Checks where the entries begin and end.
pub(super) fn check_extent(
    layout: &Layout,
    checkpoint: Option<&Checkpoint>,
    manifest: Option<&Manifest>,
    ordered: &mut Ordered<'_>,
) {
    let (Some(first), Some(last)) = (layout.first(), layout.last()) else {
        if let Some(range) = manifest.map(|m| m.range).filter(|r| r.start < r.end) {
            let expected = format!("entries {} to {}", range.start, range.end);
            let kind = FindingKind::MissingEntries;
            let finding = Finding::at(kind, range.start, expected, "no entry");
            ordered.findings.push(finding);
        }
        return;
    };
    let start = EntryIndex::new(first.first());
    if let Some(range) = manifest.map(|m| m.range).filter(|r| r.start < start) {
        let kind = FindingKind::MissingEntries;
        let expected = format!("entry {}", range.start);
        let finding = Finding::at(kind, range.start, expected, format!("entry {start}"));
        ordered.findings.push(finding);
    }
    let end = ordered.check.expected();
    let whole = checkpoint
        .and_then(|checkpoint| Span::of(last.number, checkpoint.size.value()))
        .map(|span| EntryIndex::new(span.first()).plus(u64::from(span.width)));
    // A manifest that says more than the checkpoint covers is wrong itself.
    let signed_end = checkpoint.map_or(EntryIndex::new(u64::MAX), |c| c.size.next_index());
    let due = manifest
        .map(|manifest| manifest.range.end.min(signed_end))
        .max(whole);
    if let Some(due) = due.filter(|due| *due > end) {
        let expected = format!("entries up to {due}");
        let found = format!("the end at {end}");
        let finding = Finding::at(FindingKind::MissingEntries, end, expected, found);
        ordered.findings.push(finding);
    }
    if let Some(size) = checkpoint.map(|c| c.size).filter(|s| s.next_index() < end) {
        let expected = format!("a checkpoint of at least {end} entries");
        let found = format!("one of {size}");
        let kind = FindingKind::CheckpointBehind;
        let finding = Finding::at(kind, size.next_index(), expected, found);
        ordered.findings.push(finding);
    }
}

/// Compares the root over the entries with the signed one, and settles which tiles are wrong.
pub(super) fn check_root(
    ordered: &mut Ordered<'_>,
    bundles: &Range<u64>,
    checkpoint: Option<&Checkpoint>,
    report: &mut Report,
) {
    let Some(checkpoint) = checkpoint else { return };
    let explains = |finding: &Finding| {
        matches!(
            finding.kind,
            FindingKind::EntryAltered | FindingKind::EntryMalformed | FindingKind::MissingEntries
        )
    };
    let explained = ordered.findings.held().any(explains)
        || ordered.check.findings().held().any(explains)
        || ordered.check.has_misplaced();
    match ordered.root_at(checkpoint.size) {
        Some(root) if root == checkpoint.root => {
            report
                .checked
                .push("the root over all entries, against the checkpoint".to_owned());
        }
        Some(root) => {
            if !explained {
                let expected = format!("root {}", checkpoint.root);
                let finding =
                    Finding::new(FindingKind::RootMismatch, expected, format!("root {root}"));
                ordered.findings.push(finding);
            }
            return;
        }
        None if bundles.start == 0
            && bundles.end.saturating_mul(TILE_WIDTH) >= checkpoint.size.value() =>
        {
            return;
        }
        // Without entries, or under a checkpoint of another size, nothing was led to the root.
        None if bundles.is_empty() || ordered.signed.is_none() => {}
        None => report.checked.push(
            "the entries against the hash tiles, and the hash tiles against the signed root"
                .to_owned(),
        ),
    }
    for (id, index) in std::mem::take(&mut ordered.doubtful) {
        let expected = "the hashes of the signed tree";
        let finding = Finding::at(FindingKind::TileAltered, index, expected, "others");
        ordered.findings.push(finding.in_place(id));
    }
}
