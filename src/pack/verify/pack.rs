//! One verification of a pack, from its checkpoint to its report.

use std::{
    fs::File,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{
    VerifyError, VerifyOptions,
    bundle::{self, CheckedBundle, Work, read},
    checkpoint::read_checkpoint,
    keys::Keys,
    layout::Layout,
    manifest::compare_manifest,
    ordered::{Ordered, next_run},
    outcome::{conclude, empty_report, expect, pack_remarks},
    page::{PageCheck, check_page},
    timestamps::Stamps,
    tree::{check_extent, check_root, check_upper_tiles},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        finding::{Finding, FindingKind},
        hash::RootHash,
        note::VerifierKey,
        position::{EntryIndex, TreeSize},
        tile::{Span, TILE_WIDTH},
        tree::Frontier,
        verify::{Findings, IdentityKey},
    },
    pack::{
        manifest::{CHECKPOINT, INDEX_HTML, MANIFEST, Manifest},
        pipeline,
        read::{FileError, FolderFiles, MANIFEST_BYTES_MAX, PackFiles, ZipFiles},
        report::{IndexRange, Report, Subject},
        shelf::Shelf,
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
    let bare = files.is_bare_log();
    let subject = if bare { Subject::Log } else { Subject::Pack };
    let mut report = empty_report(subject, key);
    let keys = Keys::of_files(files, key)?;
    let signed = read_checkpoint(files, &keys.ring, &mut findings, &mut report)?;
    let checkpoint = signed.as_ref().map(SignedCheckpoint::checkpoint);
    let manifest = if bare {
        None
    } else {
        read_manifest(files, &mut findings)?
    };
    let trusted = report.signed.is_some();
    // The checkpoint may have been swapped; the files lie as the tree that the pack was made of has them.
    let size = manifest.as_ref().map(|manifest| manifest.tree_size);
    let size = size.or(checkpoint.map(|checkpoint| checkpoint.size));
    let size = size.filter(|_| trusted || !bare);
    let layout = lay_out(files, size, manifest.as_ref(), &mut findings);
    let bundles = layout.bundles();
    let proving = checkpoint.filter(|checkpoint| Some(checkpoint.size) == size);
    let mut ordered = Ordered::start(files, &bundles, proving, keys, options)?;
    if let Some(checkpoint) = checkpoint {
        ordered.kept.watch(checkpoint.size);
    }
    ordered.findings = findings;
    let leading = proving.filter(|_| trusted);
    if !bare {
        check_upper_tiles(files, &mut ordered, layout.runs(), leading);
    }
    if checkpoint.is_some() && !trusted {
        report.not_checked.push(unvouched(bare));
    }
    let (ran, (container, page)) = rayon::join(
        || run(files, &layout, size, &mut ordered, progress),
        || {
            let page = manifest
                .as_ref()
                .map(|manifest| check_page(files, manifest))
                .transpose();
            (files.digest_before(MANIFEST), page)
        },
    );
    let ended = ran?;
    if bare {
        let there = ended.map_or(bundles.clone(), |ended| 0..ended.number);
        let there = Some(there).filter(|there| !there.is_empty());
        check_upper_tiles(files, &mut ordered, there.into_iter().collect(), leading);
    }
    report.not_checked.extend(ended.map(unasked));
    let page = page.map_err(|error| VerifyError::Unreadable {
        path: Path::new(INDEX_HTML).to_owned(),
        error,
    })?;
    ordered.settle()?;
    check_extent(&layout, checkpoint, manifest.as_ref(), &mut ordered);
    ordered.settle_places();
    check_root(&mut ordered, &bundles, checkpoint, &mut report);
    let said = Said {
        signed: signed.as_ref(),
        manifest: manifest.as_ref(),
        container,
        page: page.unwrap_or_default(),
    };
    finish(files, ordered, &bundles, said, &mut report)?;
    expect(options.expected, &mut report);
    conclude(&mut report);
    Ok(report)
}

/// Where the files of a tree of this size lie, and what lies there besides. A log over HTTP says only when it is asked.
fn lay_out(
    files: &dyn PackFiles,
    size: Option<TreeSize>,
    manifest: Option<&Manifest>,
    findings: &mut Findings,
) -> Layout {
    if files.is_bare_log() {
        return Layout::claimed(size.unwrap_or_default());
    }
    let paths = files.paths();
    let layout = Layout::of(&paths, size);
    findings.extend(layout.unexpected(&paths, size, manifest));
    layout
}

/// What is not looked at under a checkpoint that no trusted key signed.
fn unvouched(bare: bool) -> String {
    let what = if bare {
        "the entries and the hash tiles"
    } else {
        "the hash tiles above the bundles"
    };
    format!("{what}: no trusted key signed the checkpoint")
}

/// What is not looked at of a log that ends before its checkpoint does.
fn unasked(from: Span) -> String {
    format!(
        "the log from {} on: it can't be read there, and nothing behind it was asked for",
        from.entries_path()
    )
}

/// Checks every bundle, on all cores, and takes them in order. A log, which may claim any number of them, ends at the
/// first one that can't be read, which is given back.
fn run(
    files: &dyn PackFiles,
    layout: &Layout,
    size: Option<TreeSize>,
    ordered: &mut Ordered<'_>,
    progress: Progress<'_>,
) -> Result<Option<Span>, VerifyError> {
    let key = identity_key()?;
    let total = layout.entries();
    progress(0, total);
    let bare = files.is_bare_log();
    let (mut ended, over) = (None, AtomicBool::new(false));
    let mut spans = layout.spans();
    let (seal, shelf) = (ordered.runs.seal, Shelf::default());
    let (mut jsonl, mut csv) = (ordered.runs.jsonl.take(), ordered.runs.csv.take());
    let fetch = || {
        let span = spans.next().filter(|_| !over.load(Ordering::Relaxed));
        Ok(span.map(|span| {
            let whole = size.and_then(|size| Span::of(span.number, size.value()));
            Work {
                span,
                tile: whole.unwrap_or(span),
                jsonl: next_run(&mut jsonl),
                csv: next_run(&mut csv),
            }
        }))
    };
    let ran = pipeline::run(
        fetch,
        |work| bundle::check(files, work, &key, &seal, &shelf),
        |checked: Result<CheckedBundle, VerifyError>| {
            let checked = checked?;
            if ended.is_some() {
                return Ok(());
            }
            if bare && checked.report.is_none() {
                over.store(true, Ordering::Relaxed);
                ended = Some(checked.span);
                ordered.findings.extend(checked.findings);
                return Ok(());
            }
            ordered.take(checked, &shelf)?;
            progress(ordered.check.counts().entries, total);
            Ok(())
        },
    );
    (ordered.runs.jsonl, ordered.runs.csv) = (jsonl, csv);
    ran.map(|()| ended)
}

/// A fresh key for the identities of events.
pub(super) fn identity_key() -> Result<IdentityKey, VerifyError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| VerifyError::Temporary(std::io::Error::other(error.to_string())))?;
    Ok(IdentityKey::new(random))
}

