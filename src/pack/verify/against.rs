//! A kept receipt against a later state of its ledger, by proofs alone: a few tiles, however many entries there are.
//!
//! The proofs are made here from the tiles, so nobody has to be trusted for them, and one that does not hold says
//! either that the tiles are not those of the later tree, or that history was rewritten; which of them, the later root
//! tells.

use super::{
    Remembered,
    checkpoint::open_checkpoint,
    keys::Keys,
    outcome::conclude,
    receipt::{self, LATER},
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        finding::{Finding, FindingKind},
        hash::LeafHash,
        keys::Keyring,
        note::VerifierKey,
        receipt::Receipt,
        tile::{TileError, TileId, TileNodes},
        tree::{Frontier, consistency_holds, inclusion_holds, prove_consistency, prove_inclusion},
        verify::Findings,
    },
    pack::{
        manifest::CHECKPOINT,
        read::{CHECKPOINT_BYTES_MAX, FileError, PackFiles, TILE_BYTES_MAX},
        report::Report,
    },
};

/// Verifies a receipt, and that what it proves still stands in the ledger whose checkpoint and tiles these are; what
/// the verifier remembers of the ledger must be a beginning of it too.
pub fn verify_receipt_against(
    bytes: &[u8],
    key: &VerifierKey,
    files: &dyn PackFiles,
    remembered: Option<&Remembered>,
) -> Report {
    let keys = Keys::of_files(files, key);
    let unreadable = keys.as_ref().err().map(ToString::to_string);
    let keys = keys.unwrap_or_else(|_| Keys::none(key));
    let (mut report, compromised) = receipt::verify_for_comparison(bytes, &keys.ring);
    report.incomplete.extend(unreadable);
    let Some(receipt) = Receipt::parse(bytes)
        .ok()
        .filter(|_| report.findings.total == 0)
    else {
        return report;
    };
    report.not_checked.retain(|line| line != LATER);
    match open(files, &keys.ring) {
        Ok(later) => {
            let nodes =
                TileNodes::new(later.size, |id| files.read(&id.to_string(), TILE_BYTES_MAX));
            compare(&receipt, &later, &nodes, remembered, &mut report);
            if let Some(finding) = compromised {
                settle_compromised(finding, &keys.ring, &mut report);
            }
            let mut findings = std::mem::take(&mut report.findings);
            let root_at = |size| Frontier::read(&nodes, size).ok().map(|tree| tree.root());
            keys.conclude(later.size, root_at, &mut findings, &mut report);
            report.findings = findings;
        }
        Err(finding) => report.findings.push(finding.in_place(CHECKPOINT)),
    }
    conclude(&mut report);
    report
}

/// A receipt whose key is compromised: where the later ledger has the entry and goes on from the receipt's tree, that
/// vouches for it; where it does not, a thief may have made the receipt, and it says nothing about the ledger.
fn settle_compromised(finding: Finding, ring: &Keyring, report: &mut Report) {
    if report.findings.total == 0 && report.incomplete.is_empty() {
        report.not_checked.push(format!(
            "the receipt's own signature: {}; what stands for the entry is the later checkpoint, by the key {}",
            finding.found,
            ring.current().id()
        ));
        return;
    }
    let rewritten = [FindingKind::Forked, FindingKind::RolledBack];
    if report
        .findings
        .listed
        .iter()
        .all(|found| rewritten.contains(&found.kind))
    {
        report.findings = Findings::default();
    }
    report.findings.push(Finding {
        found: format!(
            "{}; and the later ledger does not vouch for it",
            finding.found
        ),
        ..finding
    });
}

fn open(files: &dyn PackFiles, keys: &Keyring) -> Result<Checkpoint, Finding> {
    let malformed = |found: &dyn std::fmt::Display| {
        Finding::new(
            FindingKind::CheckpointMalformed,
            "a signed checkpoint",
            found,
        )
    };
    let note = files
        .read(CHECKPOINT, CHECKPOINT_BYTES_MAX)
        .map_err(|error| malformed(&error))?;
    match open_checkpoint(&note, keys) {
        (Some(signed), None) => Ok(signed.checkpoint().clone()),
        (_, Some(finding)) => Err(finding),
        (None, None) => Err(malformed(&"nothing")),
    }
}

