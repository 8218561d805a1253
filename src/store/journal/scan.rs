//! Reading a journal that may be damaged: everything that can be read, and what can't be, in order.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    ledger::{
        note::KeyName,
        position::{EntryIndex, TreeSize},
    },
    store::disk::{Access, Disk, FsDisk},
};

use super::{
    batch::RawBatch,
    error::{Damage, DamageKind, JournalError},
    frame::{
        FRAME_HEADER_BYTES, FrameHeader, NoSegmentHeader, Position, SEGMENT_HEADER_LENGTH,
        SegmentHeader,
    },
    frames::{Frame, Frames},
    segment::{SegmentFile, journal_directory, list_segments, segment_name},
};

/// The batches of a journal and its damage, in order. Nothing is locked, changed or repaired.
///
/// Headers and links are checked here; the content of a batch is checked by [`RawBatch::decode`], which can run on
/// other threads and gives [`Damage`] too. Only the last batch is checked here whole, to tell damage from a write
/// that was cut short.
#[derive(Debug)]
pub struct Scan {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    names: VecDeque<(EntryIndex, Arc<str>)>,
    origin: Option<KeyName>,
    /// The segment that is being read.
    frames: Option<Frames>,
    /// Where the next frame or segment should take up; no link is expected behind damage.
    next: Position,
    /// Whether the end of the segment before was read without damage.
    linked: bool,
    ready: VecDeque<Result<RawBatch, Box<Damage>>>,
    size: TreeSize,
    /// What is known to have been committed.
    committed: TreeSize,
}

/// Scans the journal of a data directory.
///
/// # Errors
/// When there is no journal, or its directory can't be read.
pub fn scan(data_directory: &Path) -> Result<Scan, JournalError> {
    Scan::open(Arc::new(FsDisk), data_directory)
}

impl Scan {
    /// Scans the journal of a data directory on any disk.
    ///
    /// # Errors
    /// When there is no journal, or its directory can't be read.
    pub fn open(disk: Arc<dyn Disk>, data_directory: &Path) -> Result<Self, JournalError> {
        Self::of(disk, journal_directory(data_directory))
    }

    /// The same, given the journal's own directory.
    pub(super) fn of(disk: Arc<dyn Disk>, directory: PathBuf) -> Result<Self, JournalError> {
        let names = list_segments(&*disk, &directory)?;
        if names.is_empty() {
            return Err(JournalError::Missing(directory));
        }
        Ok(Self {
            disk,
            directory,
            names: names.into(),
            origin: None,
            frames: None,
            next: Position::START,
            linked: true,
            ready: VecDeque::new(),
            size: TreeSize::EMPTY,
            committed: TreeSize::EMPTY,
        })
    }

    /// Says how many entries are known to have been committed, by a checkpoint that was published: what is wrong with a
    /// payload of these was not left by a write that was cut short.
    #[must_use]
    pub fn committed(mut self, size: TreeSize) -> Self {
        self.committed = size;
        self
    }

    /// The origin that the segments name, once one has been read.
    pub fn origin(&self) -> Option<&KeyName> {
        self.origin.as_ref()
    }

    /// How many entries the journal had up to the last good frame so far, damaged ones among them.
    pub fn size(&self) -> TreeSize {
        self.size
    }
}

impl Iterator for Scan {
    type Item = Result<RawBatch, Box<Damage>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            self.frames = match self.frames.take() {
                Some(frames) => self.step(frames),
                None => {
                    let (first, name) = self.names.pop_front()?;
                    self.begin(first, &name)
                }
            };
        }
    }
}

impl Scan {
    /// Whether no segment follows the one that is being read.
    fn is_last(&self) -> bool {
        self.names.is_empty()
    }

    /// Takes one frame, and gives back the segment unless it ends here.
    fn step(&mut self, mut frames: Frames) -> Option<Frames> {
        match frames.next() {
            Some(Ok(Frame::Batch(batch))) => self.take(batch, frames),
            Some(Ok(Frame::Seal)) => Some(frames),
            Some(Err(kind)) => self.damage(frames, kind),
            None if frames.sealed() || self.is_last() => {
                self.next = frames.position();
                None
            }
            None => self.damage(frames, DamageKind::Unsealed),
        }
    }

