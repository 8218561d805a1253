//! Finding out what a journal holds: the same for the writer and for readers, and without a change to any file.
//!
//! Of sealed segments the header, the seal and the header and table of the last batch are read, and that each
//! continues the one before it. The last segment is read whole, as only it can hold what an interrupted write left.

use std::{path::Path, sync::Arc};

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        note::KeyName,
        position::{EntryIndex, TreeSize},
    },
    store::{
        disk::{Access, Disk},
        durable::During as _,
    },
};

use super::{
    batch::RawBatch,
    error::{Damage, DamageKind, JournalError},
    frame::{NoSegmentHeader, Position, SEGMENT_HEADER_LENGTH, SegmentHeader},
    frames::{Frame, Frames},
    located::Located,
    lost::{ConfirmedLosses, LostPayload},
    seal::Samples,
    segment::{SegmentFile, list_segments, segment_name},
};

/// What opening a journal found, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Entries the journal holds.
    pub size: TreeSize,
    /// Segment files.
    pub segments: usize,
    /// Entries that the published checkpoint covers; `None` where none was ever published.
    pub published: Option<TreeSize>,
    /// What an interrupted write left, and was cut off.
    pub cut: Option<Cut>,
    /// A segment that was being made, had no batch yet, and was removed.
    pub removed: Option<String>,
}

/// What was cut off the journal's end: no batch that was ever acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// File name of the segment.
    pub segment: String,
    /// Its length now.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// What a journal's files hold.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) origin: KeyName,
    /// First entry and name of every sealed segment, in order.
    pub(super) sealed: Vec<(EntryIndex, Arc<str>)>,
    /// The last segment.
    pub(super) last: SegmentFile,
    /// The last segment's content, unless it is sealed.
    pub(super) tail: Option<Tail>,
    /// A segment behind the last, without a whole header.
    pub(super) unfinished: Option<Arc<str>>,
    /// Where the next frame stands.
    pub(super) next: Position,
    /// The checkpoint of the last batch.
    pub(super) checkpoint: Option<SignedCheckpoint>,
}

/// A segment without a seal.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) header: SegmentHeader,
    /// Where its good frames end.
    pub(super) end: u64,
    /// Where the last of its batches begins.
    pub(super) last_batch: Option<u64>,
    pub(super) samples: Samples,
    /// What an interrupted write left behind the end.
    pub(super) torn: Option<Damage>,
}

/// Which lost payloads a journal is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostPayloads {
    /// Those that a confirmed break in the journal says are lost.
    #[default]
    Confirmed,
    /// All, so that they can be confirmed. Committed damage is none that a write left which was cut short.
    All,
}

/// Lost payloads of the last segment.
#[derive(Default)]
struct Losses {
    lost: Vec<LostPayload>,
    /// The damage that the first of them is part of.
    first: Option<Box<Damage>>,
}

impl Losses {
    /// Takes the losses of a batch of which payloads alone are damaged; anything else is given back.
    fn take(
        &mut self,
        batch: &RawBatch,
        mut damage: Box<Damage>,
        followed: bool,
    ) -> Result<(), Box<Damage>> {
        let Ok((_, lost)) = batch.decode_keeping() else {
            return Err(damage);
        };
        damage.resumes_at = followed.then(|| batch.header.end());
        self.lost.extend(lost);
        self.first.get_or_insert(damage);
        Ok(())
    }
}

/// The segments seen so far.
struct Walk<'a> {
    disk: &'a dyn Disk,
    directory: &'a Path,
    origin: Option<KeyName>,
    payloads: LostPayloads,
    /// What the published checkpoint covers was committed.
    published: TreeSize,
    next: Position,
    sealed: Vec<(EntryIndex, Arc<str>)>,
    checkpoint: Option<SignedCheckpoint>,
}

