//! What can be checked about one bundle alone, on any core.

use std::path::Path;

use super::{VerifyError, listing::Lines};
use crate::{
    ledger::{
        finding::{Finding, FindingKind},
        hash::{LeafHash, NodeHash},
        position::{EntryIndex, count},
        tile::{Span, TileId, decode_tile, perfect_root},
        verify::{Chunk, ChunkReport, IdentityKey, Seen, check_chunk_with},
    },
    pack::{
        derived::{CsvRows, JsonLines, csv_bytes, jsonl_bytes},
        read::{
            ENTRY_BUNDLE_BYTES_MAX, FileError, PAYLOAD_BUNDLE_BYTES_MAX, PackFiles, Run, Seal,
            TILE_BYTES_MAX,
        },
        shelf::Shelf,
    },
};

/// The most entries of one bundle that are looked at: twice what it should have.
const ENTRIES_MAX: usize = 512;

/// One bundle, checked for itself.
pub(super) struct CheckedBundle {
    pub(super) span: Span,
    pub(super) tile_span: Span,
    /// `None` when the entries could not be read.
    pub(super) report: Option<ChunkReport>,
    /// What is wrong with its files.
    pub(super) findings: Vec<Finding>,
    /// The level-0 tile; `None` when it could not be read.
    pub(super) tile: Option<Vec<NodeHash>>,
    /// The root over the tile's hashes, where it is full.
    pub(super) tile_root: Option<NodeHash>,
    pub(super) jsonl: Lines,
    pub(super) csv: Lines,
}

/// Reads a file of the pack into a buffer, whose content is lost; `None` is a finding of this kind, an error ends the
/// verification.
pub(super) fn read(
    mut content: Vec<u8>,
    files: &dyn PackFiles,
    path: &str,
    limit: u64,
    missing: FindingKind,
    index: Option<EntryIndex>,
    findings: &mut Vec<Finding>,
) -> Result<Option<Vec<u8>>, VerifyError> {
    let error = match files.read_into(path, limit, &mut content) {
        Ok(()) => return Ok(Some(content)),
        Err(FileError::Io(error)) => {
            return Err(VerifyError::Unreadable {
                path: Path::new(path).to_owned(),
                error,
            });
        }
        Err(error) => error,
    };
    let kind = match error {
        FileError::Damaged(_) => FindingKind::ContainerDamaged,
        _ => missing,
    };
    let mut finding = Finding::new(kind, "the file", error).in_place(path);
    finding.index = index;
    findings.push(finding);
    Ok(None)
}

/// What belongs to a bundle, and is to be looked at with it.
pub(super) struct Work {
    pub(super) span: Span,
    /// The level-0 tile over it, which the bundle itself may fall short of.
    pub(super) tile: Span,
    /// Its run of each listing.
    pub(super) jsonl: Option<Run>,
    pub(super) csv: Option<Run>,
}

/// Checks a bundle.
pub(super) fn check(
    files: &dyn PackFiles,
    work: Work,
    key: &IdentityKey,
    seal: &Seal,
    shelf: &Shelf,
) -> Result<CheckedBundle, VerifyError> {
    let (span, tile) = (work.span, work.tile);
    let first = EntryIndex::new(span.first());
    let mut bundle = CheckedBundle {
        span,
        tile_span: tile,
        report: None,
        findings: Vec::new(),
        tile: None,
        tile_root: None,
        jsonl: Lines::in_buffer(shelf.take()),
        csv: Lines::in_buffer(shelf.take()),
    };
    let mut file = |buffer, path: String, limit, missing| {
        let found = &mut bundle.findings;
        read(buffer, files, &path, limit, missing, Some(first), found)
    };
    let entries = file(
        shelf.take(),
        span.entries_path(),
        ENTRY_BUNDLE_BYTES_MAX,
        FindingKind::EntryMalformed,
    )?;
    let payloads = if files.is_bare_log() {
        None
    } else {
        file(
            shelf.take(),
            span.payload_path(),
            PAYLOAD_BUNDLE_BYTES_MAX,
            FindingKind::PayloadMissing,
        )?
    };
    let id = TileId {
        level: 0,
        span: tile,
    };
    // A small one, which would keep a large buffer from the others.
    let tile = file(
        Vec::new(),
        id.to_string(),
        TILE_BYTES_MAX,
        FindingKind::TileMissing,
    )?;
    if let Some(entries) = &entries {
        bundle.check_entries(first, entries, payloads.as_deref(), key);
        bundle.jsonl.compare(work.jsonl, seal);
        bundle.csv.compare(work.csv, seal);
    }
    bundle.read_tile(id, tile.as_deref());
    entries.into_iter().for_each(|read| shelf.put(read));
    payloads.into_iter().for_each(|read| shelf.put(read));
    Ok(bundle)
}

