//! Verifying offline: a pack, a data directory, a receipt, with no trust in whoever made it.

mod batch;
mod bundle;
mod checkpoint;
mod directory;
mod duplicates;
mod kept;
mod layout;
mod listing;
mod manifest;
mod ordered;
mod outcome;
mod pack;
mod receipt;
mod timestamps;
mod tree;

use std::path::{Path, PathBuf};

use super::report::Report;
use crate::ledger::{
    checkpoint::SignedCheckpoint, note::VerifierKey, receipt::Receipt, timestamp::TimestampRoots,
};

/// What to compare with, and what to leave out.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Checkpoints of this ledger that were kept elsewhere: its history must continue each of them.
    pub trusted: Vec<SignedCheckpoint>,
    /// Receipts of this ledger that were kept elsewhere: each entry must stand where its receipt says.
    pub receipts: Vec<Receipt>,
    /// Root certificates of time stamping authorities that are trusted. Without them the report says that time stamps
    /// were there, and not who made them.
    pub timestamp_roots: Option<TimestampRoots>,
    /// Where to put temporary files; the system's directory where none is given.
    pub temporary: Option<PathBuf>,
}

/// Why nothing could be checked. What is wrong with what was checked is a finding, not one of these.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file could not be read.
    #[error("{path} can't be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The path is neither a pack nor an unpacked one.
    #[error("{0} is not an audit pack; name the .zip file, or the directory it was unpacked to")]
    NotAPack(PathBuf),
    /// The path is not a data directory.
    #[error("{0} is not a data directory of a ledger; name the directory that holds `journal`")]
    NotADataDirectory(PathBuf),
    /// A checkpoint or receipt that was given to compare with is not one of this ledger.
    #[error("what was kept to compare with can't be used: {0}")]
    Evidence(String),
    /// Temporary files could not be used.
    #[error("temporary files for finding repeated events can't be used: {0}")]
    Temporary(std::io::Error),
}

/// Verifies an audit pack, zipped or unpacked. `progress` hears of entries done and in all.
///
/// # Errors
/// When nothing could be checked.
pub fn verify_pack(
    path: &Path,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, VerifyError> {
    pack::verify(path, key, options, progress)
}

/// Verifies the data directory of a ledger, running or not. `progress` hears of entries done and in all.
///
/// # Errors
/// When nothing could be checked.
pub fn verify_data_directory(
    path: &Path,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, VerifyError> {
    directory::verify(path, key, options, progress)
}

/// Verifies one receipt. A receipt that proves nothing gives a report that says so.
///
/// # Errors
/// None as yet: whatever the bytes are, the report says what is wrong with them.
pub fn verify_receipt(bytes: &[u8], key: &VerifierKey) -> Result<Report, VerifyError> {
    Ok(receipt::verify(bytes, key))
}
