//! What can be checked about one batch of a journal alone, on any core.

use super::checkpoint::open_checkpoint;
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        finding::{Finding, FindingKind},
        keys::Keyring,
        position::{EntryIndex, length},
        tile::decode_entry_bundle,
        verify::{Chunk, ChunkReport, Findings, IdentityKey, check_chunk},
    },
    store::journal::{Damage, RawBatch, StoredBlock},
};

/// Small batches are worked on together until they have this many entries.
const ENTRIES_TOGETHER: u64 = 256;

pub(super) type Scanned = Result<RawBatch, Box<Damage>>;

/// The next batch, with the small ones after it.
pub(super) fn together(scan: &mut impl Iterator<Item = Scanned>) -> Option<Vec<Scanned>> {
    let mut batches = Vec::new();
    let mut entries = 0u64;
    while entries < ENTRIES_TOGETHER {
        let Some(next) = scan.next() else { break };
        entries = entries.saturating_add(next.as_ref().map_or(1, RawBatch::count));
        batches.push(next);
    }
    (!batches.is_empty()).then_some(batches)
}

/// A batch, checked for itself.
pub(super) struct CheckedBatch {
    pub(super) first: EntryIndex,
    pub(super) place: String,
    pub(super) checkpoint: SignedCheckpoint,
    pub(super) blocks: Vec<ChunkReport>,
    pub(super) findings: Vec<Finding>,
    /// What is wrong with its checkpoint or the signature of that.
    pub(super) unsigned: Option<Finding>,
}

pub(super) fn check_batch(
    raw: Scanned,
    key: &IdentityKey,
    trusted: &Keyring,
) -> Result<CheckedBatch, Box<Damage>> {
    let raw = raw?;
    let (segment, offset) = raw.place();
    let place = format!("journal/{segment}, offset {offset}");
    let (mut blocks, mut findings) = (Vec::new(), Vec::new());
    let checkpoint = raw.decode_each_keeping(|block, _| match check_block(&block, key) {
        Ok(mut report) => {
            for lost in report
                .findings
                .iter_mut()
                .filter(|finding| is_lost(finding))
            {
                lost.place = Some(place.clone());
            }
            blocks.push(report);
        }
        Err(finding) => findings.push(finding.in_place(&place)),
    })?;
    let note = checkpoint.note().to_string();
    let (_, unsigned) = open_checkpoint(note.as_bytes(), trusted);
    Ok(CheckedBatch {
        first: raw.first(),
        unsigned: unsigned.map(|finding| finding.in_place(&place)),
        place,
        checkpoint,
        blocks,
        findings,
    })
}

/// Whether it is of a payload that the journal can't give any more.
fn is_lost(finding: &Finding) -> bool {
    finding.kind == FindingKind::PayloadMissing
}

fn check_block(block: &StoredBlock, key: &IdentityKey) -> Result<ChunkReport, Finding> {
    let entries = decode_entry_bundle(&block.entries, length(block.count)).map_err(|error| {
        let kind = FindingKind::EntryMalformed;
        Finding::at(kind, block.first, format!("{} entries", block.count), error)
    })?;
    let chunk = Chunk {
        first: block.first,
        entries: &entries,
        payloads: Some(&block.payloads),
    };
    Ok(check_chunk(chunk, key))
}

/// Names the entries that were changed, where the signed roots say that some were: an entry that the next one does not
/// continue was changed after that one was made, unless the next one fits nothing that follows it either.
pub(super) fn blame(findings: &Findings) -> Vec<Finding> {
    let mut broken: Vec<&Finding> = findings
        .listed
        .iter()
        .filter(|finding| finding.kind == FindingKind::ChainBroken)
        .collect();
    broken.sort_by_key(|finding| finding.index);
    let mut blamed = Vec::new();
    let mut passed = None;
    for (at, finding) in broken.iter().enumerate() {
        let Some(index) = finding.index.filter(|index| passed != Some(*index)) else {
            continue;
        };
        let next = broken.get(at.saturating_add(1)).and_then(|next| next.index);
        let own = next == Some(index.plus(1));
        passed = next.filter(|_| own);
        let altered = if own {
            index
        } else {
            EntryIndex::new(index.value().saturating_sub(1))
        };
        let (expected, found) = if own {
            (
                format!("chain hash {}, of the entry before", finding.expected),
                &finding.found,
            )
        } else {
            (
                format!("chain hash {}, as the next entry carries it", finding.found),
                &finding.expected,
            )
        };
        blamed.push(Finding::at(
            FindingKind::EntryAltered,
            altered,
            expected,
            found,
        ));
    }
    blamed
}
