//! Reading a pack's files: from a zip, from the directory it was unpacked to, or from wherever else.
//!
//! Whatever the pack says, a read never leaves it, never follows a link, and never takes more memory than the caller
//! allows for that file.

mod folder;
mod inflate;
mod runs;
mod zip;

use std::io::{self, Read};

pub use folder::FolderFiles;
pub use inflate::{Run, Seal};
pub use runs::Runs;
pub use zip::ZipFiles;

use crate::ledger::{entry::ENTRY_BYTES_MAX, payload};

/// The most bytes of a checkpoint.
pub const CHECKPOINT_BYTES_MAX: u64 = 1 << 20;
/// The most bytes of `manifest.json`.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// The most bytes of the other small files.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;
/// The most bytes of a hash tile.
pub const TILE_BYTES_MAX: u64 = 256 * 32;
/// The most bytes of an entry bundle.
pub const ENTRY_BUNDLE_BYTES_MAX: u64 = wide(256 * (ENTRY_BYTES_MAX + 2));
/// The most bytes of a payload bundle: each payload's content, and what stands around its parts.
pub const PAYLOAD_BUNDLE_BYTES_MAX: u64 = wide(
    256 * (8
        + payload::PAYLOAD_BYTES_MAX
        + payload::PARTS_MAX * (4 + 32 + 3 * 8 + 2 * payload::PART_NAME_BYTES_MAX)),
);

#[allow(
    clippy::as_conversions,
    reason = "no other conversion is const; lengths fit 64 bits"
)]
const fn wide(bytes: usize) -> u64 {
    bytes as u64
}

/// Why a file of a pack could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("it is not there")]
    Missing,
    /// It is longer than a file of this kind can be.
    #[error("it has {length} bytes, over the limit of {limit}")]
    TooLong {
        /// Its length.
        length: u64,
        /// The most it may have.
        limit: u64,
    },
    /// The container around it is damaged.
    #[error("{0}")]
    Damaged(String),
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The files of a pack.
pub trait PackFiles: Sync {
    /// Every path there is, in any order.
    fn paths(&self) -> Vec<String>;

    /// How long a file says it is; `None` when it is not there.
    fn length(&self, path: &str) -> Option<u64>;

    /// Reads a whole file.
    ///
    /// # Errors
    /// When it is missing, damaged or over the limit.
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, FileError>;

    /// Reads a whole file into a buffer, whose content is lost.
    ///
    /// # Errors
    /// As [`PackFiles::read`].
    fn read_into(&self, path: &str, limit: u64, content: &mut Vec<u8>) -> Result<(), FileError> {
        *content = self.read(path, limit)?;
        Ok(())
    }

    /// The bytes of a deflated file as the container keeps them, where there is a container and it can be read: a
    /// quick way to see that two files are the same.
    fn deflated(&self, path: &str, limit: u64) -> Option<Vec<u8>> {
        let _ = (path, limit);
        None
    }

    /// Reads a large file piece by piece. Damage shows as an error of the kind `InvalidData`.
    ///
    /// # Errors
    /// When it is missing.
    fn stream(&self, path: &str) -> Result<Box<dyn Read + Send + '_>, FileError>;

    /// The runs that a large file was deflated in; `None` where it is kept otherwise.
    fn runs(&self, path: &str) -> Option<Runs<'_>> {
        let _ = path;
        None
    }

    /// BLAKE3 of the container's bytes before this file; `None` where there is no container.
    ///
    /// # Errors
    /// When the container can't be read.
    fn digest_before(&self, path: &str) -> Result<Option<blake3::Hash>, FileError>;

    /// Whether there are only checkpoint, tiles and entries: no payloads, no manifest, no listings.
    fn is_bare_log(&self) -> bool {
        false
    }
}

/// Fills the buffer from a place of a file, whatever other threads read meanwhile.
pub(super) fn read_exact_at(
    file: &std::fs::File,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
    #[cfg(windows)]
    {
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            let read = std::os::windows::fs::FileExt::seek_read(file, rest, at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            rest = rest.get_mut(read..).unwrap_or_default();
            at = at.saturating_add(crate::ledger::position::count(read));
        }
        Ok(())
    }
}
