//! The two fixed headers of the journal: of a segment and of a frame.
//!
//! A segment draws 16 random bytes, its mark, and every frame in it begins with them. So a frame can be found from
//! anywhere in a segment, and neither a payload nor what an older file left on the disk can pass for one.

use crate::ledger::{note::KeyName, position::EntryIndex};

use super::{
    FORMAT_VERSION,
    checksum::{Checksum, Fields},
};

/// Bytes of a segment header, a sector.
pub(super) const SEGMENT_HEADER_BYTES: usize = 512;
/// The same as a length on disk.
pub(super) const SEGMENT_HEADER_LENGTH: u64 = 512;
/// Bytes of a frame header.
pub(super) const FRAME_HEADER_BYTES: usize = 96;
/// The same as a length on disk.
pub(super) const FRAME_HEADER_LENGTH: u64 = 96;
/// Bytes of a segment's mark.
pub(super) const MARK_BYTES: usize = 16;

const MAGIC: [u8; 8] = *b"EXHIBSEG";
/// What the header checksum of a segment covers.
const SEGMENT_COVERED: usize = SEGMENT_HEADER_BYTES - 16;
/// What the header checksum of a frame covers.
const FRAME_COVERED: usize = FRAME_HEADER_BYTES - 16;
const ORIGIN_BYTES_MAX: usize = 255;

/// The 16 random bytes that every frame of one segment begins with.
pub(super) type Mark = [u8; MARK_BYTES];

/// Where the next frame stands in the row of all frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Number of the next batch, from 0.
    pub(super) sequence: u64,
    /// Index of the next entry.
    pub(super) index: EntryIndex,
    /// Checksum of the header before: the frame's, or for the first frame of a segment, the segment's.
    pub(super) link: Checksum,
}

impl Position {
    /// Before the first frame of a journal.
    pub(super) const START: Self = Self {
        sequence: 0,
        index: EntryIndex::new(0),
        link: Checksum::NONE,
    };
}

/// What stands at the front of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) mark: Mark,
    pub(super) origin: KeyName,
    /// Where the segment takes up; the link is that of the seal of the segment before.
    pub(super) start: Position,
    /// The header's own checksum, which the first frame links to.
    pub(super) checksum: Checksum,
}

/// Bytes that are not a segment header this program can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoSegmentHeader {
    /// Wrong magic, checksum or content.
    Damaged,
    /// A whole header of a later format.
    Newer(u32),
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// A committed batch.
    Batch,
    /// The end of a segment, with the table of its samples.
    Seal,
}

/// What stands at the front of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) mark: Mark,
    pub(super) kind: FrameKind,
    /// Where the frame stands. A seal has the numbers of the batch that will come next.
    pub(super) position: Position,
    /// Entries of the batch; 0 for a seal.
    pub(super) count: u32,
    /// Bytes that follow the header.
    pub(super) body_length: u32,
    /// How many of these are the table, which stands first.
    pub(super) table_length: u32,
    /// Checksum of the table, which has those of everything else.
    pub(super) table: Checksum,
}

impl SegmentHeader {
    /// The header of a new segment, and its bytes.
    pub(super) fn new(mark: Mark, origin: KeyName, start: Position) -> (Self, Vec<u8>) {
        let mut bytes = Vec::with_capacity(SEGMENT_HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        let origin_length = u32::try_from(origin.as_str().len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&origin_length.to_le_bytes());
        bytes.extend_from_slice(&mark);
        bytes.extend_from_slice(&start.index.value().to_le_bytes());
        bytes.extend_from_slice(&start.sequence.to_le_bytes());
        bytes.extend_from_slice(start.link.as_bytes());
        bytes.extend_from_slice(origin.as_str().as_bytes());
        bytes.resize(SEGMENT_COVERED, 0);
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        let header = Self {
            mark,
            origin,
            start,
            checksum,
        };
        (header, bytes)
    }

    /// Reads a header from the front of a segment.
    pub(super) fn decode(segment: &[u8]) -> Result<Self, NoSegmentHeader> {
        Self::parse(segment).unwrap_or(Err(NoSegmentHeader::Damaged))
    }

    /// `None` stands for [`NoSegmentHeader::Damaged`].
    fn parse(segment: &[u8]) -> Option<Result<Self, NoSegmentHeader>> {
        let (covered, rest) = segment.split_at_checked(SEGMENT_COVERED)?;
        let checksum = Fields::of(rest).checksum()?;
        let mut fields = Fields::of(covered);
        if fields.array()? != MAGIC || Checksum::of(covered) != checksum {
            return None;
        }
        let version = fields.u32()?;
        if version != FORMAT_VERSION {
            return Some(Err(NoSegmentHeader::Newer(version)));
        }
        let origin_length = usize::try_from(fields.u32()?).ok()?;
        let mark = fields.array()?;
        let start = Position {
            index: EntryIndex::new(fields.u64()?),
            sequence: fields.u64()?,
            link: fields.checksum()?,
        };
        let origin = fields.bytes(origin_length.min(ORIGIN_BYTES_MAX))?;
        let origin: KeyName = std::str::from_utf8(origin).ok()?.parse().ok()?;
        let (header, bytes) = Self::new(mark, origin, start);
        (bytes == segment.get(..SEGMENT_HEADER_BYTES)?).then_some(Ok(header))
    }

    /// Where the segment's first frame stands.
    pub(super) fn first_frame(&self) -> Position {
        Position {
            link: self.checksum,
            ..self.start
        }
    }
}

impl FrameHeader {
    /// The bytes of the header, and its checksum, which is the last 16 of them.
    pub(super) fn encode(&self) -> ([u8; FRAME_HEADER_BYTES], Checksum) {
        let mut bytes = Vec::with_capacity(FRAME_HEADER_BYTES);
        bytes.extend_from_slice(&self.mark);
        bytes.extend_from_slice(&self.kind.code().to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.position.sequence.to_le_bytes());
        bytes.extend_from_slice(&self.position.index.value().to_le_bytes());
        bytes.extend_from_slice(&self.body_length.to_le_bytes());
        bytes.extend_from_slice(&self.table_length.to_le_bytes());
        bytes.extend_from_slice(self.table.as_bytes());
        bytes.extend_from_slice(self.position.link.as_bytes());
        let checksum = Checksum::of(&bytes);
        bytes.extend_from_slice(checksum.as_bytes());
        let bytes = bytes.first_chunk().copied();
        (bytes.unwrap_or([0; FRAME_HEADER_BYTES]), checksum)
    }

