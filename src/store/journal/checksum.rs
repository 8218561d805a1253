//! The checksum of the journal: the first 16 bytes of plain BLAKE3.

use std::fmt;

/// Bytes of a checksum.
pub(super) const CHECKSUM_BYTES: usize = 16;

/// Finds damage. It is not a proof of anything: whoever can write the file can write the checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum([u8; CHECKSUM_BYTES]);

impl Checksum {
    /// What stands before the first frame of a journal.
    pub(super) const NONE: Self = Self([0; CHECKSUM_BYTES]);

    pub(super) fn of(bytes: &[u8]) -> Self {
        let hash = blake3::hash(bytes);
        Self(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    pub(super) const fn from_bytes(bytes: [u8; CHECKSUM_BYTES]) -> Self {
        Self(bytes)
    }

    pub(super) const fn as_bytes(&self) -> &[u8; CHECKSUM_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Takes little-endian fields off the front of some bytes.
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn checksum(&mut self) -> Option<Checksum> {
        self.array().map(Checksum::from_bytes)
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.0
    }
}