/// Reads what a journal holds. The last segment is opened with the access; an origin that is given must be its. Said is
/// too which lost payloads it may have, and what is known to have been committed.
pub(super) fn examine(
    disk: &dyn Disk,
    directory: &Path,
    origin: Option<&KeyName>,
    access: Access,
    payloads: (LostPayloads, TreeSize),
) -> Result<Examined, JournalError> {
    let mut names = list_segments(disk, directory)?;
    let unfinished = unfinished(disk, directory, &names)?;
    if unfinished.is_some() {
        names.pop();
    }
    let missing = || JournalError::Missing(directory.to_owned());
    let (last, before) = names.split_last().ok_or_else(missing)?;
    let mut walk = Walk {
        disk,
        directory,
        origin: origin.cloned(),
        payloads: payloads.0,
        published: payloads.1,
        next: Position::START,
        sealed: Vec::new(),
        checkpoint: None,
    };
    for (first, name) in before {
        walk.sealed_segment(*first, name)?;
    }
    let (file, tail) = walk.last_segment(last.0, &last.1, access)?;
    if let (Some(name), Some(_)) = (&unfinished, &tail) {
        // A segment is begun only when the one before it is sealed.
        let header = DamageKind::SegmentHeader;
        let file = SegmentFile::open(disk, directory, name, Access::Read)?;
        return Err(Box::new(file.damaged(0, walk.next.index, header)).into());
    }
    Ok(Examined {
        origin: walk.origin.ok_or_else(missing)?,
        sealed: walk.sealed,
        last: file,
        tail,
        unfinished,
        next: walk.next,
        checkpoint: walk.checkpoint,
    })
}

/// The last segment, if it was being made when the power went: its header is synced before any frame is written,
/// so a file without a whole header and nothing behind it has never held a batch.
pub(super) fn unfinished(
    disk: &dyn Disk,
    directory: &Path,
    names: &[(EntryIndex, Arc<str>)],
) -> Result<Option<Arc<str>>, JournalError> {
    let Some((_, name)) = names.last() else {
        return Ok(None);
    };
    let file = SegmentFile::open(disk, directory, name, Access::Read)?;
    let damaged = file.header()? == Err(NoSegmentHeader::Damaged);
    Ok((damaged && file.holds_no_frame()).then(|| Arc::clone(name)))
}

