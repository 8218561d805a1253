//! Segment files: their names, their headers, their seals, and reading them in large pieces.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    ledger::position::{EntryIndex, count, length},
    store::{
        disk::{Access, Disk, DiskFile},
        durable::During as _,
    },
};

use super::{
    checksum::Checksum,
    error::{Damage, DamageKind, JournalError},
    frame::{
        FRAME_HEADER_LENGTH, FrameHeader, FrameKind, NoSegmentHeader, Position,
        SEGMENT_HEADER_BYTES, SEGMENT_HEADER_LENGTH, SegmentHeader,
    },
    seal::{SEAL_LENGTH_BYTES, Seal},
};

/// The journal's directory within a data directory.
const DIRECTORY: &str = "journal";
/// The file in it that the writer locks.
const LOCK: &str = "lock";
const EXTENSION: &str = ".seg";

/// The directory of the segments in a data directory.
pub(super) fn journal_directory(data_directory: &Path) -> PathBuf {
    data_directory.join(DIRECTORY)
}

/// The file that the writer locks.
pub(super) fn lock_path(directory: &Path) -> PathBuf {
    directory.join(LOCK)
}

/// The name of the segment that begins with an entry: its index in 20 digits.
pub(super) fn segment_name(first: EntryIndex) -> String {
    format!("{:020}{EXTENSION}", first.value())
}

/// The segments in a journal's directory, in order. A name that no segment has is somebody else's file.
pub(super) fn list_segments(
    disk: &dyn Disk,
    directory: &Path,
) -> Result<Vec<(EntryIndex, Arc<str>)>, JournalError> {
    let names = match disk.list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names.during("list", directory)?,
    };
    Ok(names
        .into_iter()
        .filter_map(|name| {
            let first = EntryIndex::new(name.strip_suffix(EXTENSION)?.parse().ok()?);
            (segment_name(first) == name).then(|| (first, name.into()))
        })
        .collect())
}

/// An open segment file.
#[derive(Debug, Clone)]
pub(super) struct SegmentFile {
    pub(super) name: Arc<str>,
    pub(super) path: PathBuf,
    pub(super) file: Arc<dyn DiskFile>,
    /// Its length when it was opened.
    pub(super) length: u64,
}

/// A segment whose seal has been read.
#[derive(Debug, Clone)]
pub(super) struct Sealed {
    pub(super) seal: Seal,
    /// Where the seal stands in the row of frames.
    pub(super) position: Position,
    /// Where the segment after it begins.
    pub(super) next: Position,
}

impl SegmentFile {
    pub(super) fn open(
        disk: &dyn Disk,
        directory: &Path,
        name: &Arc<str>,
        access: Access,
    ) -> Result<Self, JournalError> {
        let path = directory.join(&**name);
        let file = disk.open(&path, access).during("open", &path)?;
        let length = file.length().during("read the length of", &path)?;
        Ok(Self {
            name: Arc::clone(name),
            path,
            file,
            length,
        })
    }

    /// Reads the segment's header.
    pub(super) fn header(&self) -> Result<Result<SegmentHeader, NoSegmentHeader>, JournalError> {
        let bytes = self.read(0, SEGMENT_HEADER_BYTES)?;
        Ok(SegmentHeader::decode(&bytes))
    }

    /// Whether the file is too short to hold any batch: a header is synced before the first frame is written.
    pub(super) fn holds_no_frame(&self) -> bool {
        self.length <= SEGMENT_HEADER_LENGTH
    }

    /// Reads the seal from the file's end; `None` when there is no whole seal.
    pub(super) fn seal(&self, header: &SegmentHeader) -> Result<Option<Sealed>, JournalError> {
        let tail = self.length.saturating_sub(SEAL_LENGTH_BYTES);
        let Some(frame_length) = self.read(tail, 4)?.first_chunk().copied() else {
            return Ok(None);
        };
        let frame_length = u64::from(u32::from_le_bytes(frame_length));
        let Some(offset) = self
            .length
            .checked_sub(frame_length)
            .filter(|offset| *offset >= SEGMENT_HEADER_LENGTH)
        else {
            return Ok(None);
        };
        let frame = self.read(offset, length(frame_length))?;
        Ok(read_seal(&frame, header))
    }

    /// Says what is wrong at an offset.
    pub(super) fn damaged(&self, offset: u64, index: EntryIndex, kind: DamageKind) -> Damage {
        Damage {
            segment: self.name.to_string(),
            offset,
            index,
            kind,
            resumes_at: None,
            torn: false,
        }
    }

    /// Reads up to so many bytes; fewer where the file ends.
    pub(super) fn read(&self, offset: u64, bytes: usize) -> Result<Vec<u8>, JournalError> {
        let mut buffer = vec![0; bytes];
        let read = self
            .file
            .read_at(offset, &mut buffer)
            .during("read", &self.path)?;
        buffer.truncate(read);
        Ok(buffer)
    }
}

fn read_seal(frame: &[u8], segment: &SegmentHeader) -> Option<Sealed> {
    let (header, checksum) = FrameHeader::decode(frame, &segment.mark)?;
    let body = frame.get(length(FRAME_HEADER_LENGTH)..)?;
    let whole = header.kind == FrameKind::Seal
        && header.frame_length() == count(frame.len())
        && Checksum::of(body) == header.table;
    Some(Sealed {
        seal: whole.then(|| Seal::decode(body))??,
        position: header.position,
        next: header.next(checksum),
    })
}

/// Reads a file in large pieces, for callers that go through it in order.
#[derive(Debug)]
pub(super) struct Window {
    file: Arc<dyn DiskFile>,
    piece: usize,
    /// Where to stop reading ahead.
    end: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    /// Reads pieces of this size, but only up to the end of what is of interest.
    pub(super) fn new(file: Arc<dyn DiskFile>, piece: usize, end: u64) -> Self {
        Self {
            file,
            piece,
            end,
            start: 0,
            buffer: Vec::new(),
        }
    }

    /// The bytes at an offset; fewer where the file ends.
    pub(super) fn bytes(&mut self, offset: u64, bytes: usize) -> io::Result<&[u8]> {
        let end = offset.saturating_add(count(bytes));
        let held = self.start.saturating_add(count(self.buffer.len()));
        if offset < self.start || end > held {
            let ahead = self.piece.min(length(self.end.saturating_sub(offset)));
            self.buffer.resize(bytes.max(ahead), 0);
            let read = self.file.read_at(offset, &mut self.buffer)?;
            self.buffer.truncate(read);
            self.start = offset;
        }
        let from = length(offset.saturating_sub(self.start));
        let held = self.buffer.get(from..).unwrap_or_default();
        Ok(held.get(..bytes).unwrap_or(held))
    }
}
