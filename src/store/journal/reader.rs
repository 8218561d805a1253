//! Reading committed batches, while the writer goes on or without one.

use std::{path::Path, sync::Arc};

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::KeyName,
        position::{EntryIndex, TreeSize},
    },
    store::disk::{Access, Disk, FsDisk},
};

use super::{
    batch::{RawBatch, StoredBatch, StoredEntry},
    committed::{Committed, OpenSegment, Shared},
    error::{Damage, JournalError},
    frames::{Frame, Frames},
    located::Located,
    lost::ConfirmedLosses,
    recover::{Examined, LostPayloads, examine},
    scan::Scan,
    seal::Samples,
    segment::journal_directory,
};

/// Reads committed batches. Cloning it is cheap, and all clones see what the writer commits at once.
#[derive(Debug, Clone)]
pub struct JournalReader {
    shared: Arc<Shared>,
    torn: Option<Arc<Damage>>,
}

/// The batches of a journal as they stand on disk, in order, up to the size it had when they were asked for. After
/// an error there is nothing more.
#[derive(Debug)]
pub struct RawBatches {
    shared: Arc<Shared>,
    frames: Option<Frames>,
    next: EntryIndex,
    end: EntryIndex,
}

impl JournalReader {
    /// Opens the journal of a data directory for reading alone: without a lock, and without a change to any file.
    /// What an interrupted write left at its end is passed over, and [`JournalReader::torn`] says so.
    ///
    /// # Errors
    /// As [`super::Journal::open`], but it is not compared with the published checkpoint.
    pub fn open(data_directory: &Path) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(FsDisk), data_directory)
    }

    /// The same, on another disk.
    ///
    /// # Errors
    /// As [`JournalReader::open`].
    pub fn open_on(disk: Arc<dyn Disk>, data_directory: &Path) -> Result<Self, JournalError> {
        let directory = journal_directory(data_directory);
        let payloads = (LostPayloads::Confirmed, TreeSize::EMPTY);
        let mut examined = examine(&*disk, &directory, None, Access::Read, payloads)?;
        let torn = examined.tail.as_mut().and_then(|tail| tail.torn.take());
        let origin = examined.origin.clone();
        let committed = Committed::of(&examined);
        Ok(Self {
            shared: Arc::new(Shared::new(disk, directory, origin, committed)),
            torn: torn.map(Arc::new),
        })
    }

    pub(super) fn of(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            torn: None,
        }
    }

    /// The ledger's name.
    pub fn origin(&self) -> &KeyName {
        &self.shared.origin
    }

    /// How many entries are committed.
    pub fn size(&self) -> TreeSize {
        self.shared.committed().size
    }

    /// The checkpoint of the last committed batch; `None` before the first.
    pub fn checkpoint(&self) -> Option<SignedCheckpoint> {
        self.shared.committed().checkpoint.clone()
    }

    /// What an interrupted write left at the journal's end, for a reader without a writer.
    pub fn torn(&self) -> Option<&Damage> {
        self.torn.as_deref()
    }

    /// The batch that holds an entry.
    ///
    /// # Errors
    /// When there is no such entry, or its batch can't be read.
    pub fn batch_at(&self, index: EntryIndex) -> Result<StoredBatch, JournalError> {
        let lookup = self.shared.look_up(index)?;
        let raw = Located::find(&lookup, index)?.raw()?;
        self.decode(&raw)
    }

    /// Checks and decompresses a batch. Where payloads are damaged, and a confirmed break says of each that is lost that
    /// it is, it goes on without these: see [`RawBatch::decode_keeping`].
    ///
    /// # Errors
    /// The damage that keeps it from being read.
    pub fn decode(&self, raw: &RawBatch) -> Result<StoredBatch, JournalError> {
        let damage = match raw.decode() {
            Ok(batch) => return Ok(batch),
            Err(damage) => damage,
        };
        match raw.decode_keeping() {
            Ok((batch, lost)) if self.losses().cover(&lost) => Ok(batch),
            _ => Err(damage.into()),
        }
    }

    /// What is confirmed as lost. Reads the entries of the whole journal, once, and past damage: a confirmation may stand
    /// behind it.
    fn losses(&self) -> &ConfirmedLosses {
        self.shared.losses.get_or_init(|| {
            let end = self.size().next_index();
            let scan = Scan::of(Arc::clone(&self.shared.disk), self.shared.directory.clone());
            let mut losses = ConfirmedLosses::default();
            // What can't be read confirms nothing, and is said to be damaged by whoever needs it.
            for batch in scan.into_iter().flatten().flatten() {
                if batch.header.end() <= end {
                    let _ = losses.read(&batch);
                }
            }
            losses
        })
    }

    /// The checkpoint of the batch that holds an entry.
    ///
    /// # Errors
    /// When there is no such entry, or its batch can't be read.
    pub fn checkpoint_at(&self, index: EntryIndex) -> Result<SignedCheckpoint, JournalError> {
        let lookup = self.shared.look_up(index)?;
        Located::find(&lookup, index)?.checkpoint()
    }

    /// An entry and its payload.
    ///
    /// # Errors
    /// When there is no such entry, or it can't be read.
    pub fn entry(&self, index: EntryIndex) -> Result<StoredEntry, JournalError> {
        let lookup = self.shared.look_up(index)?;
        let mut located = Located::find(&lookup, index)?;
        match located.entry(index) {
            Err(error @ JournalError::Damaged(_)) => {
                let batch = self.decode(&located.raw()?).map_err(|_| error)?;
                Ok(located.entry_of_batch(&batch, index)?)
            }
            read => read,
        }
    }

    /// An entry's bytes, without its payload.
    ///
    /// # Errors
    /// When there is no such entry, or it can't be read.
    pub fn entry_alone(&self, index: EntryIndex) -> Result<Vec<u8>, JournalError> {
        let lookup = self.shared.look_up(index)?;
        Located::find(&lookup, index)?.entry_alone(index)
    }

    /// The batches from the one that holds an entry, up to what is committed now. For an entry that is not there
    /// yet, none.
    pub fn batches(
        &self,
        from: EntryIndex,
    ) -> impl Iterator<Item = Result<StoredBatch, JournalError>> + Send + use<> {
        let reader = self.clone();
        self.raw_batches(from)
            .map(move |batch| batch.and_then(|raw| reader.decode(&raw)))
    }

    /// The same, unchecked and compressed, so that other threads can do [`RawBatch::decode`].
    pub fn raw_batches(&self, from: EntryIndex) -> RawBatches {
        RawBatches {
            shared: Arc::clone(&self.shared),
            frames: None,
            next: from,
            end: self.size().next_index(),
        }
    }
}

