//! Making a batch's frame: all the work that needs no place in the journal.

use std::cell::RefCell;

use crate::ledger::{
    checkpoint::SignedCheckpoint,
    event::Event,
    position::{EntryIndex, TreeSize, count},
    state::Batch,
    tile::push_entry,
};

use super::{
    BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BLOCK_ENTRIES_MAX, BLOCK_PAYLOAD_BYTES,
    checksum::Checksum,
    error::JournalError,
    frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, Mark, Position},
    table::{Block, Section, TABLE_BLOCK_BYTES, TABLE_HEAD_BYTES, Table},
};

thread_local! {
    /// Making one, and the first touch of its memory, costs as much as compressing a small batch.
    static WORKSHOP: RefCell<Option<Workshop>> = const { RefCell::new(None) };
}

/// A compressor with the level it was made for, and the memory that batches are made in.
struct Workshop {
    level: i32,
    compressor: zstd::bulk::Compressor<'static>,
    filling: Filling,
    /// One section, compressed.
    scratch: Vec<u8>,
    /// All sections of the batch.
    stored: Vec<u8>,
}

/// A batch as it will stand on disk, but for the numbers of its place, which [`super::Journal::append`] puts in.
///
/// Making one is the costly part of an append, and needs no journal: a thread can make the next while the disk
/// syncs the one before.
#[derive(Debug, Clone)]
pub struct EncodedBatch {
    first: EntryIndex,
    count: u32,
    table_length: u32,
    table: Checksum,
    checkpoint: SignedCheckpoint,
    /// Room for the frame header, then the body.
    frame: Vec<u8>,
}

/// The sections of the block that is being filled.
#[derive(Default)]
struct Filling {
    count: u32,
    entries: Vec<u8>,
    payloads: Vec<u8>,
}

/// What has been compressed so far.
struct Sections<'w> {
    workshop: &'w mut Workshop,
    blocks: Vec<Block>,
    raw_bytes: usize,
}

impl EncodedBatch {
    /// Compresses and frames a batch with the signed checkpoint that covers it. The level is zstd's, -7 to 3 are
    /// sensible.
    ///
    /// # Errors
    /// Refuses a checkpoint of something else, a batch without entries, and one over [`BATCH_ENTRIES_MAX`] or
    /// [`BATCH_BYTES_MAX`].
    pub fn new(
        batch: &Batch,
        checkpoint: &SignedCheckpoint,
        level: i32,
    ) -> Result<Self, JournalError> {
        check(batch, checkpoint)?;
        WORKSHOP.with_borrow_mut(|kept| {
            let mut sections = Sections::new(Workshop::for_level(kept, level)?);
            sections.take_all(batch)?;
            Self::assemble(batch, checkpoint, sections)
        })
    }

    fn assemble(
        batch: &Batch,
        checkpoint: &SignedCheckpoint,
        sections: Sections<'_>,
    ) -> Result<Self, JournalError> {
        let table = Table {
            note: checkpoint.note().to_string().into_bytes(),
            blocks: sections.blocks,
        };
        let table_length = table
            .blocks
            .len()
            .saturating_mul(TABLE_BLOCK_BYTES)
            .saturating_add(TABLE_HEAD_BYTES)
            .saturating_add(table.note.len());
        let mut frame = Vec::with_capacity(
            FRAME_HEADER_BYTES
                .saturating_add(table_length)
                .saturating_add(sections.workshop.stored.len()),
        );
        frame.resize(FRAME_HEADER_BYTES, 0);
        table.encode(&mut frame);
        let checksum = Checksum::of(frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
        frame.extend_from_slice(&sections.workshop.stored);
        Ok(Self {
            first: batch.first,
            count: to_u32(batch.entries.len())?,
            table_length: to_u32(table_length)?,
            table: checksum,
            checkpoint: checkpoint.clone(),
            frame,
        })
    }

    /// Index of the first entry.
    pub fn first(&self) -> EntryIndex {
        self.first
    }

    /// How many entries it has.
    pub fn count(&self) -> u64 {
        u64::from(self.count)
    }

    /// The size of the ledger with this batch.
    pub fn size(&self) -> TreeSize {
        self.checkpoint.checkpoint().size
    }

    /// The checkpoint that covers it.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Bytes it will have on disk.
    pub fn stored_bytes(&self) -> u64 {
        count(self.frame.len())
    }

    /// Puts the header for this place in front, and gives it with its checksum.
    pub(super) fn place(
        &mut self,
        mark: Mark,
        position: Position,
    ) -> Result<(FrameHeader, Checksum), JournalError> {
        let header = FrameHeader {
            mark,
            kind: FrameKind::Batch,
            position,
            count: self.count,
            body_length: to_u32(self.frame.len().saturating_sub(FRAME_HEADER_BYTES))?,
            table_length: self.table_length,
            table: self.table,
        };
        let (bytes, checksum) = header.encode();
        if let Some(front) = self.frame.first_chunk_mut() {
            *front = bytes;
        }
        Ok((header, checksum))
    }

    /// The whole frame, once it has been placed.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }
}

impl Filling {
    fn push(&mut self, entry: &[u8], event: &Event) -> Result<(), JournalError> {
        push_entry(&mut self.entries, entry).map_err(|error| invalid(error.to_string()))?;
        self.payloads.extend_from_slice(event.payload());
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn clear(&mut self) {
        self.count = 0;
        self.entries.clear();
        self.payloads.clear();
    }
}

impl Workshop {
    /// The one that was kept if it has this level, or a new one, which is kept.
    fn for_level(kept: &mut Option<Self>, level: i32) -> Result<&mut Self, JournalError> {
        let fitting = kept.take().filter(|kept| kept.level == level);
        let workshop = match fitting {
            Some(workshop) => workshop,
            None => Self {
                level,
                compressor: zstd::bulk::Compressor::new(level)
                    .map_err(|error| invalid(format!("compression level {level}: {error}")))?,
                filling: Filling::default(),
                scratch: Vec::new(),
                stored: Vec::new(),
            },
        };
        Ok(kept.insert(workshop))
    }

