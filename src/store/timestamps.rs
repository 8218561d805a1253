//! Time stamps in the data directory: `timestamps/<tree size>/`, each with the checkpoint that was stamped and the
//! answers of authorities, `1.tsr`, `2.tsr` and so on, as they came.
//!
//! Nothing here is needed to run the ledger, and nothing refers to it: a file appears whole and durable or not at all,
//! and is never replaced. Several programs may add to it at a time.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use super::{
    disk::{Disk as _, FsDisk},
    durable::{DiskError, During as _, make_directory},
};
use crate::ledger::{
    checkpoint::SignedCheckpoint,
    note::NOTE_BYTES_MAX,
    position::{TreeSize, count, decimal},
    timestamp::{StampedCheckpoint, TIMESTAMP_BYTES_MAX},
};

#[cfg(test)]
mod tests;

/// The directory in the data directory, and in a pack.
pub const TIMESTAMPS: &str = "timestamps";
/// The stamped checkpoint beside the answers.
const CHECKPOINT: &str = "checkpoint";
/// The end of an answer's name.
const ANSWER: &str = ".tsr";
/// The most answers to one checkpoint.
pub const ANSWERS_MAX: u32 = 64;

/// The time stamps of one ledger.
#[derive(Debug, Clone)]
pub struct Timestamps {
    path: PathBuf,
}

/// Why time stamps can't be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum TimestampsError {
    /// The system failed an operation.
    #[error("could not {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A checkpoint that can't be read.
    #[error("{} is not a checkpoint of {size} entries; move it away", .path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What its directory says.
        size: TreeSize,
    },
    /// Enough is enough.
    #[error("{} has {ANSWERS_MAX} time stamps already", .0.display())]
    Full(PathBuf),
    /// Another checkpoint of this size.
    #[error("{} is another checkpoint of the same size: history was rewritten, or this is another ledger's directory", .0.display())]
    OtherCheckpoint(PathBuf),
}

impl Timestamps {
    /// Those of a data directory, whether or not there are any yet.
    pub fn of(data_directory: &Path) -> Self {
        Self {
            path: data_directory.join(TIMESTAMPS),
        }
    }

    /// Keeps a checkpoint that is about to be stamped.
    ///
    /// # Errors
    /// When the disk fails, or another checkpoint of this size is there.
    pub fn keep_checkpoint(&self, signed: &SignedCheckpoint) -> Result<PathBuf, TimestampsError> {
        let directory = self.directory(signed.checkpoint().size);
        // Also where it is there: whoever made it may have been stopped before its name was durable.
        make_directory(&FsDisk, &directory)?;
        let path = directory.join(CHECKPOINT);
        if put(&directory, CHECKPOINT, signed.note().to_string().as_bytes())? {
            return Ok(directory);
        }
        let found = read_checkpoint(&path, signed.checkpoint().size)?;
        if found.note().text() == signed.note().text() {
            Ok(directory)
        } else {
            Err(TimestampsError::OtherCheckpoint(path))
        }
    }

    /// Keeps an authority's answer beside its checkpoint, durably, and says where. One that is there already is not
    /// kept again.
    ///
    /// # Errors
    /// When the disk fails, or there are too many.
    pub fn add(
        &self,
        signed: &SignedCheckpoint,
        answer: &[u8],
    ) -> Result<PathBuf, TimestampsError> {
        let directory = self.keep_checkpoint(signed)?;
        for number in 1..=ANSWERS_MAX {
            let name = format!("{number}{ANSWER}");
            let path = directory.join(&name);
            if put(&directory, &name, answer)? || fs::read(&path).during("read", &path)? == answer {
                return Ok(path);
            }
        }
        Err(TimestampsError::Full(directory))
    }

    /// All that are there, by tree size. A checkpoint without an answer is among them.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn list(&self) -> Result<Vec<StampedCheckpoint>, TimestampsError> {
        let mut sizes: Vec<u64> = names(&self.path)?
            .iter()
            .filter_map(|name| decimal(name))
            .collect();
        sizes.sort_unstable();
        sizes
            .into_iter()
            .filter_map(|size| self.at(TreeSize::new(size)).transpose())
            .collect()
    }

    /// The one of this size.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn at(&self, size: TreeSize) -> Result<Option<StampedCheckpoint>, TimestampsError> {
        let directory = self.directory(size);
        let path = directory.join(CHECKPOINT);
        // Interrupted while it was made.
        if !path.exists() {
            return Ok(None);
        }
        let checkpoint = read_checkpoint(&path, size)?;
        let mut answers = Vec::new();
        for name in names(&directory)? {
            let plain = name.strip_suffix(ANSWER).and_then(decimal);
            if let Some(number) = plain.and_then(|number| u32::try_from(number).ok()) {
                let path = directory.join(&name);
                answers.push((number, read(&path, TIMESTAMP_BYTES_MAX)?));
            }
        }
        answers.sort_unstable();
        Ok(Some(StampedCheckpoint {
            checkpoint,
            answers,
        }))
    }

    fn directory(&self, size: TreeSize) -> PathBuf {
        self.path.join(size.to_string())
    }
}

fn names(directory: &Path) -> Result<Vec<String>, TimestampsError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DiskError::new("list", directory, error).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.during("list", directory)?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

fn read_checkpoint(path: &Path, size: TreeSize) -> Result<SignedCheckpoint, TimestampsError> {
    let bytes = read(path, NOTE_BYTES_MAX)?;
    SignedCheckpoint::parse(&bytes)
        .ok()
        .filter(|signed| signed.checkpoint().size == size)
        .ok_or_else(|| TimestampsError::NotACheckpoint {
            path: path.to_owned(),
            size,
        })
}

/// Reads a file, and one byte more than it may have where it has more: enough for a reader to refuse it.
fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, TimestampsError> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).during("open", path)?;
    file.take(count(bytes_max).saturating_add(1))
        .read_to_end(&mut bytes)
        .during("read", path)?;
    Ok(bytes)
}

/// Makes a file with this content, durable and whole, unless there is one of this name.
fn put(directory: &Path, name: &str, content: &[u8]) -> Result<bool, TimestampsError> {
    let path = directory.join(name);
    if path.exists() {
        // It is kept already, as soon as it is durable: another program may have made it just now.
        return sync(directory).map(|()| false);
    }
    let mut file =
        tempfile::NamedTempFile::new_in(directory).during("make a file in", directory)?;
    file.write_all(content).during("write", file.path())?;
    file.as_file().sync_all().during("sync", file.path())?;
    match file.persist_noclobber(&path) {
        Ok(_) => sync(directory).map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            sync(directory).map(|()| false)
        }
        Err(error) => Err(DiskError::new("make", &path, error.error).into()),
    }
}

fn sync(directory: &Path) -> Result<(), TimestampsError> {
    Ok(FsDisk.sync_directory(directory).during("sync", directory)?)
}

impl From<DiskError> for TimestampsError {
    fn from(error: DiskError) -> Self {
        Self::Io {
            action: error.action,
            path: error.path,
            source: error.source,
        }
    }
}