    /// Reads a header with this mark, and gives it with its own checksum; `None` where there is none.
    pub(super) fn decode(bytes: &[u8], mark: &Mark) -> Option<(Self, Checksum)> {
        let covered = bytes.get(..FRAME_COVERED)?;
        let mut fields = Fields::of(bytes);
        let found: Mark = fields.array()?;
        if found != *mark {
            return None;
        }
        let kind = FrameKind::of_code(fields.u32()?)?;
        let count = fields.u32()?;
        let sequence = fields.u64()?;
        let index = EntryIndex::new(fields.u64()?);
        let body_length = fields.u32()?;
        let table_length = fields.u32()?;
        let table = fields.checksum()?;
        let link = fields.checksum()?;
        let checksum = fields.checksum()?;
        let sound = table_length <= body_length
            && u64::from(body_length) <= super::FRAME_BYTES_MAX
            && (count == 0) == (kind == FrameKind::Seal)
            && Checksum::of(covered) == checksum;
        let header = Self {
            mark: found,
            kind,
            position: Position {
                sequence,
                index,
                link,
            },
            count,
            body_length,
            table_length,
            table,
        };
        sound.then_some((header, checksum))
    }

    /// Bytes of the whole frame.
    pub(super) fn frame_length(&self) -> u64 {
        u64::from(self.body_length).saturating_add(FRAME_HEADER_LENGTH)
    }

    /// Where the frame after this one stands, which links to this one's checksum.
    pub(super) fn next(&self, checksum: Checksum) -> Position {
        let batches = u64::from(self.kind == FrameKind::Batch);
        Position {
            sequence: self.position.sequence.saturating_add(batches),
            index: self.position.index.plus(u64::from(self.count)),
            link: checksum,
        }
    }

    /// Whether the entry is one of this batch.
    pub(super) fn holds(&self, index: EntryIndex) -> bool {
        self.position.index <= index && index < self.end()
    }

    /// The index behind the batch's last entry.
    pub(super) fn end(&self) -> EntryIndex {
        self.position.index.plus(u64::from(self.count))
    }
}

impl FrameKind {
    const fn code(self) -> u32 {
        match self {
            Self::Batch => 1,
            Self::Seal => 2,
        }
    }

    const fn of_code(code: u32) -> Option<Self> {
        match code {
            1 => Some(Self::Batch),
            2 => Some(Self::Seal),
            _ => None,
        }
    }
}

/// The headers' part of [`super::fuzz_frame`].
pub(super) fn fuzz(bytes: &[u8]) {
    if let Ok(header) = SegmentHeader::decode(bytes) {
        let (again, made) = SegmentHeader::new(header.mark, header.origin.clone(), header.start);
        assert!(bytes.starts_with(&made) && again == header, "one encoding");
    }
    let mark = bytes.first_chunk().copied().unwrap_or_default();
    if let Some((header, checksum)) = FrameHeader::decode(bytes, &mark) {
        let (made, again) = header.encode();
        assert!(
            bytes.starts_with(&made) && again == checksum,
            "one encoding"
        );
    }
}