fn compare<F>(
    receipt: &Receipt,
    later: &Checkpoint,
    nodes: &TileNodes<F>,
    remembered: Option<&Remembered>,
    report: &mut Report,
) where
    F: Fn(TileId) -> Result<Vec<u8>, FileError>,
{
    report.more.checkpoints = report.more.checkpoints.saturating_add(1);
    let then = receipt.checkpoint.checkpoint();
    let whole = Frontier::read(nodes, later.size).map(|tree| tree.root());
    match whole {
        Ok(root) if root == later.root => {}
        Ok(root) => {
            let expected = format!("tiles that make root {} at size {}", later.root, later.size);
            let kind = FindingKind::TileAltered;
            report
                .findings
                .push(Finding::new(kind, expected, format!("root {root}")));
            return;
        }
        Err(error) => return unavailable(&error, report),
    }
    let states = [
        (Some(then), "the receipt's checkpoint"),
        (
            remembered.map(|known| &known.checkpoint),
            "what was remembered",
        ),
    ];
    for (earlier, what) in states {
        let Some(earlier) = earlier else { continue };
        match continues(earlier, later, nodes, what) {
            Ok(None) => report.checked.push(format!(
                "that {what}, of size {}, is the beginning of the later one of {}",
                earlier.size, later.size
            )),
            Ok(Some(finding)) => report.findings.push(finding),
            Err(error) => unavailable(&error, report),
        }
    }
    if !later.size.contains(receipt.index) || then.size > later.size {
        return;
    }
    let leaf = LeafHash::of_entry(&receipt.entry);
    match prove_inclusion(nodes, receipt.index, later.size) {
        Ok(Some(proof)) if inclusion_holds(receipt.index, later.size, leaf, &proof, later.root) => {
            let line = format!("that entry {} stands in the later tree", receipt.index);
            report.checked.push(line);
        }
        Ok(_) => report.findings.push(Finding::at(
            FindingKind::Forked,
            receipt.index,
            format!("leaf {leaf}, of the receipt's entry"),
            format!("another leaf in the tree of {} entries", later.size),
        )),
        Err(error) => unavailable(&error, report),
    }
}

/// Whether one state of a ledger is the beginning of another; `None` when it is.
fn continues<F>(
    earlier: &Checkpoint,
    later: &Checkpoint,
    nodes: &TileNodes<F>,
    what: &str,
) -> Result<Option<Finding>, TileError<FileError>>
where
    F: Fn(TileId) -> Result<Vec<u8>, FileError>,
{
    if earlier.size > later.size {
        return Ok(Some(Finding::at(
            FindingKind::RolledBack,
            later.size.next_index(),
            format!("the {} entries of {what}", earlier.size),
            format!("{} entries", later.size),
        )));
    }
    if earlier.size.value() == 0 {
        return Ok(None);
    }
    let proof = prove_consistency(nodes, earlier.size, later.size)?.unwrap_or_default();
    if consistency_holds(
        (earlier.size, earlier.root),
        (later.size, later.root),
        &proof,
    ) {
        return Ok(None);
    }
    let found = Frontier::read(nodes, earlier.size)
        .map_or("another".to_owned(), |tree| format!("root {}", tree.root()));
    Ok(Some(Finding::new(
        FindingKind::Forked,
        format!("root {} at size {}, of {what}", earlier.root, earlier.size),
        found,
    )))
}

/// A tile that is not there, or can't be one.
fn unavailable(error: &TileError<FileError>, report: &mut Report) {
    match error {
        TileError::Unavailable(FileError::Missing) => report.incomplete.push(
            "the tiles that would prove it are not here: compare with a pack of the whole ledger, or with a server"
                .to_owned(),
        ),
        error => {
            let kind = FindingKind::TileAltered;
            report.findings.push(Finding::new(kind, "a hash tile", error));
        }
    }
}
