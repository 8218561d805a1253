//! The seal that ends a segment, and the samples it keeps: where some frames begin.
//!
//! A frame is found by the sample before it and a walk over headers of at most [`SAMPLE_BYTES`]. So the table is
//! bounded by the bytes of a segment, however few entries a batch has.

use std::sync::Arc;

use crate::ledger::position::{EntryIndex, count};

use super::{
    SAMPLE_BYTES,
    checksum::{Checksum, Fields},
    frame::{FRAME_HEADER_BYTES, FRAME_HEADER_LENGTH, FrameHeader, FrameKind, Mark, Position},
};

/// Bytes of a seal's table without samples.
const FIXED_BYTES: usize = 16;
/// Bytes of a sample in the table.
const SAMPLE_ENTRY_BYTES: usize = 16;
/// Bytes at the end of a segment that say how long the seal's frame is.
pub(super) const SEAL_LENGTH_BYTES: u64 = 4;

/// Where the frame that begins with an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) index: EntryIndex,
    pub(super) offset: u64,
}

/// Some frames of a segment, at least [`SAMPLE_BYTES`] apart, the first among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Samples(Arc<Vec<Sample>>);

/// What a seal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seal {
    /// Where the segment's last batch begins.
    pub(super) last_batch: u64,
    pub(super) samples: Samples,
}

impl Samples {
    /// Remembers a frame, unless one close before it is remembered already.
    pub(super) fn note(&mut self, index: EntryIndex, offset: u64) {
        let due = self
            .0
            .last()
            .is_none_or(|last| offset.saturating_sub(last.offset) >= SAMPLE_BYTES);
        if due {
            Arc::make_mut(&mut self.0).push(Sample { index, offset });
        }
    }

    /// The last sample that is not behind the entry.
    pub(super) fn before(&self, index: EntryIndex) -> Option<Sample> {
        let behind = self.0.partition_point(|sample| sample.index <= index);
        self.0.get(behind.checked_sub(1)?).copied()
    }
}

impl Seal {
    /// The whole frame of the seal at this place, with its header's checksum.
    pub(super) fn frame(&self, mark: Mark, position: Position) -> (Vec<u8>, Checksum) {
        let table = self.encode();
        let table_length = u32::try_from(table.len()).unwrap_or(u32::MAX);
        let header = FrameHeader {
            mark,
            kind: FrameKind::Seal,
            position,
            count: 0,
            body_length: table_length,
            table_length,
            table: Checksum::of(&table),
        };
        let (bytes, checksum) = header.encode();
        let mut frame = bytes.to_vec();
        frame.extend_from_slice(&table);
        (frame, checksum)
    }

    fn encode(&self) -> Vec<u8> {
        let samples = &self.samples.0;
        let mut table = Vec::with_capacity(Self::table_bytes(samples.len()));
        table.extend_from_slice(&self.last_batch.to_le_bytes());
        let samples_length = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        table.extend_from_slice(&samples_length.to_le_bytes());
        for sample in samples.iter() {
            table.extend_from_slice(&sample.index.value().to_le_bytes());
            table.extend_from_slice(&sample.offset.to_le_bytes());
        }
        let frame_length = Self::table_bytes(samples.len()).saturating_add(FRAME_HEADER_BYTES);
        let frame_length = u32::try_from(frame_length).unwrap_or(u32::MAX);
        table.extend_from_slice(&frame_length.to_le_bytes());
        table
    }

    fn table_bytes(samples: usize) -> usize {
        samples
            .saturating_mul(SAMPLE_ENTRY_BYTES)
            .saturating_add(FIXED_BYTES)
    }

    /// Reads the body of a seal's frame; `None` unless these are the bytes that this seal has.
    pub(super) fn decode(table: &[u8]) -> Option<Self> {
        let mut fields = Fields::of(table);
        let last_batch = fields.u64()?;
        let samples_length = usize::try_from(fields.u32()?).ok()?;
        if Self::table_bytes(samples_length) != table.len() {
            return None;
        }
        let mut samples = Vec::with_capacity(samples_length);
        for _ in 0..samples_length {
            samples.push(Sample {
                index: EntryIndex::new(fields.u64()?),
                offset: fields.u64()?,
            });
        }
        let ascending = samples.is_sorted_by(|before, after| {
            before.index < after.index && before.offset < after.offset
        });
        let frame_length = count(table.len()).checked_add(FRAME_HEADER_LENGTH)?;
        (ascending && u64::from(fields.u32()?) == frame_length).then(|| Self {
            last_batch,
            samples: Samples(Arc::new(samples)),
        })
    }
}

/// The seal's part of [`super::fuzz_frame`].
pub(super) fn fuzz(bytes: &[u8]) {
    if let Some(seal) = Seal::decode(bytes) {
        assert_eq!(seal.encode(), bytes, "a seal has one encoding");
    }
}
