//! The committer: writes each round's batch, and only then lets the answers go.
//!
//! It owns the journal. [`Journal::append`] is the commit point: one write, one sync. Once that failed, nothing is
//! written any more; the answers of that round and all after it are "not known to be stored", except what concerns
//! entries that were durable before.

use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender},
};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    Shared,
    answer::{Answer, Decision},
    sealed::Sealed,
    stop::StopReason,
};
use crate::{
    ledger::position::TreeSize,
    store::journal::{EncodedBatch, Journal},
};

/// What the sequencer made of what had queued up.
pub(super) struct Round {
    /// Counted from 1.
    pub(super) number: u64,
    /// What is to be written; `None` where nothing was new.
    pub(super) batch: Option<(Arc<Sealed>, EncodedBatch)>,
    pub(super) replies: Vec<Reply>,
}

/// Decisions that wait for the disk.
pub(super) struct Reply {
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) room: OwnedSemaphorePermit,
    pub(super) decisions: Vec<Decision>,
}

/// The committer's thread.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    pub(super) rounds: Receiver<Round>,
    pub(super) batches: SyncSender<Arc<Sealed>>,
    /// Entries below are durable.
    pub(super) durable: TreeSize,
    pub(super) failed: bool,
}

impl Committer {
    /// Works until the sequencer is gone; gives the journal, and with it the lock, back last.
    pub(super) fn run(mut self) {
        while let Ok(round) = self.rounds.recv() {
            let sealed = round.batch.map(|(sealed, encoded)| {
                self.commit(&sealed, encoded);
                sealed
            });
            self.shared.rounds_done.reach(round.number);
            for reply in round.replies {
                // Whoever gave up waiting hears nothing.
                let _ = reply.answer.send(Answer {
                    batch: sealed.clone(),
                    durable: self.durable,
                    decisions: reply.decisions,
                });
                drop(reply.room);
            }
            if let Some(sealed) = sealed.filter(|_| !self.failed) {
                // The indexer is gone only after it has stopped the ledger; what is committed stays committed.
                let _ = self.batches.send(sealed);
            }
        }
    }

    fn commit(&mut self, sealed: &Sealed, encoded: EncodedBatch) {
        if self.failed {
            return;
        }
        match self.journal.append(encoded) {
            Ok(()) => {
                self.durable = sealed.size();
                self.shared.publish(sealed);
            }
            Err(error) => {
                self.failed = true;
                self.shared.stop(StopReason::Journal(error.to_string()));
            }
        }
    }
}