impl CheckedBundle {
    fn read_tile(&mut self, id: TileId, tile: Option<&[u8]>) {
        let Some(bytes) = tile else { return };
        self.tile =
            decode_tile(bytes).filter(|hashes| count(hashes.len()) == u64::from(id.span.width));
        match &self.tile {
            None => {
                let found = format!("{} bytes", bytes.len());
                let expected = format!("{} hashes", id.span.width);
                let index = EntryIndex::new(id.span.first());
                let finding = Finding::at(FindingKind::TileAltered, index, expected, found);
                self.findings.push(finding.in_place(id));
            }
            Some(hashes) if id.span.is_full() => {
                let report = self.report.as_ref();
                let made = report.filter(|report| are_leaves(hashes, &report.leaves));
                let made = made.and_then(|report| report.tile_root);
                self.tile_root = made.or_else(|| perfect_root(hashes.clone()));
            }
            Some(_) => {}
        }
    }

    fn check_entries(
        &mut self,
        first: EntryIndex,
        entries: &[u8],
        payloads: Option<&[u8]>,
        key: &IdentityKey,
    ) {
        let (split, rest) = split(entries);
        if !rest.is_empty() {
            let index = first.plus(count(split.len()));
            let found = format!("{} bytes that are not", rest.len());
            let finding = Finding::at(FindingKind::EntryMalformed, index, "an entry", found);
            self.findings
                .push(finding.in_place(self.span.entries_path()));
        }
        let (mut lines, mut rows) = (JsonLines::default(), CsvRows::default());
        let (jsonl, csv) = (&mut self.jsonl, &mut self.csv);
        let (lines_max, bytes) = (split.len(), entries.len());
        if let Some(payloads) = payloads {
            let both = bytes.saturating_add(payloads.len());
            jsonl.reserve(lines_max, jsonl_bytes(lines_max, both));
            csv.reserve(lines_max, csv_bytes(lines_max, bytes));
        }
        let chunk = Chunk {
            first,
            entries: &split,
            payloads,
        };
        let report = check_chunk_with(chunk, key, |seen: Seen<'_>| {
            if let (Some(entry), Some(parts)) = (seen.entry, seen.parts) {
                lines.line(entry, &seen.leaf, parts, &mut jsonl.text);
                jsonl.end(seen.place);
                rows.row(entry, parts, &mut csv.text);
                csv.end(seen.place);
            }
        });
        self.report = Some(report);
    }
}

/// Whether a level-0 tile has the hashes of these leaves.
pub(super) fn are_leaves(hashes: &[NodeHash], leaves: &[LeafHash]) -> bool {
    let nodes = leaves.iter().map(|leaf| NodeHash::from(*leaf));
    hashes.iter().copied().eq(nodes)
}

/// Splits a bundle into as many entries as it has, and what is left.
fn split(bundle: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut entries = Vec::with_capacity(256);
    let mut rest = bundle;
    while entries.len() < ENTRIES_MAX {
        let next = rest.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let Some((entry, left)) = next else { break };
        entries.push(entry);
        rest = left;
    }
    (entries, rest)
}
