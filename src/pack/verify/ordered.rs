//! What must be checked in order: each bundle against the one before, the tree, the kept evidence and the listings.

use std::ops::Range;

use super::{
    VerifyError, VerifyOptions,
    bundle::{CheckedBundle, are_leaves},
    duplicates::Duplicates,
    evidence::open_kept,
    kept::Kept,
    keys::Keys,
    listing::{Lines, Listing},
    timestamps::Stamps,
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        finding::{Finding, FindingKind},
        hash::NodeHash,
        position::{EntryIndex, TreeSize, UnixNanos, count},
        tile::{Span, TILE_WIDTH, TileId, decode_tile},
        verify::{ChunkReport, Counts, Findings, LedgerCheck},
    },
    pack::{
        breaks::Breaks,
        derived::CSV_HEADER,
        manifest::{EVENTS_CSV, EVENTS_JSONL},
        read::{PackFiles, Run, Runs, Seal, TILE_BYTES_MAX},
        report::MoreCounts,
        sequence::Sequences,
        shelf::Shelf,
        tiles::{SignedTree, UpperTiles},
    },
};

type ReadTile<'a> = Box<dyn Fn(TileId) -> Option<Vec<NodeHash>> + Send + 'a>;

/// Reads a hash tile of a pack; `None` where it can't be had, which is said elsewhere.
pub(super) fn tile_of(files: &dyn PackFiles, id: TileId) -> Option<Vec<NodeHash>> {
    let hashes = decode_tile(&files.read(&id.to_string(), TILE_BYTES_MAX).ok()?)?;
    (count(hashes.len()) == u64::from(id.span.width)).then_some(hashes)
}

/// The ordered half of a verification of a pack.
pub(super) struct Ordered<'a> {
    files: &'a dyn PackFiles,
    /// Whether the pack begins with entry 0, so that the tree can be made again from the entries.
    from_start: bool,
    pub(super) check: LedgerCheck,
    pub(super) sequences: Sequences,
    duplicates: Duplicates,
    pub(super) kept: Kept,
    pub(super) stamps: Stamps,
    /// Taken when all entries went by.
    pub(super) keys: Option<Keys>,
    pub(super) signed: Option<SignedTree<ReadTile<'a>>>,
    /// The tiles above level 0, made again from the entries where the pack has all of them.
    upper: Option<UpperTiles>,
    /// Tiles that the signed root does not vouch for and the entries contradict, with the first entry under them.
    pub(super) doubtful: Vec<(TileId, EntryIndex)>,
    pub(super) jsonl: Listing<'a>,
    pub(super) csv: Listing<'a>,
    pub(super) runs: ListingRuns<'a>,
    pub(super) findings: Findings,
    pub(super) breaks: Breaks,
    pub(super) more: MoreCounts,
    pub(super) recorded: Option<(UnixNanos, UnixNanos)>,
    /// The first entry of a bundle that has another number of entries than it says.
    uneven: Option<EntryIndex>,
}

impl<'a> Ordered<'a> {
    pub(super) fn start(
        files: &'a dyn PackFiles,
        bundles: &Range<u64>,
        signed: Option<&Checkpoint>,
        keys: Keys,
        options: &VerifyOptions,
    ) -> Result<Self, VerifyError> {
        let first = EntryIndex::new(bundles.start.saturating_mul(TILE_WIDTH));
        let mut kept = open_kept(options, &keys.ring)?;
        if let Some(signed) = signed {
            kept.watch(signed.size);
        }
        let stamps = Stamps::of_pack(files, &keys.ring, options)?;
        keys.sizes().for_each(|size| kept.watch(size));
        stamps.sizes().for_each(|size| kept.watch(size));
        let read: ReadTile<'a> = Box::new(move |id| tile_of(files, id));
        let open = |name| match files.is_bare_log() {
            true => (Listing::closed(name), None),
            false => Listing::open(name, files),
        };
        let (jsonl, jsonl_runs) = open(EVENTS_JSONL);
        let (mut csv, csv_runs) = open(EVENTS_CSV);
        let seal = Seal::draw().map_err(VerifyError::Temporary)?;
        let mut runs = ListingRuns {
            jsonl: jsonl_runs,
            csv: csv_runs,
            seal,
        };
        let mut header = Lines::default();
        header.text.extend_from_slice(CSV_HEADER.as_bytes());
        header.compare(next_run(&mut runs.csv), &seal);
        csv.follow(&header);
        Ok(Self {
            files,
            from_start: first == EntryIndex::default(),
            check: LedgerCheck::starting_at(first, keys.ring.name().as_str()),
            sequences: Sequences::default(),
            duplicates: Duplicates::new(options.temporary.as_deref()),
            kept,
            stamps,
            keys: Some(keys),
            signed: signed.map(|signed| SignedTree::open(signed.size, signed.root, read)),
            upper: signed
                .filter(|signed| *bundles == (0..signed.size.value().div_ceil(TILE_WIDTH)))
                .map(|_| UpperTiles::default()),
            doubtful: Vec::new(),
            jsonl,
            csv,
            runs,
            findings: Findings::default(),
            breaks: Breaks::default(),
            more: MoreCounts::default(),
            recorded: None,
            uneven: None,
        })
    }

