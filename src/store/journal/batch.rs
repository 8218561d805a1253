//! The body of a batch's frame: a table, then each block's entries and payloads, compressed apart.
//!
//! The table has the checksum of every section, so each byte is hashed once, and one entry can be read and checked
//! without reading the rest of its batch.

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    payload::decode_parts,
    position::{EntryIndex, length},
    tile::decode_entry_bundle,
};

use super::{
    BLOCK_ENTRIES_MAX,
    checksum::{Checksum, Fields},
    error::{Damage, DamageKind},
    frame::FrameHeader,
    place::Place,
};

/// Bytes of the table before its blocks.
pub(super) const TABLE_HEAD_BYTES: usize = 8;
/// Bytes of a block in the table.
pub(super) const TABLE_BLOCK_BYTES: usize = 52;
/// The most bytes a section may have before compression: its raw length is not trusted further.
const SECTION_BYTES_MAX: u32 = 40 << 20;

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
    /// Its payload's parts, as [`decode_parts`] reads them.
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

/// The table of a batch, decoded: what its sections are and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) note: Vec<u8>,
    pub(super) blocks: Vec<Block>,
}

/// One block in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) count: u32,
    pub(super) entries: Section,
    pub(super) payloads: Section,
}

/// One compressed section in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// Bytes before compression.
    pub(super) raw: u32,
    /// Bytes in the file.
    pub(super) stored: u32,
    /// Checksum of the bytes in the file.
    pub(super) checksum: Checksum,
}

/// A block with its place: first entry and offset in the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockAt {
    pub(super) first: EntryIndex,
    pub(super) offset: u64,
    pub(super) block: Block,
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
        let table = self.table()?;
        let checkpoint =
            read_checkpoint(&table.note, &self.header).map_err(|kind| self.place.damaged(kind))?;
        let mut blocks = Vec::with_capacity(table.blocks.len());
        for at in table.places(&self.header) {
            blocks.push(StoredBlock {
                first: at.first,
                count: u64::from(at.block.count),
                entries: self.section(at.entries(), "entries")?,
                payloads: self.section(at.payloads(), "payloads")?,
            });
        }
        Ok(StoredBatch {
            first: self.first(),
            count: self.count(),
            checkpoint,
            blocks,
        })
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
        let table = self.table()?;
        for at in table.places(&self.header) {
            for (section, what) in [(at.entries(), "entries"), (at.payloads(), "payloads")] {
                self.stored(section)
                    .and_then(|stored| check_section(section.1, stored, what))
                    .map_err(|kind| self.place.damaged(kind))?;
            }
        }
        Ok(())
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

impl BlockAt {
    /// The entries' offset in the body, and their section.
    pub(super) fn entries(&self) -> (u64, Section) {
        (self.offset, self.block.entries)
    }

    /// The payloads' offset in the body, and their section.
    pub(super) fn payloads(&self) -> (u64, Section) {
        let offset = self
            .offset
            .saturating_add(u64::from(self.block.entries.stored));
        (offset, self.block.payloads)
    }

    fn end(&self) -> u64 {
        let (offset, section) = self.payloads();
        offset.saturating_add(u64::from(section.stored))
    }

    /// The number within the block of an entry, if it is one of it.
    pub(super) fn number_of(&self, index: EntryIndex) -> Option<usize> {
        let number = index.value().checked_sub(self.first.value())?;
        (number < u64::from(self.block.count)).then(|| length(number))
    }
}

impl Table {
    /// Makes the table's bytes.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        for number in [self.note.len(), self.blocks.len()] {
            bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        for block in &self.blocks {
            bytes.extend_from_slice(&block.count.to_le_bytes());
            for section in [block.entries, block.payloads] {
                bytes.extend_from_slice(&section.raw.to_le_bytes());
                bytes.extend_from_slice(&section.stored.to_le_bytes());
                bytes.extend_from_slice(section.checksum.as_bytes());
            }
        }
        bytes.extend_from_slice(&self.note);
    }

    /// Checks the checksum of a table, and reads it.
    pub(super) fn read(bytes: &[u8], header: &FrameHeader) -> Result<Self, DamageKind> {
        if Checksum::of(bytes) != header.table {
            return Err(DamageKind::Checksum("table of the batch"));
        }
        let table = Self::decode(bytes).ok_or_else(|| malformed("its table has another form"))?;
        let entries: u64 = table.blocks.iter().map(|b| u64::from(b.count)).sum();
        if entries != u64::from(header.count) {
            return Err(malformed("its blocks have another number of entries"));
        }
        let end = table.places(header).last().map(|at| at.end());
        if end != Some(header.body_length.into()) {
            return Err(malformed("its blocks have another length"));
        }
        Ok(table)
    }

    /// Reads a table's bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(bytes);
        let note_length = usize::try_from(fields.u32()?).ok()?;
        let block_count = usize::try_from(fields.u32()?).ok()?;
        if block_count > bytes.len() / TABLE_BLOCK_BYTES {
            return None;
        }
        let mut blocks = Vec::with_capacity(block_count);
        for _ in 0..block_count {
            blocks.push(Block::decode(&mut fields)?);
        }
        (fields.rest().len() == note_length).then(|| Self {
            note: fields.rest().to_vec(),
            blocks,
        })
    }

    /// The blocks with their places.
    pub(super) fn places(&self, header: &FrameHeader) -> impl Iterator<Item = BlockAt> {
        let mut first = header.position.index;
        let mut offset = u64::from(header.table_length);
        self.blocks.iter().map(move |block| {
            let at = BlockAt {
                first,
                offset,
                block: *block,
            };
            first = first.plus(u64::from(block.count));
            offset = at.end();
            at
        })
    }
}

impl Block {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let count = fields.u32()?;
        let block = Self {
            count,
            entries: Section::decode(fields)?,
            payloads: Section::decode(fields)?,
        };
        (1..=BLOCK_ENTRIES_MAX)
            .contains(&u64::from(count))
            .then_some(block)
    }
}

impl Section {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let section = Self {
            raw: fields.u32()?,
            stored: fields.u32()?,
            checksum: fields.checksum()?,
        };
        (section.raw <= SECTION_BYTES_MAX).then_some(section)
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
    let raw = zstd::bulk::decompress(stored, raw_length)
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
        let (_, left) = decode_parts(rest).map_err(|error| malformed(&error.to_string()))?;
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

/// The table's part of [`super::fuzz_frame`].
pub(super) fn fuzz(bytes: &[u8]) {
    if let Some(table) = Table::decode(bytes) {
        let mut again = Vec::new();
        table.encode(&mut again);
        assert_eq!(again, bytes, "a table has one encoding");
    }
}
