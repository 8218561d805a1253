//! Batches as they are read: from the bytes of a frame's body to entries and payloads.
//!
//! The body's table has the checksum of every section, so each byte is hashed once, and one entry can be read and
//! checked without reading the rest of its batch.

use std::cell::RefCell;

use zstd::bulk::Decompressor;

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    payload::decode_kept,
    position::{EntryIndex, length},
    tile::decode_entry_bundle,
};

use super::{
    checksum::{Checksum, Fields},
    error::{Damage, DamageKind, PAYLOADS},
    frame::{FrameHeader, FrameKind, Position},
    lost::{LostPayload, salvage},
    place::Place,
    table::{BlockAt, Section, Table},
};

thread_local! {
    /// Making one costs as much as decompressing an entry's block.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::new(Decompressor::default());
}

/// A committed batch, read and decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// Index of the first entry.
    pub first: EntryIndex,
    /// How many entries it has.
    pub count: u64,
    /// What the ledger said of itself with this batch. Its form is checked, its signature is not.
    pub checkpoint: SignedCheckpoint,
    /// Entries and payloads, in order.
    pub blocks: Vec<StoredBlock>,
}

/// Up to 256 consecutive entries of a batch, all of one tile, and their payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlock {
    /// Index of the first entry.
    pub first: EntryIndex,
    /// How many entries it has.
    pub count: u64,
    /// The entries as in an entry bundle: each behind its length in 16 bits, big-endian.
    pub entries: Vec<u8>,
    /// The payloads as in a payload bundle: one after the other.
    pub payloads: Vec<u8>,
}

/// The entries of a block, without their payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBlock {
    /// Index of the first entry.
    pub first: EntryIndex,
    /// How many entries it has.
    pub count: u64,
    /// The entries as in an entry bundle.
    pub entries: Vec<u8>,
}

/// One entry and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its payload's parts, as [`decode_kept`] reads them.
    pub payload: Vec<u8>,
}

/// A batch as it stands on disk: its headers are checked, and its content is not, so that this can be done by
/// another thread.
#[derive(Debug, Clone)]
pub struct RawBatch {
    pub(super) place: Place,
    pub(super) header: FrameHeader,
    pub(super) body: Vec<u8>,
}

impl RawBatch {
    /// Index of the first entry.
    pub fn first(&self) -> EntryIndex {
        self.header.position.index
    }

    /// How many entries it has.
    pub fn count(&self) -> u64 {
        u64::from(self.header.count)
    }

    /// Number of the batch, from 0.
    pub fn sequence(&self) -> u64 {
        self.header.position.sequence
    }

    /// File name of the segment it stands in, and the offset there: where a finding points.
    pub fn place(&self) -> (&str, u64) {
        (&self.place.segment, self.place.offset)
    }

    /// Bytes of the frame on disk.
    pub fn stored_bytes(&self) -> u64 {
        self.header.frame_length()
    }

    /// Checks and reads the checkpoint; its signature is not verified.
    ///
    /// # Errors
    /// The damage that keeps it from being read.
    pub fn checkpoint(&self) -> Result<SignedCheckpoint, Box<Damage>> {
        let table = self.table()?;
        read_checkpoint(&table.note, &self.header).map_err(|kind| self.place.damaged(kind))
    }

    /// Checks and decompresses the batch.
    ///
    /// # Errors
    /// The damage that keeps it from being read.
    pub fn decode(&self) -> Result<StoredBatch, Box<Damage>> {
        let mut blocks = Vec::new();
        let checkpoint = self.each_block(|at, entries, payloads| {
            blocks.push(block_of(at, entries, payloads?));
            Ok(())
        })?;
        Ok(StoredBatch {
            first: self.first(),
            count: self.count(),
            checkpoint,
            blocks,
        })
    }

    /// As [`RawBatch::decode`] where payloads are damaged: those that are still what their entries commit to, and in the
    /// place of each other one [`LOST`](crate::ledger::payload::LOST). Said is which those are. One block comes after the
    /// other, so that those of a large batch need not be in memory together, and damage in a later one does not undo
    /// what was made of those before it.
    ///
    /// # Errors
    /// The damage that keeps the batch from being read, where that is more than lost payloads.
    pub fn decode_each_keeping(
        &self,
        mut each: impl FnMut(StoredBlock, Vec<LostPayload>),
    ) -> Result<SignedCheckpoint, Box<Damage>> {
        self.each_block(|at, entries, payloads| {
            let (payloads, lost) = match payloads {
                Ok(payloads) => (payloads, Vec::new()),
                Err(damage) => self.salvage(at, &entries, damage)?,
            };
            each(block_of(at, entries, payloads), lost);
            Ok(())
        })
    }