    /// Takes the next bundle, and leaves its buffers.
    pub(super) fn take(&mut self, bundle: CheckedBundle, shelf: &Shelf) -> Result<(), VerifyError> {
        let mut jsonl = std::mem::replace(&mut self.jsonl, Listing::closed(EVENTS_JSONL));
        let mut csv = std::mem::replace(&mut self.csv, Listing::closed(EVENTS_CSV));
        let readable = bundle.report.is_some();
        let (lines, rows) = (&bundle.jsonl, &bundle.csv);
        let listings = || {
            if readable {
                rayon::join(|| jsonl.follow(lines), || csv.follow(rows));
            } else {
                jsonl.give_up();
                csv.give_up();
            }
        };
        let parts = TreeParts {
            tile: bundle.tile,
            tile_root: bundle.tile_root,
        };
        let id = TileId {
            level: 0,
            span: bundle.tile_span,
        };
        let span = bundle.span;
        let (report, findings) = (bundle.report, bundle.findings);
        let ((), taken) = rayon::join(listings, || {
            self.take_entries(span, id, report, findings, parts)
        });
        (self.jsonl, self.csv) = (jsonl, csv);
        shelf.put(bundle.jsonl.text);
        shelf.put(bundle.csv.text);
        taken
    }

    fn take_entries(
        &mut self,
        span: Span,
        id: TileId,
        report: Option<ChunkReport>,
        findings: Vec<Finding>,
        tile: TreeParts,
    ) -> Result<(), VerifyError> {
        self.findings.extend(findings);
        let first = EntryIndex::new(span.first());
        let Some(mut report) = report else {
            let next = first.plus(u64::from(span.width));
            self.check.skip_to(next);
            return Ok(());
        };
        for line in report.lines.iter().flatten() {
            let sequence = line.sequence.as_ref();
            self.sequences
                .take(sequence.map(|(source, number)| (source.as_str(), *number)));
            self.duplicates
                .push(line.identity, line.index)
                .map_err(VerifyError::Temporary)?;
            let from = self.recorded.map_or(line.recorded_at, |(first, _)| first);
            self.recorded = Some((from, line.recorded_at));
        }
        self.breaks.take(std::mem::take(&mut report.breaks));
        if count(report.leaves.len()) != u64::from(span.width) {
            self.uneven = self.uneven.or(Some(first));
        }
        let tree = self.check.tree();
        let tree = tree.filter(|tree| tree.size().next_index() == first);
        self.kept.observe(tree, first, &report.leaves);
        self.stamps.observe(&report);
        if let Some(keys) = &mut self.keys {
            keys.observe(&report);
        }
        self.compare_tile(id, &report, tile);
        self.compare_upper(first, report.tile_root);
        self.check.absorb(report);
        Ok(())
    }

    /// Compares a level-0 tile with the entries under it. Where they differ, the signed root says which is wrong.
    fn compare_tile(&mut self, id: TileId, report: &ChunkReport, tile: TreeParts) {
        let Some(hashes) = &tile.tile else { return };
        self.more.tiles = self.more.tiles.saturating_add(1);
        let same = are_leaves(hashes, &report.leaves);
        let vouched = self.signed.as_ref().map(|signed| {
            if id.span.is_full() {
                signed.slot(1, id.span.number)
            } else {
                signed.edge_root(id, hashes)
            }
        });
        let found = tile.tile_root.or(hashes.first().copied());
        match vouched {
            Some(Ok(root)) if Some(root) == found && same => {}
            Some(Ok(root)) if Some(root) == found => self.blame_entries(hashes, report),
            Some(Ok(root)) if same => {
                let (first, found) = (
                    report.first,
                    found.map_or_else(String::new, |f| f.to_string()),
                );
                let expected = format!("root {root} over its bundle of 256 entries");
                let finding = Finding::at(FindingKind::EntryAltered, first, expected, found);
                self.findings.push(finding);
            }
            // The entries or the signed root contradict the tile; which of them is settled at the end.
            _ if !same => {
                let at = hashes
                    .iter()
                    .zip(&report.leaves)
                    .take_while(|(hash, leaf)| **hash == NodeHash::from(**leaf))
                    .count();
                self.doubt(id, report.first.plus(count(at)));
            }
            _ => {}
        }
    }

