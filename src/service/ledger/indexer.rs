//! The indexer: applies committed batches to the index, in order, and publishes the checkpoint file.
//!
//! Both are derived and never hold up an answer. When the index fails, the ledger stops taking events: it could not
//! tell any more which ones it has. What is committed stays so, reading the journal goes on, and the next start
//! rebuilds the index, by the same code that every start runs.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use super::{Shared, sealed::Sealed, stop::StopReason};
use crate::store::{disk::Disk, journal::publish_checkpoint};

/// How long a new checkpoint may wait for its file.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// The indexer's thread.
pub(super) struct Indexer {
    pub(super) shared: Arc<Shared>,
    pub(super) batches: Receiver<Arc<Sealed>>,
    pub(super) disk: Arc<dyn Disk>,
    /// The data directory, where the checkpoint file stands.
    pub(super) directory: PathBuf,
}

impl Indexer {
    /// Works until the committer is gone, then makes what it did durable.
    pub(super) fn run(self) {
        let mut failed = false;
        // When the file's turn is; none while it is up to date.
        let mut due: Option<Instant> = None;
        loop {
            match self.next(due) {
                Ok(sealed) => {
                    failed = failed || !self.apply(&sealed);
                    due = due.or_else(|| Instant::now().checked_add(PUBLISH_EVERY));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.publish_checkpoint();
                    due = None;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if due.is_some() {
            self.publish_checkpoint();
        }
        self.leave_index();
    }

    /// Leaves the index so that the next start can use it, or finds nothing there and rebuilds it.
    fn leave_index(&self) {
        let index = &self.shared.index;
        let left = match self.shared.stop.reason() {
            Some(StopReason::Index(_)) => index.reset(),
            _ => index.flush(),
        };
        if let Err(error) = left {
            tracing::warn!(%error, "the index could not be brought to its end");
        }
    }

    fn next(&self, due: Option<Instant>) -> Result<Arc<Sealed>, RecvTimeoutError> {
        match due {
            None => self
                .batches
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Some(due) => match due.checked_duration_since(Instant::now()) {
                Some(left) => self.batches.recv_timeout(left),
                None => Err(RecvTimeoutError::Timeout),
            },
        }
    }

    /// Applies a batch; `false` when the index failed, and is then left alone.
    fn apply(&self, sealed: &Sealed) -> bool {
        let batch = &sealed.batch;
        let entries: Vec<&[u8]> = batch.entries.iter().map(Vec::as_slice).collect();
        match self
            .shared
            .index
            .apply(batch.first, &entries, &batch.leaves)
        {
            Ok(()) => {
                self.shared.indexed.reach(sealed.size().value());
                true
            }
            Err(error) => {
                self.shared.stop(StopReason::Index(error.to_string()));
                self.shared.indexed.end();
                false
            }
        }
    }

    fn publish_checkpoint(&self) {
        let checkpoint = self.shared.checkpoint();
        let published = publish_checkpoint(self.disk.as_ref(), &self.directory, &checkpoint);
        if let Err(error) = published {
            tracing::warn!(%error, "the checkpoint file could not be written; it lags behind");
        }
    }
}
