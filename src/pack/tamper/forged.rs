//! A ledger in memory, to forge.

use super::{Expected, TamperError, Tampering};
use crate::ledger::{
    checkpoint::{Checkpoint, SignedCheckpoint},
    entry::{Entry, EntryFields},
    finding::FindingKind,
    hash::{ChainHash, LeafHash},
    note::{KeyName, SigningKey},
    payload::{DisclosedPart, Part, Salt, decode_parts, encode_parts},
    position::{EntryIndex, TreeSize, count, length},
    tree::Frontier,
};

/// How many entries are cut off, where some are.
pub(super) const CUT: usize = 3;

/// Entries and payloads one by one.
#[derive(Default)]
pub(super) struct Forged {
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) payloads: Vec<Vec<u8>>,
}

impl Forged {
    /// Adds the entries and payloads of a bundle or block.
    pub(super) fn add(&mut self, entries: &[&[u8]], payloads: &[u8]) -> Result<(), TamperError> {
        let mut rest = payloads;
        for entry in entries {
            let (_, left) = decode_parts(rest)?;
            let taken = rest.len().saturating_sub(left.len());
            self.entries.push(entry.to_vec());
            self.payloads
                .push(rest.get(..taken).unwrap_or_default().to_vec());
            rest = left;
        }
        Ok(())
    }

    /// How many entries there are.
    pub(super) fn size(&self) -> TreeSize {
        TreeSize::new(count(self.entries.len()))
    }

    /// Does to the entries and payloads what the tampering is about, and says how that should show.
    pub(super) fn tamper(
        &mut self,
        tampering: Tampering,
        at: EntryIndex,
    ) -> Result<Expected, TamperError> {
        let place = length(at.value());
        if place.saturating_add(2) >= self.entries.len() {
            return Err(format!("entry {at} has no two entries after it").into());
        }
        let older = self.entries.len().saturating_sub(CUT);
        let (kind, index) = match tampering {
            Tampering::EntryAltered | Tampering::EntryRehashed | Tampering::HistoryRewritten => {
                self.tamper_with_entry(tampering, place)?
            }
            Tampering::PayloadAltered | Tampering::PayloadsSwapped | Tampering::SaltAltered => {
                self.tamper_with_payload(tampering, place)?;
                (FindingKind::PayloadAltered, Some(at))
            }
            Tampering::TileAltered => (FindingKind::TileAltered, Some(at)),
            Tampering::CheckpointOfAnother => (FindingKind::OtherLedger, None),
            Tampering::CheckpointForged => (FindingKind::CheckpointUntrusted, None),
            Tampering::CheckpointOlder => {
                let size = TreeSize::new(count(older));
                (FindingKind::CheckpointBehind, Some(size.next_index()))
            }
            Tampering::TailCut | Tampering::RolledBack => {
                self.entries.truncate(older);
                self.payloads.truncate(older);
                let kind = match tampering {
                    Tampering::TailCut => FindingKind::MissingEntries,
                    _ => FindingKind::RolledBack,
                };
                (kind, Some(self.size().next_index()))
            }
            _ => (self.tamper_with_order(tampering, place)?, Some(at)),
        };
        Ok(Expected { kind, index })
    }

