//! Tampering with the data directory of a ledger that does not run.

use std::{fs, path::Path, sync::Arc};

use super::{
    Expected, TamperError, Tampering,
    forged::{Forged, another, forger},
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        finding::FindingKind,
        hash::{LeafHash, PartCommitment},
        note::SigningKey,
        payload::{Part, decode_parts},
        position::{EntryIndex, TreeSize, UnixNanos, count, length},
        state::{Batch, State},
        tile::decode_entry_bundle,
    },
    store::{
        disk::FsDisk,
        journal::{
            EncodedBatch, Journal, JournalOptions, JournalReader, LEVEL_DEFAULT, publish_checkpoint,
        },
    },
};

/// Where a batch ends, and what was signed with it.
struct End {
    size: TreeSize,
    checkpoint: SignedCheckpoint,
}

pub(super) fn apply(
    tampering: Tampering,
    directory: &Path,
    at: EntryIndex,
    key: &SigningKey,
) -> Result<Expected, TamperError> {
    let (mut ledger, ends) = read(directory)?;
    let origin = key.verifier().name();
    let size = ledger.size();
    let mut expected = ledger.tamper(tampering, at)?;
    let signed = |end: &End| end.checkpoint.clone();
    match tampering {
        Tampering::TileAltered | Tampering::CheckpointOlder => {
            return Err("a data directory has no such thing".into());
        }
        Tampering::CheckpointOfAnother => {
            let other = another(origin)?;
            publish(directory, &ledger.sign(size, &other, &forger(&other)))?;
        }
        Tampering::CheckpointForged => {
            let last = ends.last().map_or(size, |end| end.size);
            let forged = ledger.sign(last, origin, &forger(origin));
            rewrite(directory, &ledger, &ends, |end| {
                if end.size == last {
                    forged.clone()
                } else {
                    signed(end)
                }
            })?;
            publish(directory, &forged)?;
        }
        Tampering::HistoryRewritten => {
            rewrite(directory, &ledger, &ends, |end| {
                ledger.sign(end.size, origin, key)
            })?;
            publish(directory, &ledger.sign(size, origin, key))?;
        }
        Tampering::RolledBack => {
            let ends = shortened(ends, ledger.size());
            rewrite(directory, &ledger, &ends, |end| {
                ledger.sign(end.size, origin, key)
            })?;
            publish(directory, &ledger.sign(ledger.size(), origin, key))?;
        }
        Tampering::TailCut => {
            publish(
                directory,
                &ends.last().ok_or("there is no batch")?.checkpoint,
            )?;
            let kept: Vec<End> = ends
                .into_iter()
                .filter(|end| end.size <= ledger.size())
                .collect();
            let size = kept.last().map_or(TreeSize::EMPTY, |end| end.size);
            ledger.entries.truncate(length(size.value()));
            rewrite(directory, &ledger, &kept, signed)?;
            expected.index = Some(size.next_index());
        }
        // The number of entries is another, so no batch's signed checkpoint fits any more.
        Tampering::EntryRemoved | Tampering::EntryInserted | Tampering::EntryRepeated => {
            let ends = shortened(ends, ledger.size());
            rewrite(directory, &ledger, &ends, |end| {
                ledger.sign(end.size, origin, &forger(origin))
            })?;
        }
        _ => {
            rewrite(directory, &ledger, &ends, signed)?;
            if tampering == Tampering::EntryRehashed {
                let first = ends.iter().rev().find(|end| end.size.value() <= at.value());
                let first = first.map_or(EntryIndex::default(), |end| end.size.next_index());
                expected = Expected {
                    kind: FindingKind::RootMismatch,
                    index: Some(first),
                };
            }
        }
    }
    Ok(expected)
}

