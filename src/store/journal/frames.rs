//! Going through the frames of one segment, in order, and past damage.

use std::{io, sync::Arc};

use crate::ledger::position::{EntryIndex, count, length};

use super::{
    FRAME_BYTES_MAX,
    batch::{RawBatch, malformed},
    checksum::Checksum,
    error::{Damage, DamageKind},
    frame::{
        FRAME_HEADER_BYTES, FRAME_HEADER_LENGTH, FrameHeader, FrameKind, MARK_BYTES, Mark, Position,
    },
    place::Place,
    seal::Seal,
    segment::{SegmentFile, Window},
};

/// How much is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// The frames of a segment from some place on.
#[derive(Debug)]
pub(super) struct Frames {
    segment: Arc<str>,
    window: Window,
    mark: Mark,
    length: u64,
    offset: u64,
    position: Position,
    /// Where the last frame ended that was given, and by what kind.
    sealed: bool,
}

/// One good frame.
#[derive(Debug)]
pub(super) enum Frame {
    Batch(RawBatch),
    Seal,
}

impl Frames {
    /// The frames of a segment from this offset, where one at this position should begin.
    pub(super) fn new(file: &SegmentFile, mark: Mark, offset: u64, position: Position) -> Self {
        Self {
            segment: Arc::clone(&file.name),
            window: Window::new(Arc::clone(&file.file), PIECE_BYTES, file.length),
            mark,
            length: file.length,
            offset,
            position,
            sealed: false,
        }
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether nothing stands behind the frames that were given.
    pub(super) fn is_at_end(&self) -> bool {
        self.offset >= self.length
    }

    /// Where the next frame stands in the row of all.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// Whether the seal has been given.
    pub(super) fn sealed(&self) -> bool {
        self.sealed
    }

    /// The next frame, or what is wrong with it; `None` at the end of the file. The headers, their links and the
    /// seal are checked, the sections of a batch are not. After damage, [`Frames::judge`] goes on.
    pub(super) fn next(&mut self) -> Option<Result<Frame, DamageKind>> {
        if self.offset >= self.length {
            return None;
        }
        Some(self.read())
    }

    /// Goes back to the batch that was given last, because its content turned out to be damaged.
    pub(super) fn step_back(&mut self, batch: &RawBatch) {
        self.offset = batch.place.offset;
        self.position = batch.header.position;
        self.sealed = false;
    }

    /// Names the damage at the next frame's place, finds out what follows it in the segment, and goes there. Only in
    /// the last segment can it be what an interrupted write left.
    pub(super) fn judge(&mut self, kind: DamageKind, last: bool) -> Damage {
        let torn = last && self.explained_by_a_torn_write(&kind).unwrap_or(false);
        let mut damage = Damage {
            segment: self.segment.to_string(),
            offset: self.offset,
            index: self.position.index,
            kind,
            resumes_at: None,
            torn: false,
        };
        let resume = (self.offset, self.position);
        // What can't be read is not known to be empty, so it is not known to be torn.
        match self.resume() {
            Ok(found) => {
                damage.resumes_at = found;
                damage.torn = torn && found.is_none();
            }
            Err(error) => damage.kind = DamageKind::Unreadable(error.to_string()),
        }
        if damage.torn {
            (self.offset, self.position) = resume;
        }
        damage
    }

    /// Skips to the next good frame header behind the damaged frame, wherever it begins, or to the end of the file.
    /// Gives the first entry there.
    fn resume(&mut self) -> io::Result<Option<EntryIndex>> {
        let mut offset = self.offset.saturating_add(1);
        while offset < self.length {
            let left = length(self.length.saturating_sub(offset));
            let piece = self.window.bytes(offset, left.min(PIECE_BYTES))?;
            for hit in find(piece, &self.mark) {
                let at = offset.saturating_add(count(hit));
                let found = piece.get(hit..).unwrap_or_default();
                let header = if found.len() < FRAME_HEADER_BYTES {
                    None
                } else {
                    FrameHeader::decode(found, &self.mark)
                };
                if let Some((header, _)) = header {
                    self.offset = at;
                    self.position = header.position;
                    return Ok(Some(header.position.index));
                }
            }
            if piece.len() < PIECE_BYTES {
                break;
            }
            let step = PIECE_BYTES.saturating_sub(FRAME_HEADER_BYTES.saturating_sub(1));
            offset = offset.saturating_add(count(step));
        }
        self.offset = self.length;
        Ok(None)
    }

    /// Whether one write that was interrupted explains the damage here, when no good frame follows. A whole header
    /// with a wrong link was never part of such a write; nor were bytes behind the frame that the header speaks of,
    /// as a batch is written only when the one before is durable.
    fn explained_by_a_torn_write(&mut self, kind: &DamageKind) -> io::Result<bool> {
        let left = self.length.saturating_sub(self.offset);
        let header = self.header()?;
        Ok(match kind {
            DamageKind::FrameHeader => left <= FRAME_BYTES_MAX.saturating_add(FRAME_HEADER_LENGTH),
            DamageKind::CutOff { .. } => true,
            DamageKind::Checksum(_) => {
                header.is_some_and(|(header, _)| header.frame_length() == left)
            }
            _ => false,
        })
    }

    fn header(&mut self) -> io::Result<Option<(FrameHeader, Checksum)>> {
        let bytes = self.window.bytes(self.offset, FRAME_HEADER_BYTES)?;
        Ok(FrameHeader::decode(bytes, &self.mark))
    }

    fn read(&mut self) -> Result<Frame, DamageKind> {
        let unreadable = |error: io::Error| DamageKind::Unreadable(error.to_string());
        if self.sealed {
            return Err(DamageKind::AfterSeal(
                self.length.saturating_sub(self.offset),
            ));
        }
        let left = self.length.saturating_sub(self.offset);
        let Some((header, checksum)) = self.header().map_err(unreadable)? else {
            return Err(match FRAME_HEADER_LENGTH.checked_sub(left) {
                None | Some(0) => DamageKind::FrameHeader,
                Some(missing) => DamageKind::CutOff { missing },
            });
        };
        self.check_position(&header)?;
        let missing = header.frame_length().saturating_sub(left);
        if missing > 0 {
            return Err(DamageKind::CutOff { missing });
        }
        let body_offset = self.offset.saturating_add(FRAME_HEADER_LENGTH);
        let body_length = length(header.body_length.into());
        let body = self
            .window
            .bytes(body_offset, body_length)
            .map_err(unreadable)?
            .to_vec();
        if body.len() < body_length {
            let missing = count(body_length.saturating_sub(body.len()));
            return Err(DamageKind::CutOff { missing });
        }
        let frame = self.frame(header, body)?;
        self.offset = self.offset.saturating_add(header.frame_length());
        self.position = header.next(checksum);
        self.sealed = header.kind == FrameKind::Seal;
        Ok(frame)
    }

    fn frame(&mut self, header: FrameHeader, body: Vec<u8>) -> Result<Frame, DamageKind> {
        let table = body.get(..length(header.table_length.into()));
        if table.map(Checksum::of) != Some(header.table) {
            return Err(DamageKind::Checksum(match header.kind {
                FrameKind::Batch => "table of the batch",
                FrameKind::Seal => "table of the seal",
            }));
        }
        if header.kind == FrameKind::Seal {
            return Seal::decode(&body)
                .map(|_| Frame::Seal)
                .ok_or_else(|| malformed("the seal has another form"));
        }
        Ok(Frame::Batch(RawBatch {
            place: Place {
                segment: Arc::clone(&self.segment),
                offset: self.offset,
                index: header.position.index,
                next: None,
            },
            header,
            body,
        }))
    }

    fn check_position(&self, header: &FrameHeader) -> Result<(), DamageKind> {
        let (found, expected) = (header.position, self.position);
        if found.sequence != expected.sequence {
            Err(DamageKind::Link("batch number"))
        } else if found.index != expected.index {
            Err(DamageKind::Link("entry index"))
        } else if found.link != expected.link {
            Err(DamageKind::Link("link"))
        } else {
            Ok(())
        }
    }

    /// Whether a good frame header stands where the next frame should begin.
    pub(super) fn is_followed(&mut self) -> io::Result<bool> {
        Ok(self.offset < self.length && self.header()?.is_some())
    }
}

/// Every place where the mark stands.
fn find(bytes: &[u8], mark: &Mark) -> impl Iterator<Item = usize> {
    let first = mark.first().copied().unwrap_or_default();
    bytes
        .iter()
        .enumerate()
        .filter(move |(_, byte)| **byte == first)
        .map(|(at, _)| at)
        .filter(move |at| {
            bytes
                .get(*at..)
                .and_then(|found| found.first_chunk::<MARK_BYTES>())
                == Some(mark)
        })
}
