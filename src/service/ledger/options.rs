//! What may be chosen about a running ledger; none of it changes what is recorded.

use std::{fmt, sync::Arc};

use crate::{
    ledger::position::UnixNanos,
    store::journal::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, JournalOptions, LEVEL_DEFAULT},
};

/// Tells the time. The ledger's own clock never goes back, whatever this says.
pub type Clock = Arc<dyn Fn() -> UnixNanos + Send + Sync>;

/// What may be chosen about a running ledger.
#[derive(Clone)]
pub struct LedgerOptions {
    /// The most bytes of events that are queued or being written. It bounds their number too: each event counts
    /// with what is stored of it and half a kilobyte. A quarter is kept for those who don't wait for room.
    pub queue_bytes_max: usize,
    /// The most events of a batch.
    pub batch_events_max: usize,
    /// The most bytes of events in a batch.
    pub batch_bytes_max: usize,
    /// How hard to compress: zstd's level.
    pub compression_level: i32,
    /// About the journal.
    pub journal: JournalOptions,
    /// The wall clock.
    pub clock: Clock,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            queue_bytes_max: 64 << 20,
            batch_events_max: 1024,
            batch_bytes_max: 4 << 20,
            compression_level: LEVEL_DEFAULT,
            journal: JournalOptions::default(),
            clock: Arc::new(UnixNanos::now),
        }
    }
}

impl LedgerOptions {
    /// Brings the limits within what the journal takes and what makes sense.
    pub(super) fn within_limits(mut self) -> Self {
        self.batch_events_max = self.batch_events_max.clamp(1, BATCH_ENTRIES_MAX);
        self.batch_bytes_max = self.batch_bytes_max.clamp(1, BATCH_BYTES_MAX / 2);
        self.queue_bytes_max = self
            .queue_bytes_max
            .clamp(1, tokio::sync::Semaphore::MAX_PERMITS.min(1 << 31));
        self
    }
}

impl fmt::Debug for LedgerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerOptions")
            .field("queue_bytes_max", &self.queue_bytes_max)
            .field("batch_events_max", &self.batch_events_max)
            .field("batch_bytes_max", &self.batch_bytes_max)
            .field("compression_level", &self.compression_level)
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