    fn take(&mut self, mut batch: RawBatch, mut frames: Frames) -> Option<Frames> {
        let end = batch.header.end();
        let followed = !self.is_last() || frames.is_followed().unwrap_or(false);
        if followed {
            batch.place.next = Some(end);
        } else {
            let committed = end <= self.committed.next_index();
            match batch.check_but_payloads() {
                Ok(None) => {}
                Ok(Some(_)) if committed => {}
                Ok(Some(damage)) | Err(damage) => {
                    frames.step_back(&batch);
                    return self.damage(frames, damage.kind);
                }
            }
        }
        self.size = TreeSize::new(end.value());
        self.ready.push_back(Ok(batch));
        Some(frames)
    }

    /// Notes damage, and goes on behind it if something good follows in the segment.
    fn damage(&mut self, mut frames: Frames, kind: DamageKind) -> Option<Frames> {
        let mut damage = frames.judge(kind, self.is_last());
        let goes_on = damage.resumes_at.is_some();
        if !goes_on {
            self.linked = false;
            damage.resumes_at = self.names.front().map(|(first, _)| *first);
        }
        self.ready.push_back(Err(Box::new(damage)));
        goes_on.then_some(frames)
    }

    /// Opens the next segment.
    fn begin(&mut self, first: EntryIndex, name: &Arc<str>) -> Option<Frames> {
        let mut damage = Damage {
            segment: name.to_string(),
            offset: 0,
            index: self.next.index,
            kind: DamageKind::MissingSegment,
            resumes_at: Some(first),
            torn: false,
        };
        let continued = std::mem::take(&mut self.linked);
        if continued && first > self.next.index {
            let segment = segment_name(self.next.index);
            self.report(Damage {
                segment,
                ..damage.clone()
            });
        }
        damage.index = first;
        let unreadable = |error: JournalError| DamageKind::Unreadable(error.to_string());
        let file = SegmentFile::open(&*self.disk, &self.directory, name, Access::Read);
        let opened = file.and_then(|file| Ok((file.header()?, file)));
        let (header, file) = match opened.map_err(unreadable) {
            Ok(opened) => opened,
            Err(kind) => {
                let resumes_at = self.names.front().map(|(first, _)| *first);
                self.report(Damage {
                    kind,
                    resumes_at,
                    ..damage
                });
                return None;
            }
        };
        match header {
            Ok(header) => {
                let gap = first > self.next.index;
                if header.start.index != first || (continued && !gap && header.start != self.next) {
                    let kind = DamageKind::NotContinued;
                    self.report(Damage {
                        kind,
                        ..damage.clone()
                    });
                }
                self.check_origin(&header, &damage);
                let start = header.first_frame();
                self.linked = true;
                Some(Frames::new(
                    &file,
                    header.mark,
                    SEGMENT_HEADER_LENGTH,
                    start,
                ))
            }
            Err(problem) => self.begin_without_header(&file, &problem, damage, continued),
        }
    }

    fn check_origin(&mut self, header: &SegmentHeader, damage: &Damage) {
        let origin = self.origin.get_or_insert_with(|| header.origin.clone());
        if *origin != header.origin {
            let kind = DamageKind::OtherOrigin(header.origin.to_string());
            self.report(Damage {
                kind,
                ..damage.clone()
            });
        }
    }

    /// Reads a segment whose header is damaged by the mark of its first frame.
    fn begin_without_header(
        &mut self,
        file: &SegmentFile,
        problem: &NoSegmentHeader,
        mut damage: Damage,
        continued: bool,
    ) -> Option<Frames> {
        damage.kind = match problem {
            NoSegmentHeader::Damaged => DamageKind::SegmentHeader,
            NoSegmentHeader::Newer(version) => DamageKind::NewerFormat(*version),
        };
        let first_frame = file
            .read(SEGMENT_HEADER_LENGTH, FRAME_HEADER_BYTES)
            .ok()
            .filter(|_| *problem == NoSegmentHeader::Damaged)
            .and_then(|bytes| {
                let mark = *bytes.first_chunk()?;
                FrameHeader::decode(&bytes, &mark)
            });
        let Some((header, _)) = first_frame else {
            damage.torn = continued && self.is_last() && file.holds_no_frame();
            damage.resumes_at = self.names.front().map(|(first, _)| *first);
            self.report(damage);
            return None;
        };
        damage.resumes_at = Some(header.position.index);
        self.report(damage);
        self.linked = true;
        let start = header.position;
        Some(Frames::new(file, header.mark, SEGMENT_HEADER_LENGTH, start))
    }

    fn report(&mut self, damage: Damage) {
        self.ready.push_back(Err(Box::new(damage)));
    }
}
