//! One verification of a pack, from its checkpoint to its report.

use std::{fs::File, ops::Range, path::Path};

use super::{
    VerifyError, VerifyOptions,
    bundle::{self, CheckedBundle, read},
    layout::Layout,
    manifest::compare_manifest,
    ordered::{Ordered, tile_of},
};
use crate::{
    ledger::{
        checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
        finding::{Finding, FindingKind},
        hash::RootHash,
        note::{NoteError, VerifierKey},
        position::{EntryIndex, TreeSize},
        tile::{Span, TILE_WIDTH},
        tree::Frontier,
        verify::{Findings, IdentityKey},
    },
    pack::{
        manifest::{CHECKPOINT, MANIFEST, Manifest},
        pipeline,
        read::{
            CHECKPOINT_BYTES_MAX, FileError, FolderFiles, MANIFEST_BYTES_MAX, PackFiles, ZipFiles,
        },
        report::{IndexRange, REPORT_FORMAT, Report, Subject, Verdict},
        tiles::{TileProblem, other_tiles},
    },
};

type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

pub(super) fn verify(
    path: &Path,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: Progress<'_>,
) -> Result<Report, VerifyError> {
    let unreadable = |error| VerifyError::Unreadable {
        path: path.to_owned(),
        error,
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let mut findings = Findings::default();
    let mut report = if metadata.is_dir() {
        if !path.join(CHECKPOINT).exists() && !path.join(MANIFEST).exists() {
            return Err(VerifyError::NotAPack(path.to_owned()));
        }
        let files = FolderFiles::open(path).map_err(unreadable)?;
        verify_files(&files, findings, key, options, progress)?
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let files = ZipFiles::open(file)
            .map_err(unreadable)?
            .ok_or_else(|| VerifyError::NotAPack(path.to_owned()))?;
        for damage in files.damage() {
            let expected = "the zip as it was written; if another program packed it, unpack it and verify the directory";
            let finding = Finding::new(FindingKind::ContainerDamaged, expected, &damage.found);
            findings.push(finding.in_place(&damage.place));
        }
        verify_files(&files, findings, key, options, progress)?
    };
    report.path = Some(path.display().to_string());
    Ok(report)
}

/// Verifies a pack from wherever its files come.
pub(super) fn verify_files(
    files: &dyn PackFiles,
    mut findings: Findings,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: Progress<'_>,
) -> Result<Report, VerifyError> {
    let mut report = empty_report(Subject::Pack, key);
    let signed = read_checkpoint(files, key, &mut findings, &mut report)?;
    let checkpoint = signed.as_ref().map(SignedCheckpoint::checkpoint);
    let manifest = read_manifest(files, &mut findings)?;
    let paths = files.paths();
    // The checkpoint may have been swapped; the files lie as the tree that the pack was made of has them.
    let size = manifest.as_ref().map(|manifest| manifest.tree_size);
    let size = size.or(checkpoint.map(|checkpoint| checkpoint.size));
    let layout = Layout::of(&paths, size);
    findings.extend(layout.unexpected(&paths, size, manifest.as_ref()));
    drop(paths);
    let bundles = layout.bundles();
    let proving = checkpoint.filter(|checkpoint| Some(checkpoint.size) == size);
    let mut ordered = Ordered::start(files, &bundles, proving, key, options)?;
    if let Some(checkpoint) = checkpoint {
        ordered.kept.watch(checkpoint.size);
    }
    ordered.findings = findings;
    check_upper_tiles(files, &mut ordered, bundles.clone(), proving);
    let (ran, container) = rayon::join(
        || run(files, &layout, size, &mut ordered, progress),
        || files.digest_before(MANIFEST),
    );
    ran?;
    ordered.settle()?;
    check_extent(&layout, checkpoint, manifest.as_ref(), &mut ordered);
    ordered.settle_places();
    check_root(&mut ordered, &bundles, checkpoint, &mut report);
    let said = Said {
        signed: signed.as_ref(),
        manifest: manifest.as_ref(),
        container,
    };
    finish(files, ordered, &bundles, said, &mut report)?;
    Ok(report)
}

/// Checks every bundle, on all cores, and takes them in order.
fn run(
    files: &dyn PackFiles,
    layout: &Layout,
    size: Option<TreeSize>,
    ordered: &mut Ordered<'_>,
    progress: Progress<'_>,
) -> Result<(), VerifyError> {
    let key = identity_key()?;
    let total = layout
        .spans
        .iter()
        .map(|span| u64::from(span.width))
        .fold(0, u64::saturating_add);
    progress(0, total);
    let mut spans = layout.spans.iter();
    pipeline::run(
        || Ok(spans.next()),
        |span| {
            let whole = size.and_then(|size| Span::of(span.number, size.value()));
            bundle::check(files, *span, whole.unwrap_or(*span), &key)
        },
        |checked: Result<CheckedBundle, VerifyError>| {
            ordered.take(checked?)?;
            progress(ordered.check.counts().entries, total);
            Ok(())
        },
    )
}

/// A fresh key for the identities of events.
pub(super) fn identity_key() -> Result<IdentityKey, VerifyError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| VerifyError::Temporary(std::io::Error::other(error.to_string())))?;
    Ok(IdentityKey::new(random))
}