fn read_manifest(
    files: &dyn PackFiles,
    findings: &mut Findings,
) -> Result<Option<Manifest>, VerifyError> {
    let mut found = Vec::new();
    let kind = FindingKind::ManifestMismatch;
    let (buffer, limit) = (Vec::new(), MANIFEST_BYTES_MAX);
    let bytes = read(buffer, files, MANIFEST, limit, kind, None, &mut found)?;
    findings.extend(found);
    Ok(bytes.and_then(|bytes| match Manifest::from_bytes(&bytes) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            findings.push(Finding::new(kind, "a manifest", error).in_place(MANIFEST));
            None
        }
    }))
}

/// What the pack says of itself, and what its container really is.
struct Said<'a> {
    signed: Option<&'a SignedCheckpoint>,
    manifest: Option<&'a Manifest>,
    container: Result<Option<blake3::Hash>, FileError>,
    page: PageCheck,
}

/// Says what of the listings, and of the payloads, could not be looked at.
fn say_how_far(files: &dyn PackFiles, complete: bool, report: &mut Report) {
    let (lines, rows) = (report.more.jsonl_lines, report.more.csv_rows);
    if files.is_bare_log() {
        let absent =
            "the payloads: a log over HTTP has none; they are in audit packs, and come over gRPC";
        report.incomplete.push(absent.to_owned());
    } else if !complete {
        report.not_checked.push(format!(
            "events.jsonl after {lines} lines and events.csv after {rows} rows: they differ there, or what they should say is unreadable"
        ));
    }
}