    /// All of [`RawBatch::decode_each_keeping`] together.
    ///
    /// # Errors
    /// As there.
    pub fn decode_keeping(&self) -> Result<(StoredBatch, Vec<LostPayload>), Box<Damage>> {
        let (mut blocks, mut all_lost) = (Vec::new(), Vec::new());
        let checkpoint = self.decode_each_keeping(|block, lost| {
            blocks.push(block);
            all_lost.extend(lost);
        })?;
        let batch = StoredBatch {
            first: self.first(),
            count: self.count(),
            checkpoint,
            blocks,
        };
        Ok((batch, all_lost))
    }

    /// Gives each block's entries, and its payloads or what is wrong with them.
    fn each_block(
        &self,
        mut each: impl FnMut(&BlockAt, Vec<u8>, Result<Vec<u8>, Box<Damage>>) -> Result<(), Box<Damage>>,
    ) -> Result<SignedCheckpoint, Box<Damage>> {
        let table = self.table()?;
        let checkpoint =
            read_checkpoint(&table.note, &self.header).map_err(|kind| self.place.damaged(kind))?;
        for at in table.places(&self.header) {
            let entries = self.section(at.entries(), "entries")?;
            each(&at, entries, self.section(at.payloads(), PAYLOADS))?;
        }
        Ok(checkpoint)
    }

    fn salvage(
        &self,
        at: &BlockAt,
        entries: &[u8],
        damage: Box<Damage>,
    ) -> Result<(Vec<u8>, Vec<LostPayload>), Box<Damage>> {
        let damaged = |kind| self.place.damaged(kind);
        let (_, section) = at.payloads();
        let stored = self.stored(at.payloads()).map_err(damaged)?;
        let count = u64::from(at.block.count);
        let kept = salvage(at.first, entries, count, section.raw, stored).map_err(damaged)?;
        if kept.1.is_empty() {
            // Something is wrong, and no payload shows it: that is not for an operator to confirm.
            return Err(damage);
        }
        Ok(kept)
    }

    /// Checks and decompresses the entries alone, and leaves the payloads alone.
    ///
    /// # Errors
    /// The damage that keeps them from being read.
    pub fn decode_entries(&self) -> Result<Vec<EntryBlock>, Box<Damage>> {
        let table = self.table()?;
        table
            .places(&self.header)
            .map(|at| {
                Ok(EntryBlock {
                    first: at.first,
                    count: u64::from(at.block.count),
                    entries: self.section(at.entries(), "entries")?,
                })
            })
            .collect()
    }

    /// Checks every checksum of the batch, without decompressing it.
    pub(super) fn check(&self) -> Result<(), Box<Damage>> {
        match self.check_but_payloads()? {
            None => Ok(()),
            Some(damage) => Err(damage),
        }
    }

    /// The same, and gives damage apart that only payloads have.
    pub(super) fn check_but_payloads(&self) -> Result<Option<Box<Damage>>, Box<Damage>> {
        let table = self.table()?;
        let check = |section: (u64, Section), what| {
            self.stored(section)
                .and_then(|stored| check_section(section.1, stored, what))
                .map_err(|kind| self.place.damaged(kind))
        };
        let mut payloads = None;
        for at in table.places(&self.header) {
            check(at.entries(), "entries")?;
            payloads = payloads.or(check(at.payloads(), PAYLOADS).err());
        }
        Ok(payloads)
    }

    fn table(&self) -> Result<Table, Box<Damage>> {
        let bytes = self.body.get(..length(self.header.table_length.into()));
        Table::read(bytes.unwrap_or_default(), &self.header)
            .map_err(|kind| self.place.damaged(kind))
    }

    fn section(&self, section: (u64, Section), what: &'static str) -> Result<Vec<u8>, Box<Damage>> {
        self.stored(section)
            .and_then(|stored| read_section(section.1, stored, what))
            .map_err(|kind| self.place.damaged(kind))
    }

    fn stored(&self, (offset, section): (u64, Section)) -> Result<&[u8], DamageKind> {
        self.body
            .get(length(offset)..)
            .and_then(|rest| rest.get(..length(section.stored.into())))
            .ok_or_else(|| malformed("a section lies outside of the frame"))
    }
}

