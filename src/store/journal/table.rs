//! The table at the front of a batch's body: what sections follow, where, and their checksums.

use crate::ledger::position::{EntryIndex, length};

use super::{
    BLOCK_ENTRIES_MAX,
    batch::malformed,
    checksum::{Checksum, Fields},
    error::DamageKind,
    frame::FrameHeader,
};

/// Bytes of the table before its blocks.
pub(super) const TABLE_HEAD_BYTES: usize = 8;
/// Bytes of a block in the table.
pub(super) const TABLE_BLOCK_BYTES: usize = 52;
/// The most bytes a section may have before compression: its raw length is not trusted further.
const SECTION_BYTES_MAX: u32 = 40 << 20;

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