    fn compress(&mut self, what: fn(&Filling) -> &[u8]) -> Result<Section, JournalError> {
        let raw = what(&self.filling);
        self.scratch.clear();
        self.scratch
            .reserve(zstd::zstd_safe::compress_bound(raw.len()));
        self.compressor
            .compress_to_buffer(raw, &mut self.scratch)
            .map_err(|error| invalid(format!("it does not compress: {error}")))?;
        self.stored.extend_from_slice(&self.scratch);
        Ok(Section {
            raw: to_u32(raw.len())?,
            stored: to_u32(self.scratch.len())?,
            checksum: Checksum::of(&self.scratch),
        })
    }
}

impl<'w> Sections<'w> {
    /// None so far. What an earlier batch left in the workshop is put away: it may have ended with an error.
    fn new(workshop: &'w mut Workshop) -> Self {
        workshop.filling.clear();
        workshop.stored.clear();
        Self {
            workshop,
            blocks: Vec::new(),
            raw_bytes: 0,
        }
    }

    fn take_all(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let mut index = batch.first;
        for (entry, event) in batch.entries.iter().zip(&batch.events) {
            let filling = &mut self.workshop.filling;
            filling.push(entry, event)?;
            index = index.plus(1);
            let tile_ends = index.value().is_multiple_of(BLOCK_ENTRIES_MAX);
            if tile_ends || filling.payloads.len() >= BLOCK_PAYLOAD_BYTES {
                self.take()?;
            }
        }
        self.take()
    }

    /// Compresses the block that has been filled, and empties it.
    fn take(&mut self) -> Result<(), JournalError> {
        let Filling {
            count,
            entries,
            payloads,
        } = &self.workshop.filling;
        if *count == 0 {
            return Ok(());
        }
        let (count, raw_bytes) = (*count, entries.len().saturating_add(payloads.len()));
        self.raw_bytes = self.raw_bytes.saturating_add(raw_bytes);
        if self.raw_bytes > BATCH_BYTES_MAX {
            let problem =
                format!("it has over {BATCH_BYTES_MAX} bytes; put fewer events in a batch");
            return Err(invalid(problem));
        }
        let block = Block {
            count,
            entries: self.workshop.compress(|filling| &filling.entries)?,
            payloads: self.workshop.compress(|filling| &filling.payloads)?,
        };
        self.blocks.push(block);
        self.workshop.filling.clear();
        Ok(())
    }
}

fn check(batch: &Batch, checkpoint: &SignedCheckpoint) -> Result<(), JournalError> {
    if *checkpoint.checkpoint() != batch.checkpoint {
        return Err(invalid("its signed checkpoint is of something else"));
    }
    if batch.first.plus(batch.len()) != batch.checkpoint.size.next_index() {
        return Err(invalid("its checkpoint is of another size"));
    }
    if batch.entries.len() != batch.events.len() {
        return Err(invalid("an entry is without its event"));
    }
    if !(1..=BATCH_ENTRIES_MAX).contains(&batch.entries.len()) {
        let found = batch.entries.len();
        return Err(invalid(format!(
            "it has {found} entries, not 1 to {BATCH_ENTRIES_MAX}"
        )));
    }
    Ok(())
}

fn to_u32(length: usize) -> Result<u32, JournalError> {
    u32::try_from(length).map_err(|_| invalid("it is too large"))
}

fn invalid(problem: impl Into<String>) -> JournalError {
    JournalError::InvalidBatch(problem.into())
}