impl Walk<'_> {
    fn sealed_segment(&mut self, first: EntryIndex, name: &Arc<str>) -> Result<(), JournalError> {
        let (file, header) = self.open(first, name, Access::Read)?;
        let Some(sealed) = file.seal(&header)? else {
            return Err(self.without_seal(&file, &header)?);
        };
        let mut last = Located::at(&file, &header.mark, sealed.seal.last_batch, first)?;
        if last.after().1 != sealed.position {
            let (offset, position) = last.start();
            let kind = DamageKind::Link("seal");
            return Err(Box::new(file.damaged(offset, position.index, kind)).into());
        }
        self.checkpoint = Some(last.checkpoint()?);
        self.next = sealed.next;
        self.sealed.push((first, Arc::clone(name)));
        Ok(())
    }

    fn last_segment(
        &mut self,
        first: EntryIndex,
        name: &Arc<str>,
        access: Access,
    ) -> Result<(SegmentFile, Option<Tail>), JournalError> {
        let (file, header) = self.open(first, name, access)?;
        let mut frames = Frames::new(
            &file,
            header.mark,
            SEGMENT_HEADER_LENGTH,
            header.first_frame(),
        );
        let mut losses = Losses::default();
        let (samples, last_batch, torn) = self.read_frames(&mut frames, &mut losses)?;
        self.allow(losses, &file, &header)?;
        self.next = frames.position();
        if frames.sealed() {
            self.sealed.push((first, Arc::clone(name)));
            return Ok((file, None));
        }
        let tail = Tail {
            header,
            end: frames.offset(),
            last_batch,
            samples,
            torn,
        };
        Ok((file, Some(tail)))
    }

    /// Goes through the last segment to its end, or to what an interrupted write left.
    fn read_frames(
        &mut self,
        frames: &mut Frames,
        losses: &mut Losses,
    ) -> Result<(Samples, Option<u64>, Option<Damage>), JournalError> {
        let (mut samples, mut last_batch) = (Samples::default(), None);
        loop {
            let offset = frames.offset();
            let kind = match frames.next() {
                None => return Ok((samples, last_batch, None)),
                Some(Ok(Frame::Seal)) => continue,
                Some(Ok(Frame::Batch(batch))) => match self.check(&batch, frames, losses) {
                    Ok(()) => {
                        samples.note(batch.first(), offset);
                        last_batch = Some(offset);
                        self.checkpoint = Some(batch.checkpoint()?);
                        continue;
                    }
                    Err(damage) => {
                        frames.step_back(&batch);
                        damage.kind
                    }
                },
                Some(Err(kind)) => kind,
            };
            let damage = frames.judge(kind, true);
            if damage.torn {
                return Ok((samples, last_batch, Some(damage)));
            }
            return Err(Box::new(damage).into());
        }
    }

    /// Checks a batch that was read just now.
    fn check(
        &self,
        batch: &RawBatch,
        frames: &Frames,
        losses: &mut Losses,
    ) -> Result<(), Box<Damage>> {
        let Some(damage) = batch.check_but_payloads()? else {
            return Ok(());
        };
        // A batch is written only when the one before is durable.
        let followed = !frames.is_at_end();
        let covered = batch.header.end() <= self.published.next_index();
        if followed || covered {
            losses.take(batch, damage, followed)
        } else {
            Err(damage)
        }
    }

    /// Refuses lost payloads that no confirmed break speaks of. The confirmation was written behind the damage, and so
    /// into the same segment: a segment that is sealed is not read when opening.
    fn allow(
        &self,
        losses: Losses,
        file: &SegmentFile,
        header: &SegmentHeader,
    ) -> Result<(), JournalError> {
        let Some(first) = losses
            .first
            .filter(|_| self.payloads == LostPayloads::Confirmed)
        else {
            return Ok(());
        };
        let start = header.first_frame();
        let mut frames = Frames::new(file, header.mark, SEGMENT_HEADER_LENGTH, start);
        let mut confirmed = ConfirmedLosses::default();
        while let Some(Ok(frame)) = frames.next() {
            if let Frame::Batch(batch) = frame {
                confirmed.read(&batch)?;
            }
        }
        if confirmed.cover(&losses.lost) {
            Ok(())
        } else {
            Err(first.into())
        }
    }

    /// Opens the segment that must come next, and reads its header.
    fn open(
        &mut self,
        first: EntryIndex,
        name: &Arc<str>,
        access: Access,
    ) -> Result<(SegmentFile, SegmentHeader), JournalError> {
        if first > self.next.index {
            return Err(Box::new(Damage {
                segment: segment_name(self.next.index),
                offset: 0,
                index: self.next.index,
                kind: DamageKind::MissingSegment,
                resumes_at: Some(first),
                torn: false,
            })
            .into());
        }
        let file = SegmentFile::open(self.disk, self.directory, name, access)?;
        let damaged = |kind| Box::new(file.damaged(0, first, kind));
        let header = match file.header()? {
            Ok(header) => header,
            Err(NoSegmentHeader::Newer(found)) => {
                return Err(JournalError::NewerFormat {
                    segment: name.to_string(),
                    found,
                });
            }
            Err(NoSegmentHeader::Damaged) => {
                return Err(damaged(DamageKind::SegmentHeader).into());
            }
        };
        let origin = self.origin.get_or_insert_with(|| header.origin.clone());
        if header.origin != *origin {
            return Err(JournalError::OtherOrigin {
                segment: name.to_string(),
                expected: origin.clone(),
                found: header.origin.to_string(),
            });
        }
        if header.start != self.next || header.start.index != first {
            return Err(damaged(DamageKind::NotContinued).into());
        }
        Ok((file, header))
    }

    /// Says what is wrong with a segment that has no whole seal, although another segment follows.
    fn without_seal(
        &self,
        file: &SegmentFile,
        header: &SegmentHeader,
    ) -> Result<JournalError, JournalError> {
        let mut frames = Frames::new(
            file,
            header.mark,
            SEGMENT_HEADER_LENGTH,
            header.first_frame(),
        );
        let kind = loop {
            match frames.next() {
                None => break DamageKind::Unsealed,
                Some(Ok(_)) => {}
                Some(Err(kind)) => break kind,
            }
        };
        file.file
            .length()
            .during("read the length of", &file.path)?;
        Ok(Box::new(frames.judge(kind, false)).into())
    }
}