/// Reads the checkpoint: what it signs, where it can be read at all.
fn read_checkpoint(
    files: &dyn PackFiles,
    key: &VerifierKey,
    findings: &mut Findings,
    report: &mut Report,
) -> Result<Option<SignedCheckpoint>, VerifyError> {
    let mut found = Vec::new();
    let bytes = read(
        files,
        CHECKPOINT,
        CHECKPOINT_BYTES_MAX,
        FindingKind::CheckpointMalformed,
        None,
        &mut found,
    )?;
    findings.extend(found);
    let Some(bytes) = bytes else { return Ok(None) };
    let (signed, finding) = open_checkpoint(&bytes, key);
    report.more.checkpoints = 1;
    match finding {
        Some(finding) => findings.push(finding.in_place(CHECKPOINT)),
        None => report
            .checked
            .push("the checkpoint's signature, by the trusted key".to_owned()),
    }
    if let Some(signed) = &signed {
        report.size = Some(signed.checkpoint().size);
        report.root = Some(signed.checkpoint().root);
    }
    Ok(signed)
}

/// Reads a checkpoint, and says what is wrong with it. One by another key is still read: its numbers help to say what
/// else is wrong.
pub(super) fn open_checkpoint(
    bytes: &[u8],
    key: &VerifierKey,
) -> (Option<SignedCheckpoint>, Option<Finding>) {
    let signed = match SignedCheckpoint::parse(bytes) {
        Ok(signed) => signed,
        Err(error) => {
            let kind = FindingKind::CheckpointMalformed;
            return (None, Some(Finding::new(kind, "a signed checkpoint", error)));
        }
    };
    if signed.note().to_string().as_bytes() != bytes
        || signed.checkpoint().to_text() != signed.note().text()
    {
        let kind = FindingKind::CheckpointMalformed;
        let finding = Finding::new(kind, "the one form of a checkpoint", "another form");
        return (Some(signed), Some(finding));
    }
    let finding = signed.verify(key).err().map(|error| {
        let kind = match &error {
            CheckpointError::OtherOrigin { .. } => FindingKind::OtherLedger,
            CheckpointError::Note(NoteError::BadSignature(_) | NoteError::NotSignedBy(_)) => {
                FindingKind::CheckpointUntrusted
            }
            _ => FindingKind::CheckpointMalformed,
        };
        Finding::new(kind, format!("a signature by {key}"), error)
    });
    (Some(signed), finding)
}

