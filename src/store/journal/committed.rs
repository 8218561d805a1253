//! What is committed, and where it stands: shared by the writer and all readers.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::KeyName,
        position::{EntryIndex, TreeSize},
    },
    store::disk::{Access, Disk},
};

use super::{
    error::{Damage, DamageKind, JournalError},
    frame::Mark,
    lost::ConfirmedLosses,
    seal::{Sample, Samples},
    segment::SegmentFile,
};

/// How many sealed segments are kept open, each with a table of some 16 KiB.
const OPEN_MAX: usize = 128;

/// The one value behind a journal and its readers.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) disk: Arc<dyn Disk>,
    /// The directory of the segments.
    pub(super) directory: PathBuf,
    pub(super) origin: KeyName,
    /// Written by the journal's one writer after each commit, and held for a few instructions only.
    committed: RwLock<Committed>,
    /// The sealed segments used last, the latest first.
    open: Mutex<Vec<Arc<OpenSegment>>>,
    /// Read when the first damaged payload is met: a confirmation is made by a command that has the journal to itself, so
    /// none is added while others read.
    pub(super) losses: OnceLock<ConfirmedLosses>,
}

/// How far the journal goes.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) size: TreeSize,
    /// Of the last batch; `None` before the first.
    pub(super) checkpoint: Option<SignedCheckpoint>,
    /// First entry and name of every sealed segment, in order.
    pub(super) sealed: Vec<(EntryIndex, Arc<str>)>,
    /// The segment that is being written; `None` when the last one is sealed.
    pub(super) tail: Option<Arc<OpenSegment>>,
    /// Where the tail's committed frames end.
    pub(super) tail_end: u64,
    pub(super) tail_samples: Samples,
}

/// A segment that frames are read from.
#[derive(Debug, Clone)]
pub(super) struct OpenSegment {
    pub(super) first: EntryIndex,
    pub(super) file: SegmentFile,
    pub(super) mark: Mark,
    /// Empty for the tail, whose samples still grow.
    samples: Samples,
}

/// From where to look for a frame.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) segment: Arc<OpenSegment>,
    /// The last sample before the entry.
    pub(super) sample: Sample,
    /// Where the segment's frames end.
    pub(super) end: u64,
}

impl Shared {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        origin: KeyName,
        committed: Committed,
    ) -> Self {
        Self {
            disk,
            directory,
            origin,
            committed: RwLock::new(committed),
            open: Mutex::new(Vec::new()),
            losses: OnceLock::new(),
        }
    }

    /// What is committed now.
    pub(super) fn committed(&self) -> RwLockReadGuard<'_, Committed> {
        self.committed
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// For the writer alone.
    pub(super) fn commit(&self) -> RwLockWriteGuard<'_, Committed> {
        self.committed
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the sample to look for an entry from.
    pub(super) fn look_up(&self, index: EntryIndex) -> Result<Lookup, JournalError> {
        let committed = self.committed();
        if !committed.size.contains(index) {
            return Err(JournalError::NoSuchEntry {
                index,
                size: committed.size,
            });
        }
        if let Some(tail) = committed.tail.as_ref().filter(|tail| tail.first <= index) {
            let sample = committed.tail_samples.before(index);
            return Ok(Lookup {
                segment: Arc::clone(tail),
                sample: sample.unwrap_or_else(|| tail.first_frame()),
                end: committed.tail_end,
            });
        }
        let behind = committed
            .sealed
            .partition_point(|(first, _)| *first <= index);
        let segment = behind
            .checked_sub(1)
            .and_then(|at| committed.sealed.get(at));
        let Some((first, name)) = segment.cloned() else {
            return Err(missing(index));
        };
        drop(committed);
        let segment = self.sealed(first, &name)?;
        let sample = segment.samples.before(index);
        Ok(Lookup {
            sample: sample.unwrap_or_else(|| segment.first_frame()),
            end: segment.file.length,
            segment,
        })
    }

    /// Gives a sealed segment, opened if need be.
    fn sealed(&self, first: EntryIndex, name: &Arc<str>) -> Result<Arc<OpenSegment>, JournalError> {
        if let Some(open) = self.opened(first) {
            return Ok(open);
        }
        let file = SegmentFile::open(&*self.disk, &self.directory, name, Access::Read)?;
        let damaged = |kind| Box::new(file.damaged(0, first, kind));
        let header = file
            .header()?
            .map_err(|_| damaged(DamageKind::SegmentHeader))?;
        let sealed = file
            .seal(&header)?
            .ok_or_else(|| damaged(DamageKind::Unsealed))?;
        let segment = Arc::new(OpenSegment::new(
            first,
            file,
            header.mark,
            sealed.seal.samples,
        ));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(0, Arc::clone(&segment));
        open.truncate(OPEN_MAX);
        Ok(segment)
    }

    fn opened(&self, first: EntryIndex) -> Option<Arc<OpenSegment>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let at = open.iter().position(|segment| segment.first == first)?;
        open.get_mut(..=at)?.rotate_right(1);
        open.first().cloned()
    }
}

impl OpenSegment {
    pub(super) fn new(first: EntryIndex, file: SegmentFile, mark: Mark, samples: Samples) -> Self {
        Self {
            first,
            file,
            mark,
            samples,
        }
    }

    fn first_frame(&self) -> Sample {
        Sample {
            index: self.first,
            offset: super::frame::SEGMENT_HEADER_LENGTH,
        }
    }
}

fn missing(index: EntryIndex) -> JournalError {
    JournalError::Damaged(Box::new(Damage {
        segment: super::segment::segment_name(index),
        offset: 0,
        index,
        kind: DamageKind::MissingSegment,
        resumes_at: None,
        torn: false,
    }))
}
