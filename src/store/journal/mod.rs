//! The journal: the append-only files that are the truth of a ledger.
//!
//! A journal is a row of segment files, a segment a row of frames, and a frame one committed batch: the signed
//! checkpoint, the entries, the payloads. The layout stands byte by byte in [`crate::manual::journal_format`].
//!
//! What must always be true:
//!
//! - A batch is committed when [`Journal::append`] returns: one write, one sync. Nothing that is committed is ever
//!   written again or cut off.
//! - There is one writer, and it stops for good at the first error of the disk: what is on disk is found out at the
//!   next [`Journal::open`], never guessed.
//! - Damage is refused with the place, not repaired. The one thing that is cut is what a single interrupted write
//!   left behind the last committed batch.
//! - Readers see committed batches only, and check the checksum of every byte they hand out.
//!
//! Checksums find what disks do. They don't find what people do: that is what the hashes and signatures in
//! [`crate::ledger`] are for, and nothing of the framing is hashed into them.

mod batch;
mod checksum;
mod committed;
mod encode;
mod error;
mod frame;
mod frames;
mod located;
mod lost;
mod place;
mod published;
mod reader;
mod recover;
mod scan;
mod seal;
mod segment;
mod table;
mod write;

#[cfg(test)]
mod tests;

pub use batch::{EntryBlock, RawBatch, StoredBatch, StoredBlock, StoredEntry};
pub use encode::EncodedBatch;
pub use error::{Damage, DamageKind, JournalError};
pub use lost::LostPayload;
pub use published::{check_holds, publish_checkpoint, published_checkpoint};
pub use reader::{JournalReader, RawBatches};
pub use recover::{Cut, LostPayloads, Recovery};
pub use scan::{Scan, scan};
pub use write::{Journal, Writable};

/// The version of the segments this program writes, and the only one it reads.
pub const FORMAT_VERSION: u32 = 1;
/// The most entries of a batch.
pub const BATCH_ENTRIES_MAX: usize = 4096;
/// The most bytes of entries and payloads in a batch, before compression.
pub const BATCH_BYTES_MAX: usize = 32 << 20;
/// The compression level that is meant when none is given: half the work of level 1, and a fifth more bytes.
pub const LEVEL_DEFAULT: i32 = -3;

/// The most bytes of a frame: a full batch that does not compress, and its table.
const FRAME_BYTES_MAX: u64 = 36 << 20;
/// The entries of a block never belong to two tiles, so an entry bundle is made of whole blocks.
const BLOCK_ENTRIES_MAX: u64 = crate::ledger::tile::TILE_WIDTH;
/// A block takes no further entry once its payloads have this many bytes: what reading one entry costs.
const BLOCK_PAYLOAD_BYTES: usize = 256 << 10;
/// How far apart, at least, the frames are whose place is remembered.
const SAMPLE_BYTES: u64 = 64 << 10;

/// What may be chosen about a journal; none of it changes how it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    /// A segment that has grown to this many bytes is sealed.
    pub segment_bytes: u64,
    /// Which payloads may be lost of a journal that is opened.
    pub lost_payloads: LostPayloads,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            lost_payloads: LostPayloads::Confirmed,
        }
    }
}

/// Reads any bytes as a segment header, a frame and a seal, for a fuzz target: it must not panic, and what it reads
/// it must write again as the same bytes.
#[doc(hidden)]
pub fn fuzz_frame(bytes: &[u8]) {
    frame::fuzz(bytes);
    batch::fuzz(bytes);
    seal::fuzz(bytes);
}