fn read_manifest(
    files: &dyn PackFiles,
    findings: &mut Findings,
) -> Result<Option<Manifest>, VerifyError> {
    let mut found = Vec::new();
    let kind = FindingKind::ManifestMismatch;
    let bytes = read(files, MANIFEST, MANIFEST_BYTES_MAX, kind, None, &mut found)?;
    findings.extend(found);
    Ok(bytes.and_then(|bytes| match Manifest::from_bytes(&bytes) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            findings.push(Finding::new(kind, "a manifest", error).in_place(MANIFEST));
            None
        }
    }))
}

/// Looks at the tiles above level 0. In a partial pack they are all that leads from its entries to the signed root; in
/// a full one they are made again from the entries later.
fn check_upper_tiles(
    files: &dyn PackFiles,
    ordered: &mut Ordered<'_>,
    bundles: Range<u64>,
    checkpoint: Option<&Checkpoint>,
) {
    let Some(checkpoint) = checkpoint.filter(|_| !bundles.is_empty()) else {
        return;
    };
    let full = bundles == (0..checkpoint.size.value().div_ceil(TILE_WIDTH));
    let mut edge_said = full;
    for id in other_tiles(bundles, checkpoint.size) {
        let Some(hashes) = tile_of(files, id) else {
            let there = files.length(&id.to_string());
            let kind = there.map_or(FindingKind::TileMissing, |_| FindingKind::TileAltered);
            let expected = format!("{} hashes", id.span.width);
            let found = there.map_or("nothing".to_owned(), |bytes| format!("{bytes} bytes"));
            ordered
                .findings
                .push(Finding::new(kind, expected, found).in_place(id));
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
}

/// Checks where the entries begin and end.
fn check_extent(
    layout: &Layout,
    checkpoint: Option<&Checkpoint>,
    manifest: Option<&Manifest>,
    ordered: &mut Ordered<'_>,
) {
    let (Some(first), Some(last)) = (layout.spans.first(), layout.spans.last()) else {
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
fn check_root(
    ordered: &mut Ordered<'_>,
    bundles: &Range<u64>,
    checkpoint: Option<&Checkpoint>,
    report: &mut Report,
) {
    let Some(checkpoint) = checkpoint else { return };
    let explained = ordered.findings.listed.iter().any(|finding| {
        matches!(
            finding.kind,
            FindingKind::EntryAltered | FindingKind::EntryMalformed | FindingKind::MissingEntries
        )
    }) || ordered.check.has_misplaced();
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

/// What the pack says of itself, and what its container really is.
struct Said<'a> {
    signed: Option<&'a SignedCheckpoint>,
    manifest: Option<&'a Manifest>,
    container: Result<Option<blake3::Hash>, FileError>,
}

fn finish(
    files: &dyn PackFiles,
    mut ordered: Ordered<'_>,
    bundles: &Range<u64>,
    said: Said<'_>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let Said {
        signed,
        manifest,
        container,
    } = said;
    let range = IndexRange {
        start: EntryIndex::new(bundles.start.saturating_mul(TILE_WIDTH)),
        end: ordered.check.expected(),
    };
    report.range = Some(range);
    report.counts = ordered.counts();
    report.sources = ordered.sequences.statement(bundles.start == 0);
    ordered.more.checkpoints = report.more.checkpoints;
    report.more = ordered.more;
    let size = signed.map_or(TreeSize::new(range.end.value()), |signed| {
        signed.checkpoint().size
    });
    let tree = ordered.signed.as_ref();
    let from_tiles = |size: TreeSize| -> Option<RootHash> {
        Frontier::read(tree?, size)
            .ok()
            .map(|frontier| frontier.root())
    };
    let mut findings = std::mem::take(&mut ordered.findings);
    ordered.kept.compare(
        size,
        from_tiles,
        &mut findings,
        &mut report.more,
        &mut report.not_checked,
    );
    let complete = ordered.jsonl.is_open() && ordered.csv.is_open();
    let (in_jsonl, lines, jsonl) = ordered.jsonl.finish();
    let (in_csv, rows, csv) = ordered.csv.finish();
    (report.more.jsonl_lines, report.more.csv_rows) = (lines, rows);
    if !complete {
        report.not_checked.push(format!(
            "events.jsonl after {lines} lines and events.csv after {rows} rows: they differ there, or what they should say is unreadable"
        ));
    }
    findings.extend(in_jsonl);
    findings.extend(in_csv);
    let (in_order, _) = ordered.check.finish();
    findings.join(in_order);
    if let Some(manifest) = manifest {
        let found = super::manifest::Found {
            files,
            signed,
            container,
            report,
            recorded: ordered.recorded,
            jsonl,
            csv,
            whole: findings.total == 0,
        };
        findings.extend(compare_manifest(manifest, found)?);
    }
    findings.sort();
    report.findings = findings;
    remarks(manifest, report);
    conclude(report);
    Ok(())
}

/// Says what was looked at and what was not.
fn remarks(manifest: Option<&Manifest>, report: &mut Report) {
    let (counts, more) = (report.counts, report.more);
    report.checked.extend([
        format!(
            "{} entries: form, place, clock, chain and leaf of each",
            counts.entries
        ),
        format!("{} payloads, every part", counts.payloads_whole),
        format!(
            "{} payloads as far as they are disclosed",
            counts.payloads_partial
        ),
        format!(
            "{} disclosed parts, against their commitments",
            counts.parts_disclosed
        ),
        format!("{} hash tiles, every hash", more.tiles),
        "that no event was recorded twice".to_owned(),
        format!(
            "{} lines of events.jsonl and {} rows of events.csv",
            more.jsonl_lines, more.csv_rows
        ),
    ]);
    if counts.parts_withheld > 0 {
        report.not_checked.push(format!(
            "the content of {} withheld or erased parts: only their commitments are here",
            counts.parts_withheld
        ));
    }
    if counts.payloads_absent > 0 {
        report.not_checked.push(format!(
            "{} payloads: they are not here",
            counts.payloads_absent
        ));
    }
    if let (Some(size), Some(range)) = (report.size, report.range)
        && (range.start > EntryIndex::default() || range.end < size.next_index())
    {
        report.not_checked.push(format!(
            "the entries of the ledger outside {} to {}: it has {size}, and they are not in this pack",
            range.start, range.end
        ));
    }
    if manifest.is_some_and(|manifest| manifest.filter.is_some()) {
        report.not_checked.push(
            "that the filter in the manifest is why payloads are withheld: nobody signs the manifest".to_owned(),
        );
    }
}

/// Reaches the verdict.
pub(super) fn conclude(report: &mut Report) {
    if report.counts.entries == 0 {
        report
            .incomplete
            .push("there is no entry, so nothing was verified".to_owned());
    }
    let sources = &report.sources;
    if sources.missing > 0 {
        report.incomplete.push(format!(
            "{} events that producers counted never arrived",
            sources.missing
        ));
    }
    if sources.repeated > 0 {
        report.incomplete.push(format!(
            "{} events carry a number that their source had used before",
            sources.repeated
        ));
    }
    report.verdict = if report.findings.total > 0 {
        Verdict::Altered
    } else if report.incomplete.is_empty() {
        Verdict::Verified
    } else {
        Verdict::Incomplete
    };
}

/// A report that nothing has been put in.
pub(super) fn empty_report(subject: Subject, key: &VerifierKey) -> Report {
    Report {
        format: REPORT_FORMAT,
        subject,
        path: None,
        verdict: Verdict::Incomplete,
        origin: key.name().to_string(),
        key: key.to_string(),
        size: None,
        root: None,
        range: None,
        findings: Findings::default(),
        incomplete: Vec::new(),
        counts: crate::ledger::verify::Counts::default(),
        more: crate::pack::report::MoreCounts::default(),
        checked: Vec::new(),
        not_checked: Vec::new(),
        sources: crate::pack::sequence::SourcesStatement::default(),
    }
}
