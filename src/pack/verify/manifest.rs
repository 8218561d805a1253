//! Comparing the manifest with what is there.

use std::{io::Read, path::Path};

use super::{VerifyError, layout::is_extra};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        finding::{Finding, FindingKind},
        hash::FileHash,
        note::{KeyType, VerifierKey},
        position::{EntryIndex, UnixNanos, count},
        tile::TILE_WIDTH,
    },
    pack::{
        carried::{CARRIED, Judgement, judge, missed},
        manifest::{
            CHECKPOINT, EVENTS_CSV, EVENTS_JSONL, FileDigest, INDEX_HTML, KEY_HISTORY, MANIFEST,
            Manifest, PackCounts, Period, README, VERIFIER_KEY,
        },
        read::{FileError, PackFiles},
        report::{IndexRange, Report},
    },
};

/// The most files that are named of those that only the manifest accounts for.
const EXTRA_SHOWN_MAX: usize = 20;

/// What was found in the pack.
pub(super) struct Found<'a> {
    pub(super) files: &'a dyn PackFiles,
    pub(super) signed: Option<&'a SignedCheckpoint>,
    /// BLAKE3 of the zip before its manifest, where there is a zip.
    pub(super) container: Result<Option<blake3::Hash>, FileError>,
    pub(super) report: &'a Report,
    pub(super) recorded: Option<(UnixNanos, UnixNanos)>,
    pub(super) jsonl: Option<FileDigest>,
    pub(super) csv: Option<FileDigest>,
    /// The digest of `index.html`, where all of it has been read already.
    pub(super) page: Option<FileDigest>,
    /// Whether nothing was wrong so far, so that numbers that differ are the manifest's fault.
    pub(super) whole: bool,
}

/// What in the manifest is not so. `unknown` hears of files that can't be judged.
pub(super) fn compare_manifest(
    manifest: &Manifest,
    found: Found<'_>,
    unknown: &mut Vec<String>,
) -> Result<Vec<Finding>, VerifyError> {
    let mut findings = Vec::new();
    let mut differ = |field: &str, expected: String, said: String| {
        if expected != said {
            let kind = FindingKind::ManifestMismatch;
            let finding = Finding::new(kind, expected, said);
            findings.push(finding.in_place(format!("{MANIFEST}, {field}")));
        }
    };
    let report = found.report;
    differ("origin", report.origin.clone(), manifest.origin.clone());
    if names_other_key(manifest, &found) {
        unknown.push(format!(
            "the key that the pack names as the ledger's own, {}: it signed this checkpoint beside the trusted key, and nobody vouched for it here",
            manifest.key
        ));
    } else if !is_beyond_trust(manifest, report) {
        let own = report.current_key.as_ref();
        let own = own.map_or_else(|| report.key.clone(), ToString::to_string);
        differ("key", own, manifest.key.clone());
    }
    if let Some(signed) = found.signed {
        let checkpoint = signed.checkpoint();
        differ(
            "tree_size",
            checkpoint.size.to_string(),
            manifest.tree_size.to_string(),
        );
        differ(
            "root",
            checkpoint.root.to_string(),
            manifest.root.to_string(),
        );
        differ(
            "checkpoint",
            signed.note().to_string(),
            manifest.checkpoint.clone(),
        );
    }
    differ("range", text(&edges_whole(manifest)), text(&manifest.range));
    if found.whole {
        let counts = PackCounts::of(&report.counts, report.more.tiles);
        let recorded = found.recorded.map(|(first, last)| Period {
            first: first.to_rfc3339(),
            last: last.to_rfc3339(),
        });
        differ("range", text(&report.range), text(&Some(manifest.range)));
        differ("counts", text(&counts), text(&manifest.counts));
        differ("recorded", text(&recorded), text(&manifest.recorded));
        differ("sources", text(&report.sources), text(&manifest.sources));
    }
    findings.extend(compare_files(manifest, found, unknown)?);
    Ok(findings)
}

/// Whether the trusted key is one that signs beside a ledger's own, and the manifest names that one, as it always does.
/// It must have signed the same checkpoint. A trusted Ed25519 key is itself the ledger's own.
fn names_other_key(manifest: &Manifest, found: &Found<'_>) -> bool {
    let trusted = found.report.key.parse::<VerifierKey>();
    trusted.is_ok_and(|key| key.key_type() == KeyType::MlDsa44)
        && found.report.key != manifest.key
        && manifest.key.parse().is_ok_and(|own: VerifierKey| {
            own.key_type() == KeyType::Ed25519
                && found
                    .signed
                    .is_some_and(|signed| signed.verify(&own).is_ok())
        })
}

/// Whether the manifest names a key of the history that trust does not reach, which is a finding of its own.
fn is_beyond_trust(manifest: &Manifest, report: &Report) -> bool {
    let mut keys = report.keys.iter().filter(|key| key.key == manifest.key);
    keys.any(|key| !key.trusted) && report.keys.iter().any(|key| key.trusted)
}

/// The range that was asked for, with the bundles on its edges whole.
fn edges_whole(manifest: &Manifest) -> IndexRange {
    let (start, end) = (
        manifest.requested.start.value(),
        manifest.requested.end.value(),
    );
    let end = end.div_ceil(TILE_WIDTH).saturating_mul(TILE_WIDTH);
    IndexRange {
        start: EntryIndex::new((start / TILE_WIDTH).saturating_mul(TILE_WIDTH)),
        end: EntryIndex::new(end.min(manifest.tree_size.value())),
    }
}

fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Compares the digests of the files, and that of the container.
fn compare_files(
    manifest: &Manifest,
    found: Found<'_>,
    unknown: &mut Vec<String>,
) -> Result<Vec<Finding>, VerifyError> {
    let mut findings = Vec::new();
    let mismatch = |place: &str, expected: String, found: String| {
        Finding::new(FindingKind::ManifestMismatch, expected, found).in_place(place)
    };
    for path in [CHECKPOINT, VERIFIER_KEY, EVENTS_JSONL, EVENTS_CSV, README] {
        if !manifest.files.contains_key(path) {
            findings.push(mismatch(
                path,
                "a digest in the manifest".to_owned(),
                "none".to_owned(),
            ));
        }
    }
    if found.files.length(KEY_HISTORY).is_some() && !manifest.files.contains_key(KEY_HISTORY) {
        let (expected, none) = ("a digest in the manifest".to_owned(), "none".to_owned());
        findings.push(mismatch(KEY_HISTORY, expected, none));
    }
    if manifest.files.contains_key(MANIFEST) {
        let (expected, one) = ("no digest of itself".to_owned(), "one".to_owned());
        findings.push(mismatch(MANIFEST, expected, one));
    }
    unknown.extend(extra_remark(manifest));
    let carried = CARRIED.iter().map(|carried| carried.path);
    unknown.extend(
        carried
            .chain([INDEX_HTML])
            .filter_map(|path| missed(manifest, path)),
    );
    for (path, digest) in &manifest.files {
        let there = match path.as_str() {
            EVENTS_JSONL => found.jsonl,
            EVENTS_CSV => found.csv,
            MANIFEST => None,
            INDEX_HTML if found.page.is_some() => found.page,
            path => match digest_of(found.files, path, digest.bytes)? {
                Ok(there) => Some(there),
                Err(finding) => {
                    findings.push(finding);
                    None
                }
            },
        };
        let Some(there) = there else { continue };
        let named = there == *digest;
        if !named {
            findings.push(mismatch(path, text(digest), text(&there)));
        }
        match judge(manifest, path, &there) {
            Judgement::Good => {}
            // A text that is not the one of the manifest needs no second finding; a program does.
            Judgement::Changed(finding) if named || finding.kind == FindingKind::CarriedAltered => {
                findings.push(finding);
            }
            Judgement::Changed(_) => {}
            Judgement::Unknown(remark) => unknown.push(remark),
        }
    }
    findings.extend(compare_container(manifest, found.container)?);
    Ok(findings)
}

/// Compares the digest of the container.
fn compare_container(
    manifest: &Manifest,
    container: Result<Option<blake3::Hash>, FileError>,
) -> Result<Option<Finding>, VerifyError> {
    match container {
        Ok(Some(digest)) if digest.as_bytes() != manifest.container.as_bytes() => {
            let finding = Finding::new(
                FindingKind::ContainerDamaged,
                format!("a zip with the digest {}", manifest.container),
                digest,
            );
            Ok(Some(finding.in_place("the zip before its manifest")))
        }
        Ok(_) | Err(FileError::Missing | FileError::TooLong { .. }) => Ok(None),
        Err(FileError::Damaged(error)) => Ok(Some(Finding::new(
            FindingKind::ContainerDamaged,
            "the whole zip",
            error,
        ))),
        Err(FileError::Io(error)) => Err(unreadable(MANIFEST, error)),
    }
}

/// Says which files nothing but the manifest accounts for.
fn extra_remark(manifest: &Manifest) -> Option<String> {
    let extra: Vec<_> = manifest
        .files
        .keys()
        .filter(|path| is_extra(path))
        .collect();
    let shown: Vec<_> = extra
        .iter()
        .take(EXTRA_SHOWN_MAX)
        .map(|path| format!("{path:?}"))
        .collect();
    let names = shown.join(", ");
    match (extra.len(), extra.len().saturating_sub(shown.len())) {
        (0, _) => None,
        (1, _) => Some(format!(
            "{names}: only its digest was checked, against the manifest"
        )),
        (_, 0) => Some(format!(
            "{names}: only the digest of each was checked, against the manifest"
        )),
        (_, more) => Some(format!(
            "{names} and {more} more files: only the digest of each was checked, against the manifest"
        )),
    }
}

/// Hashes a file that says it has this length.
fn digest_of(
    files: &dyn PackFiles,
    path: &str,
    bytes: u64,
) -> Result<Result<FileDigest, Finding>, VerifyError> {
    let missing = |error: &dyn std::fmt::Display| {
        Finding::new(FindingKind::ManifestMismatch, "the file", error).in_place(path)
    };
    let stream = match files.stream(path) {
        Ok(stream) => stream,
        Err(FileError::Io(error)) => return Err(unreadable(path, error)),
        Err(error) => return Ok(Err(missing(&error))),
    };
    // One byte more than it says is enough to see that it is longer.
    let mut stream = stream.take(bytes.saturating_add(1));
    let (mut hasher, mut length) = (blake3::Hasher::new(), 0u64);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(buffer.get(..read).unwrap_or_default());
                length = length.saturating_add(count(read));
            }
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                let finding = Finding::new(FindingKind::ContainerDamaged, "a readable file", error);
                return Ok(Err(finding.in_place(path)));
            }
            Err(error) => return Err(unreadable(path, error)),
        }
    }
    Ok(Ok(FileDigest {
        bytes: length,
        blake3: FileHash::from_bytes(*hasher.finalize().as_bytes()),
    }))
}

fn unreadable(path: &str, error: std::io::Error) -> VerifyError {
    VerifyError::Unreadable {
        path: Path::new(path).to_owned(),
        error,
    }
}