fn read(directory: &Path) -> Result<(Forged, Vec<End>), TamperError> {
    let reader = JournalReader::open(directory)?;
    let (mut ledger, mut ends) = (Forged::default(), Vec::new());
    for batch in reader.batches(EntryIndex::default()) {
        let batch = batch?;
        for block in batch.blocks {
            let entries = decode_entry_bundle(&block.entries, length(block.count))?;
            ledger.add(&entries, &block.payloads)?;
        }
        ends.push(End {
            size: ledger.size(),
            checkpoint: batch.checkpoint,
        });
    }
    Ok((ledger, ends))
}

/// The same batches, with the last one longer or shorter so that they hold this many entries.
fn shortened(ends: Vec<End>, size: TreeSize) -> Vec<End> {
    let mut kept: Vec<End> = Vec::new();
    for end in ends {
        if kept.last().is_none_or(|last| last.size < size) {
            kept.push(End {
                size: end.size.min(size),
                ..end
            });
        }
    }
    if let Some(last) = kept.last_mut() {
        last.size = size;
    }
    kept
}

/// Writes the journal anew: the same batches, other content, every checksum right.
fn rewrite(
    directory: &Path,
    ledger: &Forged,
    ends: &[End],
    checkpoint: impl Fn(&End) -> SignedCheckpoint,
) -> Result<(), TamperError> {
    let scratch = directory.join("tampered");
    fs::create_dir_all(&scratch)?;
    let origin = JournalReader::open(directory)?.origin().clone();
    let empty = State::new(origin.clone())
        .checkpoint()
        .sign(&forger(&origin));
    let mut journal = Journal::create(
        Arc::new(FsDisk),
        &scratch,
        &empty,
        JournalOptions::default(),
    )?;
    let mut first = EntryIndex::default();
    for end in ends {
        let checkpoint = checkpoint(end);
        let range = length(first.value())..length(end.size.value());
        let entries = ledger
            .entries
            .get(range.clone())
            .ok_or("entries are missing")?;
        let payloads = ledger.payloads.get(range).ok_or("payloads are missing")?;
        let batch = Batch {
            first,
            entries: entries.to_vec(),
            leaves: entries
                .iter()
                .map(|entry| LeafHash::of_entry(entry))
                .collect(),
            events: payloads
                .iter()
                .map(|payload| event_of(payload))
                .collect::<Result<_, _>>()?,
            checkpoint: checkpoint.checkpoint().clone(),
        };
        journal.append(EncodedBatch::new(&batch, &checkpoint, LEVEL_DEFAULT)?)?;
        first = first.plus(count(entries.len()));
    }
    drop(journal);
    fs::remove_dir_all(directory.join("journal"))?;
    fs::rename(scratch.join("journal"), directory.join("journal"))?;
    fs::remove_dir_all(scratch)?;
    Ok(())
}

fn publish(directory: &Path, checkpoint: &SignedCheckpoint) -> Result<(), TamperError> {
    Ok(publish_checkpoint(&FsDisk, directory, checkpoint)?)
}

/// An event with this payload: the journal takes payloads from events, and entries as they are.
fn event_of(payload: &[u8]) -> Result<Event, TamperError> {
    let (parts, _) = decode_parts(payload)?;
    let parts = parts.into_iter().map(|part| match part {
        Part::Disclosed(part) => Ok(NewPart {
            salt: part.salt,
            name: part.name.to_owned(),
            content_type: part.content_type.to_owned(),
            content: part.content.to_vec(),
        }),
        Part::Withheld(commitment) => Err(erased(commitment)),
    });
    let event = NewEvent {
        event_type: "tampered".to_owned(),
        source: "tampered".to_owned(),
        event_id: "tampered".to_owned(),
        producer: "tampered".to_owned(),
        parts: parts.collect::<Result<_, _>>()?,
        ..NewEvent::default()
    };
    Ok(Event::new(event, UnixNanos::default())?)
}

fn erased(commitment: PartCommitment) -> TamperError {
    format!("the part with commitment {commitment} is erased, and can't be written again").into()
}