    fn tamper_with_entry(
        &mut self,
        tampering: Tampering,
        place: usize,
    ) -> Result<(FindingKind, Option<EntryIndex>), TamperError> {
        let altered = self.altered(place)?;
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = altered;
        }
        if tampering == Tampering::EntryAltered {
            let index = EntryIndex::new(count(place));
            return Ok((FindingKind::EntryAltered, Some(index)));
        }
        self.rechain(place.saturating_add(1))?;
        let kind = match tampering {
            Tampering::EntryRehashed => FindingKind::RootMismatch,
            _ => FindingKind::Forked,
        };
        Ok((kind, None))
    }

    fn tamper_with_payload(
        &mut self,
        tampering: Tampering,
        place: usize,
    ) -> Result<(), TamperError> {
        if tampering == Tampering::PayloadsSwapped {
            self.payloads.swap(place, place.saturating_add(1));
            return Ok(());
        }
        self.alter_payload(place, |part, content| {
            if tampering == Tampering::SaltAltered {
                let mut salt = *part.salt.as_bytes();
                salt.reverse();
                part.salt = Salt::from_bytes(salt);
            } else {
                content.push(b' ');
                part.content = content;
            }
        })
    }

    /// Takes entries out, puts some in, or moves them.
    fn tamper_with_order(
        &mut self,
        tampering: Tampering,
        place: usize,
    ) -> Result<FindingKind, TamperError> {
        if tampering == Tampering::EntryRemoved {
            self.entries.remove(place);
            self.payloads.remove(place);
            return Ok(FindingKind::MissingEntries);
        }
        if tampering == Tampering::EntriesSwapped {
            let next = place.saturating_add(1);
            self.entries.swap(place, next);
            self.payloads.swap(place, next);
            return Ok(FindingKind::EntriesReordered);
        }
        let (entry, kind) = match tampering {
            Tampering::EntryInserted => (self.altered(place)?, FindingKind::EntryInserted),
            _ => (self.entry(place)?.to_vec(), FindingKind::EntryRepeated),
        };
        let payload = self.payload(place)?.to_vec();
        self.entries.insert(place, entry);
        self.payloads.insert(place, payload);
        Ok(kind)
    }

    /// The checkpoint over the first entries, signed with a key.
    pub(super) fn sign(
        &self,
        size: TreeSize,
        origin: &KeyName,
        key: &SigningKey,
    ) -> SignedCheckpoint {
        let mut tree = Frontier::new();
        for entry in self.entries.iter().take(length(size.value())) {
            tree.push(LeafHash::of_entry(entry), |_, _| {});
        }
        Checkpoint {
            origin: origin.clone(),
            size,
            root: tree.root(),
        }
        .sign(key)
    }

    fn entry(&self, place: usize) -> Result<&[u8], TamperError> {
        let entry = self.entries.get(place).ok_or("there is no such entry")?;
        Ok(entry)
    }

    fn payload(&self, place: usize) -> Result<&[u8], TamperError> {
        let payload = self.payloads.get(place).ok_or("there is no such payload")?;
        Ok(payload)
    }

    /// The entry as another producer would have it, of the same length.
    fn altered(&self, place: usize) -> Result<Vec<u8>, TamperError> {
        let entry = Entry::decode(self.entry(place)?)?;
        let producer: String = entry.producer.chars().rev().collect();
        let producer = if producer == entry.producer {
            "x".repeat(producer.len())
        } else {
            producer
        };
        let fields = EntryFields {
            producer: &producer,
            ..entry.fields()
        };
        let altered = Entry::at(entry.index, entry.recorded_at, entry.previous, fields);
        Ok(altered.encode()?)
    }

    /// Makes the chain anew from an entry on.
    fn rechain(&mut self, from: usize) -> Result<(), TamperError> {
        let mut previous = ChainHash::of_entry(self.entry(from.saturating_sub(1))?);
        for bytes in self.entries.iter_mut().skip(from) {
            let entry = Entry::decode(bytes)?;
            let chained = Entry::at(entry.index, entry.recorded_at, previous, entry.fields());
            *bytes = chained.encode()?;
            previous = ChainHash::of_entry(bytes);
        }
        Ok(())
    }

    /// Changes the first part of a payload that is disclosed; `alter` gets it, and a copy of its content to keep.
    fn alter_payload(
        &mut self,
        place: usize,
        alter: impl for<'a> FnOnce(&mut DisclosedPart<'a>, &'a mut Vec<u8>),
    ) -> Result<(), TamperError> {
        let bytes = self.payload(place)?.to_vec();
        let (mut parts, _) = decode_parts(&bytes)?;
        let part = parts.iter_mut().find_map(|part| match part {
            Part::Disclosed(part) => Some(part),
            Part::Withheld(_) => None,
        });
        let part = part.ok_or("no part of this payload is disclosed")?;
        let mut content = part.content.to_vec();
        alter(part, &mut content);
        let mut altered = Vec::new();
        encode_parts(&parts, &mut altered)?;
        if let Some(payload) = self.payloads.get_mut(place) {
            *payload = altered;
        }
        Ok(())
    }
}

/// A key with the name of another, that signs what that one did not.
pub(super) fn forger(name: &KeyName) -> SigningKey {
    SigningKey::from_seed(name.clone(), &[0x66; 32])
}

/// The name of a ledger that is not this one.
pub(super) fn another(name: &KeyName) -> Result<KeyName, TamperError> {
    Ok(format!("{}-too", name.as_str().get(..200).unwrap_or(name.as_str())).parse()?)
}