    /// Names the entries that are not those of a tile that the signed root vouches for.
    fn blame_entries(&mut self, hashes: &[NodeHash], report: &ChunkReport) {
        for (place, hash) in (0..).zip(hashes) {
            let at = crate::ledger::position::length(place);
            let index = report.first.plus(place);
            let (leaf, line) = (report.leaves.get(at), report.lines.get(at));
            // An entry that stands elsewhere is said to be misplaced, and one that does not decode to be unreadable.
            let in_place = line.is_some_and(|line| line.as_ref().is_some_and(|l| l.index == index));
            if let Some(leaf) = leaf.filter(|leaf| in_place && NodeHash::from(**leaf) != *hash) {
                let (expected, found) = (format!("leaf {hash}"), format!("leaf {leaf}"));
                let finding = Finding::at(FindingKind::EntryAltered, index, expected, found);
                self.findings.push(finding);
            }
        }
    }

    /// Makes the tiles above again, and compares those that are complete.
    fn compare_upper(&mut self, first: EntryIndex, root: Option<NodeHash>) {
        let completed = self
            .upper
            .as_mut()
            .zip(root)
            .map(|(upper, root)| upper.push(root));
        for (id, hashes) in completed.unwrap_or_default() {
            self.compare_made(id, &hashes, first);
        }
    }

    fn compare_made(&mut self, id: TileId, hashes: &[NodeHash], under: EntryIndex) {
        if let Some(found) = tile_of(self.files, id) {
            self.more.tiles = self.more.tiles.saturating_add(1);
            if found != hashes {
                self.doubt(id, under);
            }
        }
    }

    fn doubt(&mut self, id: TileId, index: EntryIndex) {
        if self.doubtful.len() < Findings::LISTED_MAX {
            self.doubtful.push((id, index));
        }
    }

    /// Compares the partial tiles at the right edge, and gives what is left: findings, counts, and the events that
    /// were recorded twice.
    pub(super) fn settle(&mut self) -> Result<(), VerifyError> {
        let under = self.check.expected();
        for (id, hashes) in self.upper.take().unwrap_or_default().into_partial() {
            self.compare_made(id, &hashes, under);
        }
        let duplicates = std::mem::replace(&mut self.duplicates, Duplicates::new(None));
        let findings = &mut self.findings;
        duplicates
            .finish(|first, again| {
                findings.push(Finding::at(
                    FindingKind::DuplicateEvent,
                    again,
                    format!("no second entry for the event of entry {first}"),
                    format!("entry {again}"),
                ));
            })
            .map_err(VerifyError::Temporary)
    }

    /// Entries that stand in another bundle than theirs, where nothing else has been said about their places.
    pub(super) fn settle_places(&mut self) {
        let said = self.check.has_misplaced()
            || self.findings.listed.iter().any(|finding| {
                let kinds = [FindingKind::MissingEntries, FindingKind::EntryMalformed];
                kinds.contains(&finding.kind)
            });
        if let Some(index) = self.uneven.filter(|_| !said) {
            let kind = FindingKind::EntriesReordered;
            let found = "another number of entries in this bundle";
            let finding = Finding::at(kind, index, "each entry in its bundle", found);
            self.findings.push(finding);
        }
    }

    /// The root over the entries up to this size; `None` unless all of them are here, whole and in their places.
    pub(super) fn root_at(&self, size: TreeSize) -> Option<crate::ledger::hash::RootHash> {
        self.from_start.then(|| self.kept.root_at(size)).flatten()
    }

    /// How much was looked at so far.
    pub(super) fn counts(&self) -> Counts {
        *self.check.counts()
    }
}

/// The runs of the listings, to be handed to the bundles they belong to.
pub(super) struct ListingRuns<'a> {
    pub(super) jsonl: Option<Runs<'a>>,
    pub(super) csv: Option<Runs<'a>>,
    pub(super) seal: Seal,
}

/// The next run. Whatever keeps it from being had shows again when the file is read as a stream.
pub(super) fn next_run(runs: &mut Option<Runs<'_>>) -> Option<Run> {
    runs.as_mut()
        .and_then(|runs| runs.next_run().ok().flatten())
}

/// A level-0 tile and the root over it.
struct TreeParts {
    tile: Option<Vec<NodeHash>>,
    tile_root: Option<NodeHash>,
}
