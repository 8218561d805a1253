//! Why a ledger stopped taking events.

use std::sync::OnceLock;

use super::queue::Room;

/// Why a running ledger takes no events any more. What is committed can still be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// A write or sync of the journal failed, so what is on disk is not known.
    #[error("the journal could not be written ({0}); restart to recover from what is on disk")]
    Journal(String),
    /// The index failed, so it can't be told any more which events were recorded before.
    #[error("the index failed ({0}); restart to rebuild it from the journal")]
    Index(String),
    /// What is committed could not be read, so it can't be told which events were recorded before.
    #[error("the journal could not be read ({0}); check it with `exhibit verify` and restart")]
    Reading(String),
    /// A thread of the ledger panicked: a defect of the program.
    #[error("the {0} failed by a defect of this program; restart, and report it")]
    Defect(&'static str),
}

/// Whether the ledger takes events, and why not.
#[derive(Default)]
pub(super) struct Stop {
    reason: OnceLock<StopReason>,
}

impl Stop {
    /// The first reason, which is the one that counts.
    pub(super) fn reason(&self) -> Option<&StopReason> {
        self.reason.get()
    }

    /// Stops for good. Whoever waits for room in the queue is sent away.
    pub(super) fn stop(&self, reason: StopReason, room: &Room) {
        tracing::error!(%reason, "the ledger stops taking events");
        // A later reason is a consequence of the first.
        let _ = self.reason.set(reason);
        room.close();
    }
}