fn finish(
    files: &dyn PackFiles,
    mut ordered: Ordered<'_>,
    bundles: &Range<u64>,
    said: Said<'_>,
    report: &mut Report,
) -> Result<(), VerifyError> {
    let (signed, manifest) = (said.signed, said.manifest);
    let range = IndexRange {
        start: EntryIndex::new(bundles.start.saturating_mul(TILE_WIDTH)),
        end: ordered.check.expected(),
    };
    report.range = Some(range);
    report.counts = ordered.counts();
    ordered.sequences.state(bundles.start == 0, report);
    ordered.more.checkpoints = report.more.checkpoints;
    report.more = ordered.more;
    let size = signed.map_or(TreeSize::new(range.end.value()), |signed| {
        signed.checkpoint().size
    });
    let tree = ordered.signed.as_ref();
    let from_tiles =
        |size: TreeSize| -> Option<RootHash> { Some(Frontier::read(tree?, size).ok()?.root()) };
    let mut findings = std::mem::take(&mut ordered.findings);
    ordered.kept.compare(
        size,
        from_tiles,
        &mut findings,
        &mut report.more,
        &mut report.incomplete,
    );
    report.first_leaf = ordered.kept.first_leaf();
    let stamps = std::mem::replace(&mut ordered.stamps, Stamps::none());
    stamps.conclude(
        |size| ordered.root_at(size),
        signed.map(SignedCheckpoint::checkpoint),
        &mut findings,
        report,
    );
    if let Some(keys) = ordered.keys.take() {
        let root_at = |size| ordered.root_at(size).or_else(|| from_tiles(size));
        keys.conclude(size, root_at, &mut findings, report);
    }
    let complete = ordered.jsonl.is_open() && ordered.csv.is_open();
    let (in_jsonl, lines, jsonl) = ordered.jsonl.finish(ordered.runs.jsonl.as_mut());
    let (in_csv, rows, csv) = ordered.csv.finish(ordered.runs.csv.as_mut());
    (report.more.jsonl_lines, report.more.csv_rows) = (lines, rows);
    say_how_far(files, complete, report);
    findings.extend(in_jsonl);
    findings.extend(in_csv);
    let (in_order, _) = ordered.check.finish();
    findings.join(in_order);
    let breaks = std::mem::take(&mut ordered.breaks);
    let covered = breaks.cover(&mut findings);
    if let Some(manifest) = manifest {
        let found = super::manifest::Found {
            files,
            signed,
            container: said.container,
            report,
            recorded: ordered.recorded,
            jsonl,
            csv,
            page: said.page.digest,
            whole: findings.total == 0,
        };
        let mut unknown = Vec::new();
        findings.extend(compare_manifest(manifest, found, &mut unknown)?);
        report.not_checked.extend(unknown);
    }
    findings.extend(said.page.finding);
    report.checked.extend(said.page.checked);
    report.not_checked.extend(said.page.not_checked);
    findings.sort();
    findings.cut();
    report.findings = findings;
    breaks.state(covered, report);
    pack_remarks(manifest, report);
    Ok(())
}