fn block_of(at: &BlockAt, entries: Vec<u8>, payloads: Vec<u8>) -> StoredBlock {
    StoredBlock {
        first: at.first,
        count: u64::from(at.block.count),
        entries,
        payloads,
    }
}

/// Reads the checkpoint of a batch; it must cover exactly the batch's end.
pub(super) fn read_checkpoint(
    note: &[u8],
    header: &FrameHeader,
) -> Result<SignedCheckpoint, DamageKind> {
    let checkpoint =
        SignedCheckpoint::parse(note).map_err(|error| malformed(&error.to_string()))?;
    if checkpoint.checkpoint().size.next_index() == header.end() {
        Ok(checkpoint)
    } else {
        Err(malformed("its checkpoint is of another size"))
    }
}

/// Checks the checksum of a section.
pub(super) fn check_section(
    section: Section,
    stored: &[u8],
    what: &'static str,
) -> Result<(), DamageKind> {
    if Checksum::of(stored) == section.checksum {
        Ok(())
    } else {
        Err(DamageKind::Checksum(what))
    }
}

/// Checks and decompresses a section.
pub(super) fn read_section(
    section: Section,
    stored: &[u8],
    what: &'static str,
) -> Result<Vec<u8>, DamageKind> {
    check_section(section, stored, what)?;
    let raw_length = length(section.raw.into());
    let raw = DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.decompress(stored, raw_length))
        .map_err(|error| malformed(&format!("the {what} do not decompress: {error}")))?;
    if raw.len() == raw_length {
        Ok(raw)
    } else {
        Err(malformed("a section has another length"))
    }
}

/// Takes one entry out of a block's entries.
pub(super) fn pick_entry(
    bundle: &[u8],
    block: &BlockAt,
    number: usize,
) -> Result<Vec<u8>, DamageKind> {
    let entries = decode_entry_bundle(bundle, length(block.block.count.into()))
        .map_err(|error| malformed(&error.to_string()))?;
    let entry = entries
        .get(number)
        .ok_or_else(|| malformed("an entry is missing"))?;
    Ok(entry.to_vec())
}

/// Takes one payload out of a block's payloads.
pub(super) fn pick_payload(bundle: &[u8], number: usize) -> Result<Vec<u8>, DamageKind> {
    let mut rest = bundle;
    for passed in 0.. {
        let (_, left) = decode_kept(rest).map_err(|error| malformed(&error.to_string()))?;
        if passed == number {
            let taken = rest.len().saturating_sub(left.len());
            return Ok(rest.get(..taken).unwrap_or_default().to_vec());
        }
        rest = left;
    }
    Err(malformed("a payload is missing"))
}

/// Checksums hold, and this does not.
pub(super) fn malformed(what: &str) -> DamageKind {
    DamageKind::Malformed(what.to_owned())
}

/// The body's part of [`super::fuzz_frame`]: a frame whose header fits whatever the bytes are.
pub(super) fn fuzz(bytes: &[u8]) {
    let table_length = Fields::of(bytes)
        .u32()
        .map_or(0, |drawn| length(drawn.into()).min(bytes.len()));
    let table_bytes = bytes.get(..table_length).unwrap_or_default();
    let table = Table::decode(table_bytes);
    if let Some(table) = &table {
        let mut again = Vec::new();
        table.encode(&mut again);
        assert_eq!(again, table_bytes, "a table has one encoding");
    }
    let count = table.iter().flat_map(|table| &table.blocks);
    let header = FrameHeader {
        mark: Default::default(),
        kind: FrameKind::Batch,
        position: Position::START,
        count: count.fold(0, |sum, block| block.count.saturating_add(sum)),
        body_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
        table_length: u32::try_from(table_length).unwrap_or(u32::MAX),
        table: Checksum::of(table_bytes),
    };
    let batch = RawBatch {
        place: Place {
            segment: "fuzz".into(),
            offset: 0,
            index: EntryIndex::new(0),
            next: None,
        },
        header,
        body: bytes.to_vec(),
    };
    if let Ok(whole) = batch.decode() {
        assert_eq!(batch.decode_keeping(), Ok((whole, Vec::new())));
    }
    let _ = (
        batch.check(),
        batch.decode_keeping(),
        batch.decode_entries(),
    );
}
