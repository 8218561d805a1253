//! One batch of a segment, read no further than is asked for.

use std::sync::Arc;

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    position::{EntryIndex, count, length},
};
use crate::store::durable::During as _;

use super::{
    SAMPLE_BYTES,
    batch::{
        RawBatch, StoredBatch, StoredEntry, malformed, pick_entry, pick_payload, read_checkpoint,
        read_section,
    },
    committed::Lookup,
    error::{Damage, DamageKind, JournalError, PAYLOADS},
    frame::{FRAME_HEADER_BYTES, FRAME_HEADER_LENGTH, FrameHeader, FrameKind, Mark, Position},
    place::Place,
    segment::{SegmentFile, Window},
    table::{BlockAt, Section, Table},
};

/// What is read at first: all headers that may follow a sample, and with small batches the batch too.
const PIECE_BYTES: usize = 65_536 + FRAME_HEADER_BYTES;
const _: () = assert!(
    SAMPLE_BYTES == 65_536,
    "a piece has the headers of a sample"
);

/// A batch whose header has been read.
#[derive(Debug)]
pub(super) struct Located<'a> {
    file: &'a SegmentFile,
    window: Window,
    place: Place,
    header: FrameHeader,
    /// Where the frame after it stands.
    after: Position,
}

impl<'a> Located<'a> {
    /// Walks from a sample to the batch that holds the entry.
    pub(super) fn find(lookup: &'a Lookup, index: EntryIndex) -> Result<Self, JournalError> {
        let (file, mark) = (&lookup.segment.file, &lookup.segment.mark);
        let mut window = Window::new(Arc::clone(&file.file), PIECE_BYTES, lookup.end);
        let (mut offset, mut at) = (lookup.sample.offset, lookup.sample.index);
        while offset < lookup.end {
            let found = Self::read(file, window, mark, offset, at)?;
            if found.header.holds(index) {
                return Ok(found);
            }
            if found.header.kind == FrameKind::Seal || found.header.position.index > index {
                let kind = DamageKind::Link("entry index");
                return Err(found.place.damaged(kind).into());
            }
            offset = offset.saturating_add(found.header.frame_length());
            at = found.header.end();
            window = found.window;
        }
        let kind = DamageKind::CutOff { missing: 0 };
        Err(Box::new(file.damaged(offset, index, kind)).into())
    }

    /// Reads the header of the batch at an offset, which should begin with this entry.
    pub(super) fn at(
        file: &'a SegmentFile,
        mark: &Mark,
        offset: u64,
        index: EntryIndex,
    ) -> Result<Self, JournalError> {
        let window = Window::new(Arc::clone(&file.file), FRAME_HEADER_BYTES, file.length);
        Self::read(file, window, mark, offset, index)
    }

    fn read(
        file: &'a SegmentFile,
        mut window: Window,
        mark: &Mark,
        offset: u64,
        index: EntryIndex,
    ) -> Result<Self, JournalError> {
        let bytes = window
            .bytes(offset, FRAME_HEADER_BYTES)
            .during("read", &file.path)?;
        let Some((header, checksum)) = FrameHeader::decode(bytes, mark) else {
            return Err(Box::new(file.damaged(offset, index, DamageKind::FrameHeader)).into());
        };
        Ok(Self {
            file,
            window,
            place: Place {
                segment: Arc::clone(&file.name),
                offset,
                index: header.position.index,
                next: None,
            },
            header,
            after: header.next(checksum),
        })
    }

    /// Where the batch stands: its offset, and its position in the row of frames.
    pub(super) fn start(&self) -> (u64, Position) {
        (self.place.offset, self.header.position)
    }

    /// Where the frame after it stands.
    pub(super) fn after(&self) -> (u64, Position) {
        let end = self.place.offset.saturating_add(self.header.frame_length());
        (end, self.after)
    }

    /// Its checkpoint.
    pub(super) fn checkpoint(&mut self) -> Result<SignedCheckpoint, JournalError> {
        let table = self.table()?;
        Ok(read_checkpoint(&table.note, &self.header).map_err(|kind| self.place.damaged(kind))?)
    }

    /// One of its entries, with its payload.
    pub(super) fn entry(&mut self, index: EntryIndex) -> Result<StoredEntry, JournalError> {
        let (block, number) = self.block(index)?;
        let entry = self.entry_of(&block, number)?;
        let payloads = self.section(block.payloads(), PAYLOADS)?;
        let payload = pick_payload(&payloads, number).map_err(|kind| self.place.damaged(kind))?;
        Ok(StoredEntry { entry, payload })
    }

    /// One of the entries of this batch, once that has been read whole.
    pub(super) fn entry_of_batch(
        &mut self,
        batch: &StoredBatch,
        index: EntryIndex,
    ) -> Result<StoredEntry, JournalError> {
        let (at, number) = self.block(index)?;
        let damaged = |kind| self.place.damaged(kind);
        let block = batch
            .blocks
            .iter()
            .find(|block| block.first == at.first)
            .ok_or_else(|| damaged(malformed("a block is missing")))?;
        Ok(StoredEntry {
            entry: pick_entry(&block.entries, &at, number).map_err(damaged)?,
            payload: pick_payload(&block.payloads, number).map_err(damaged)?,
        })
    }

    /// One of its entries alone.
    pub(super) fn entry_alone(&mut self, index: EntryIndex) -> Result<Vec<u8>, JournalError> {
        let (block, number) = self.block(index)?;
        self.entry_of(&block, number)
    }

    /// All of it.
    pub(super) fn raw(&mut self) -> Result<RawBatch, JournalError> {
        let body = self.body(0, self.header.body_length)?;
        Ok(RawBatch {
            place: self.place.clone(),
            header: self.header,
            body,
        })
    }

    fn block(&mut self, index: EntryIndex) -> Result<(BlockAt, usize), JournalError> {
        let table = self.table()?;
        let found = table
            .places(&self.header)
            .find_map(|block| Some((block, block.number_of(index)?)));
        Ok(found.ok_or_else(|| self.place.damaged(malformed("an entry is missing")))?)
    }

    fn entry_of(&mut self, block: &BlockAt, number: usize) -> Result<Vec<u8>, JournalError> {
        let entries = self.section(block.entries(), "entries")?;
        Ok(pick_entry(&entries, block, number).map_err(|kind| self.place.damaged(kind))?)
    }

    fn table(&mut self) -> Result<Table, JournalError> {
        let bytes = self.body(0, self.header.table_length)?;
        Ok(Table::read(&bytes, &self.header).map_err(|kind| self.place.damaged(kind))?)
    }

    fn section(
        &mut self,
        (offset, section): (u64, Section),
        what: &'static str,
    ) -> Result<Vec<u8>, JournalError> {
        let stored = self.body(offset, section.stored)?;
        Ok(read_section(section, &stored, what).map_err(|kind| self.place.damaged(kind))?)
    }

    /// Bytes of the body from an offset in it.
    fn body(&mut self, offset: u64, bytes: u32) -> Result<Vec<u8>, JournalError> {
        let start = self.place.offset.saturating_add(FRAME_HEADER_LENGTH);
        let wanted = length(bytes.into());
        let found = self
            .window
            .bytes(start.saturating_add(offset), wanted)
            .during("read", &self.file.path)?;
        if found.len() == wanted {
            return Ok(found.to_vec());
        }
        let missing = count(wanted.saturating_sub(found.len()));
        let damage: Box<Damage> = self.place.damaged(DamageKind::CutOff { missing });
        Err(damage.into())
    }
}
