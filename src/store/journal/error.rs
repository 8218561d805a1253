//! What goes wrong with the journal: [`JournalError`] stops the work, [`Damage`] says what is wrong where.

use std::{fmt, io, path::PathBuf};

use crate::{
    ledger::{
        checkpoint::CheckpointError,
        hash::RootHash,
        note::KeyName,
        position::{EntryIndex, TreeSize},
    },
    store::durable::DiskError,
};

use super::FORMAT_VERSION;

/// Why the journal can't do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system failed an operation on a file.
    #[error("could not {action} {}: {source}", .path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier write or sync failed, so what is on disk is not known.
    #[error("the journal stopped after a disk error; restart to recover from what is on disk")]
    Stopped,
    /// Another process writes this journal.
    #[error(
        "{} is in use by another `exhibit serve`; stop it first, or give this one a data directory of its own",
        .0.display()
    )]
    Locked(PathBuf),
    /// There is no journal.
    #[error("{} holds no journal; `exhibit init` makes one, and a restored copy must bring its own", .0.display())]
    Missing(PathBuf),
    /// There is a journal already.
    #[error("{} holds a journal already, which is never overwritten; choose another directory", .0.display())]
    Exists(PathBuf),
    /// A segment is not what was written.
    #[error(
        "{0}; nothing was changed: restore the data directory from a copy, and keep this one as it is for the examination"
    )]
    Damaged(#[from] Box<Damage>),
    /// A segment was written by a later version of this program.
    #[error(
        "{segment} has format version {found}, and this program reads {FORMAT_VERSION}; use a newer exhibit"
    )]
    NewerFormat {
        /// File name of the segment.
        segment: String,
        /// Its version.
        found: u32,
    },
    /// A segment belongs to another ledger.
    #[error(
        "{segment} belongs to {found:?}, not to {expected}; was a file or a key copied from another ledger?"
    )]
    OtherOrigin {
        /// File name of the segment.
        segment: String,
        /// The ledger that was asked for.
        expected: KeyName,
        /// The origin the segment names.
        found: String,
    },
    /// The journal lost entries that a published checkpoint covers.
    #[error(
        "the journal holds {held} entries, less than the {published} of the last signed checkpoint; nothing was \
         changed: restore the data directory from a copy that has them all"
    )]
    BehindCheckpoint {
        /// What the journal holds.
        held: TreeSize,
        /// What the published checkpoint covers.
        published: TreeSize,
    },
    /// The published checkpoint is gone, so that nothing says how many entries there were.
    #[error(
        "{} is missing, so whether the {held} entries of the journal are all that were acknowledged can't be told; nothing was \
         changed: put the last checkpoint there, from a copy of the data directory or from the newest audit pack", .path.display()
    )]
    NoCheckpoint {
        /// Where it should be.
        path: PathBuf,
        /// What the journal holds.
        held: TreeSize,
    },
    /// The published checkpoint is of another history than the journal.
    #[error(
        "the last signed checkpoint has root {published} at size {size}, and the journal has {held}: one of them is \
         not of this ledger's history; restore both from one copy"
    )]
    ForkedFromCheckpoint {
        /// The size both speak of.
        size: TreeSize,
        /// Root of the published checkpoint.
        published: RootHash,
        /// Root of the journal's.
        held: RootHash,
    },
    /// The published checkpoint can't be read.
    #[error("{} is not a checkpoint of {origin}: {error}; restore it from a copy", .path.display())]
    PublishedCheckpoint {
        /// The file.
        path: PathBuf,
        /// The ledger it should be of.
        origin: KeyName,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// A batch does not continue the journal.
    #[error("the batch begins at entry {found}, and the journal continues with {expected}")]
    OutOfOrder {
        /// The next index.
        expected: EntryIndex,
        /// The batch's first.
        found: EntryIndex,
    },
    /// A batch can't be stored, whatever the journal holds.
    #[error("the batch can't be stored: {0}")]
    InvalidBatch(String),
    /// The journal does not hold the entry.
    #[error("there is no entry {index}: the ledger has {size} entries, counted from 0")]
    NoSuchEntry {
        /// The entry.
        index: EntryIndex,
        /// How many there are.
        size: TreeSize,
    },
}

/// One place of the journal that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Damage {
    /// File name of the segment.
    pub segment: String,
    /// Offset in it, in bytes, where the damaged frame or header begins.
    pub offset: u64,
    /// The first entry that can't be read for it.
    pub index: EntryIndex,
    /// What is wrong.
    pub kind: DamageKind,
    /// The first entry known to be readable again behind it; `None` when nothing good follows.
    pub resumes_at: Option<EntryIndex>,
    /// Whether a write cut short at the journal's end explains it, so that no committed batch is concerned.
    pub torn: bool,
}

/// What is wrong with a place of the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// A segment's header does not have its checksum.
    #[error("the segment header is damaged")]
    SegmentHeader,
    /// The segment was written by a later version of this program.
    #[error("the segment has format version {0}, and this program reads {FORMAT_VERSION}")]
    NewerFormat(u32),
    /// The segment names another ledger than the first one does.
    #[error("the segment belongs to {0:?}")]
    OtherOrigin(String),
    /// There is no segment that begins with this entry.
    #[error("a segment is missing")]
    MissingSegment,
    /// The segment does not begin where the one before it ends.
    #[error("the segment does not continue the one before it")]
    NotContinued,
    /// The segment has no seal, and another follows it.
    #[error("the segment is not sealed, and another follows it")]
    Unsealed,
    /// Bytes come after the seal.
    #[error("{0} bytes follow the seal")]
    AfterSeal(u64),
    /// There is no frame header, or it does not have its checksum.
    #[error("there is no valid frame header")]
    FrameHeader,
    /// The frame goes on beyond the end of the file.
    #[error("the frame is cut off: {missing} bytes are missing")]
    CutOff {
        /// How many bytes are missing.
        missing: u64,
    },
    /// A part of a frame does not have its checksum.
    #[error("the {0} does not have its checksum")]
    Checksum(&'static str),
    /// A frame is valid in itself, and does not follow the frame before it.
    #[error("the frame does not follow the one before it: its {0} is another")]
    Link(&'static str),
    /// Checksums hold, and the content is not what this program writes.
    #[error("the frame does not decode: {0}")]
    Malformed(String),
    /// The system could not read the file.
    #[error("the segment could not be read: {0}")]
    Unreadable(String),
}

impl Damage {
    /// Whether a good frame or segment follows.
    pub fn followed_by_good(&self) -> bool {
        self.resumes_at.is_some()
    }
}

/// The sections that a ledger can go on without.
pub(super) const PAYLOADS: &str = "payloads";

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            index,
            kind,
            ..
        } = self;
        write!(
            f,
            "journal/{segment}, offset {offset}, entry {index}: {kind}"
        )?;
        if *kind == DamageKind::Checksum(PAYLOADS) {
            f.write_str(
                " (`exhibit break confirm` lets a ledger go on that has lost payloads alone)",
            )?;
        }
        match self.resumes_at {
            Some(next) => write!(f, "; good entries follow from {next} on"),
            None if self.torn => f.write_str("; nothing committed follows"),
            None => Ok(()),
        }
    }
}

impl From<DiskError> for JournalError {
    fn from(error: DiskError) -> Self {
        Self::Disk {
            action: error.action,
            path: error.path,
            source: error.source,
        }
    }
}
