//! Verifying offline: a pack, a data directory, a receipt, with no trust in whoever made it.

mod against;
mod batch;
mod bundle;
mod checkpoint;
mod directory;
mod duplicates;
mod evidence;
mod kept;
mod keys;
mod layout;
mod listing;
mod manifest;
mod ordered;
mod outcome;
mod pack;
mod page;
mod published;
mod receipt;
mod timestamps;
mod tree;
mod witnesses;

pub use against::verify_receipt_against;
pub use receipt::LATER;
pub use witnesses::{WitnessSeen, judge_witnesses};

use std::path::{Path, PathBuf};

use super::{
    read::PackFiles,
    report::{IndexRange, Report},
};
use crate::{
    ledger::{
        checkpoint::{Checkpoint, SignedCheckpoint},
        hash::LeafHash,
        keys::Keyring,
        note::VerifierKey,
        receipt::Receipt,
        timestamp::TimestampRoots,
    },
    store::directory::DirectoryError,
};

/// What to compare with, and what to leave out.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Checkpoints of this ledger that were kept elsewhere: its history must continue each of them.
    pub trusted: Vec<SignedCheckpoint>,
    /// Receipts of this ledger that were kept elsewhere: each entry must stand where its receipt says.
    pub receipts: Vec<Receipt>,
    /// The files of these checkpoints, in the same order, for an error to name; empty where they come from none.
    pub trusted_files: Vec<PathBuf>,
    /// The files of these receipts, likewise.
    pub receipt_files: Vec<PathBuf>,
    /// What this verifier remembers of the ledger from an earlier verification.
    pub remembered: Option<Remembered>,
    /// Which entries must be there; a pack that has fewer is incomplete. Without it, any range will do.
    pub expected: Option<Expected>,
    /// Root certificates of time stamping authorities that are trusted. Without them the report says that time stamps
    /// were there, and not who made them.
    pub timestamp_roots: Option<TimestampRoots>,
    /// Where to put temporary files; the system's directory where none is given.
    pub temporary: Option<PathBuf>,
}

/// What a verifier remembers of a ledger. It comes from the verifier's own store, so nobody's signature is asked for
/// again: a ledger whose key has changed must still continue it.
#[derive(Debug, Clone)]
pub struct Remembered {
    /// The largest checkpoint that was accepted.
    pub checkpoint: Checkpoint,
    /// The leaf of the first entry, where that was seen.
    pub first_leaf: Option<LeafHash>,
}

/// Which entries must be there.
///
/// Nobody signs how much of a ledger a pack was made to hold: whoever passes a pack on can trim it to fewer bundles, and
/// what is left verifies for what it is. Only who verifies knows what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// All that the checkpoint covers.
    All,
    /// At least these.
    Range(IndexRange),
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
    /// The data directory is of a layout that this program does not know.
    #[error(transparent)]
    OtherLayout(DirectoryError),
    /// A checkpoint or receipt that was given to compare with is not one of this ledger.
    #[error(
        "what was kept to compare with can't be used: {0}; leave it out, or see what a receipt says by itself: \
         exhibit verify RECEIPT --vkey VKEY"
    )]
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

/// Verifies a log that is read file by file from wherever it is; see [`PackFiles::is_bare_log`].
///
/// # Errors
/// When nothing could be checked.
pub fn verify_log(
    files: &dyn PackFiles,
    key: &VerifierKey,
    options: &VerifyOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Report, VerifyError> {
    pack::verify_files(files, Default::default(), key, options, progress)
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

/// Verifies one receipt with a key of its ledger and what that leads to by the history of keys in a data directory.
///
/// # Errors
/// When the history can't be read.
pub fn verify_receipt_of(
    bytes: &[u8],
    key: &VerifierKey,
    directory: &Path,
) -> Result<Report, VerifyError> {
    let keys = keys::Keys::of_directory(directory, key)?;
    Ok(receipt::verify(bytes, &keys.ring))
}

/// Verifies one receipt. A receipt that proves nothing gives a report that says so.
///
/// # Errors
/// None as yet: whatever the bytes are, the report says what is wrong with them.
pub fn verify_receipt(bytes: &[u8], key: &VerifierKey) -> Result<Report, VerifyError> {
    Ok(receipt::verify(bytes, &Keyring::alone(key)))
}