impl Iterator for RawBatches {
    type Item = Result<RawBatch, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let batch = self.read();
        match &batch {
            Ok(batch) => self.next = batch.header.end(),
            Err(_) => self.next = self.end,
        }
        Some(batch)
    }
}

impl RawBatches {
    fn read(&mut self) -> Result<RawBatch, JournalError> {
        loop {
            let mut frames = match self.frames.take() {
                Some(frames) => frames,
                None => self.open()?,
            };
            match frames.next() {
                Some(Ok(Frame::Batch(mut batch))) => {
                    let end = batch.header.end();
                    batch.place.next = (end < self.end).then_some(end);
                    self.frames = Some(frames);
                    return Ok(batch);
                }
                // The next segment, or frames that were committed since this one was opened.
                Some(Ok(Frame::Seal)) | None => {}
                Some(Err(kind)) => return Err(Box::new(frames.judge(kind, false)).into()),
            }
        }
    }

    /// The frames of the segment that holds the next entry, from its batch on.
    fn open(&self) -> Result<Frames, JournalError> {
        let lookup = self.shared.look_up(self.next)?;
        let (offset, position) = Located::find(&lookup, self.next)?.start();
        let mut file = lookup.segment.file.clone();
        file.length = lookup.end;
        Ok(Frames::new(&file, lookup.segment.mark, offset, position))
    }
}

impl Committed {
    pub(super) fn of(examined: &Examined) -> Self {
        let tail = examined.tail.as_ref().map(|tail| {
            let first = tail.header.start.index;
            let file = examined.last.clone();
            OpenSegment::new(first, file, tail.header.mark, Samples::default())
        });
        Self {
            size: TreeSize::new(examined.next.index.value()),
            checkpoint: examined.checkpoint.clone(),
            sealed: examined.sealed.clone(),
            tail: tail.map(Arc::new),
            tail_end: examined.tail.as_ref().map_or(0, |tail| tail.end),
            tail_samples: examined
                .tail
                .as_ref()
                .map_or_else(Samples::default, |tail| tail.samples.clone()),
        }
    }
}
