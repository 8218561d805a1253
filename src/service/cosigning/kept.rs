//! The last checkpoint under which the policy was met, as the data directory keeps it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::task::JoinHandle;

use crate::{
    ledger::note::NOTE_BYTES_MAX,
    store::{
        directory::WITNESSED_FILE,
        disk::Disk,
        durable::{DiskError, read_file, replace_file},
    },
};

/// Why a checkpoint is not known to be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A defect, or the runtime is being shut down.
    #[error("the thread that was to write it ended without a word: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Where the checkpoint is kept. One task writes.
pub(super) struct Kept {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
}

impl Kept {
    pub(super) fn new(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self {
            disk,
            directory: directory.to_owned(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(WITNESSED_FILE)
    }

    /// What was kept last; nothing where nothing was, or it can't be read, which is logged.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        let path = self.path();
        read_file(self.disk.as_ref(), &path, NOTE_BYTES_MAX).unwrap_or_else(|error| {
            tracing::error!(path = %path.display(), %error, "the witnessed checkpoint can't be read; it is not used");
            None
        })
    }

    /// Keeps a checkpoint durably. An error means that the file holds this one or the one before.
    pub(super) async fn keep(&self, note: String) -> Result<(), NotKept> {
        let (disk, directory) = (Arc::clone(&self.disk), self.directory.clone());
        let keeping = tokio::task::spawn_blocking(move || {
            replace_file(disk.as_ref(), &directory, WITNESSED_FILE, note.as_bytes())
        });
        outcome(keeping).await
    }
}

/// What keeping came to: a task that panicked kept nothing.
pub(super) async fn outcome(keeping: JoinHandle<Result<(), DiskError>>) -> Result<(), NotKept> {
    Ok(keeping.await??)
}
