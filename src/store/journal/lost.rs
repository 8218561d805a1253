//! Payloads that the disk has damaged: what of them can still be read, and whether the rest is confirmed as lost.
//!
//! A payload proves itself: its entry commits to it. So of a damaged section every payload is kept that still is the one
//! its entry commits to, and the others are lost. The entries must be whole; without them nothing is proven.

use std::{collections::HashSet, io::Read as _};

use crate::ledger::{
    breaks::{BreakConfirmation, KnownKind},
    entry::Entry,
    hash::PayloadCommitment,
    payload::{LOST, decode_kept, payload_commitment},
    position::{EntryIndex, length},
    tile::decode_entry_bundle,
};

use super::{
    batch::{RawBatch, malformed},
    error::{Damage, DamageKind},
};

/// How much is decompressed at once, where the end may not be reached.
const PIECE_BYTES: usize = 4096;

/// A payload that can't be read any more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LostPayload {
    /// Its entry.
    pub index: EntryIndex,
    /// What the entry commits to.
    pub commitment: PayloadCommitment,
}

/// Makes a block's payloads of what is left of their section: those that are whole, and the mark of a lost one in the
/// place of each other one.
pub(super) fn salvage(
    first: EntryIndex,
    entries: &[u8],
    count: u64,
    raw_length: u32,
    stored: &[u8],
) -> Result<(Vec<u8>, Vec<LostPayload>), DamageKind> {
    let entries = decode_entry_bundle(entries, length(count))
        .map_err(|error| malformed(&error.to_string()))?;
    let left = decompress_as_far_as_it_goes(stored, length(raw_length.into()));
    let (mut payloads, mut lost) = (Vec::with_capacity(left.len()), Vec::new());
    let mut rest = Some(left.as_slice());
    for (place, bytes) in (0..).zip(entries) {
        let entry = Entry::decode(bytes).map_err(|error| malformed(&error.to_string()))?;
        let read = rest.and_then(|rest| Some((rest, decode_kept(rest).ok()?)));
        rest = read.as_ref().map(|(_, (_, after))| *after);
        match read {
            Some((whole, (parts, after))) if payload_commitment(&parts) == entry.commitment => {
                let taken = whole.len().saturating_sub(after.len());
                payloads.extend_from_slice(whole.get(..taken).unwrap_or_default());
            }
            _ => {
                payloads.extend_from_slice(&LOST);
                lost.push(LostPayload {
                    index: first.plus(place),
                    commitment: entry.commitment,
                });
            }
        }
    }
    Ok((payloads, lost))
}

fn decompress_as_far_as_it_goes(stored: &[u8], raw_length: usize) -> Vec<u8> {
    let mut raw = Vec::new();
    let Ok(mut decoder) = zstd::stream::read::Decoder::with_buffer(stored) else {
        return raw;
    };
    let mut piece = [0; PIECE_BYTES];
    while raw.len() < raw_length {
        match decoder.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(read) => raw.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
    }
    raw.truncate(raw_length);
    raw
}

/// The payloads that confirmed breaks in the journal say are lost.
#[derive(Debug, Default)]
pub(super) struct ConfirmedLosses(HashSet<(EntryIndex, String)>);

impl ConfirmedLosses {
    /// Takes the confirmations of a batch. One that can't be read confirms nothing.
    pub(super) fn read(&mut self, batch: &RawBatch) -> Result<(), Box<Damage>> {
        for block in batch.decode_entries()? {
            let Ok(entries) = decode_entry_bundle(&block.entries, length(block.count)) else {
                continue;
            };
            let entries: Vec<Option<Entry<'_>>> = entries
                .into_iter()
                .map(|bytes| Entry::decode(bytes).ok())
                .collect();
            let claims = |entry: &Option<Entry<'_>>| {
                entry.as_ref().is_some_and(BreakConfirmation::is_claimed_by)
            };
            if !entries.iter().any(claims) {
                continue;
            }
            if let Ok((batch, _)) = batch.decode_keeping()
                && let Some(stored) = batch
                    .blocks
                    .iter()
                    .find(|stored| stored.first == block.first)
            {
                self.read_block(&entries, &stored.payloads);
            }
        }
        Ok(())
    }

    fn read_block(&mut self, entries: &[Option<Entry<'_>>], payloads: &[u8]) {
        let mut rest = payloads;
        for entry in entries {
            let Ok((parts, after)) = decode_kept(rest) else {
                return;
            };
            rest = after;
            let Some(entry) = entry
                .as_ref()
                .filter(|entry| payload_commitment(&parts) == entry.commitment)
            else {
                continue;
            };
            let Some(confirmation) = BreakConfirmation::read(entry, &parts) else {
                continue;
            };
            let lost = confirmation.body.findings.into_iter();
            self.0.extend(
                lost.filter(|known| known.kind == KnownKind::PayloadMissing)
                    .filter_map(|known| Some((known.index?, known.expected))),
            );
        }
    }

    /// Whether each of these is confirmed.
    pub(super) fn cover(&self, lost: &[LostPayload]) -> bool {
        lost.iter()
            .all(|lost| self.0.contains(&(lost.index, lost.commitment.to_string())))
    }
}
