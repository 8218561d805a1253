//! What the ledger answers to a posted event, and when it may.
//!
//! The sequencer decides, the committer lets the decision go once it knows what is durable, and whoever waits makes
//! the answer of it: proofs are computed there, on as many cores as there are waiters, not on the one writer. A
//! decision about an entry that did not become durable is never told.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{sealed::Sealed, stop::StopReason};
use crate::ledger::{
    hash::LeafHash,
    position::{EntryIndex, TreeSize, UnixNanos, count},
    receipt::Receipt,
};

/// Where an event stands in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The entry's index.
    pub index: EntryIndex,
    /// The ledger's clock when it took the event.
    pub recorded_at: UnixNanos,
    /// The entry's leaf hash.
    pub leaf_hash: LeafHash,
    /// The size of the first checkpoint that covers the entry.
    pub tree_size: TreeSize,
    /// Whether the event had been recorded before, and this is the first answer again.
    pub duplicate: bool,
    /// The first receipt, where it was asked for.
    pub receipt: Option<Receipt>,
}

/// Why an event was not recorded, or is not known to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// There is no room in the queue, and the caller did not want to wait for it.
    #[error("the queue is full; send the event again in {} ms", retry_after.as_millis())]
    QueueFull {
        /// When there may be room.
        retry_after: Duration,
    },
    /// The source used this event id before, for other content.
    #[error(
        "this event id was used for other content in entry {index}; give the new event an id of its own"
    )]
    AlreadyExists {
        /// The entry that has the id.
        index: EntryIndex,
    },
    /// The disk failed under it, or under what came before it: it may be stored or not.
    #[error("the event is not known to be stored; send it again with the same id")]
    NotKnownToBeStored,
    /// The ledger does not take events any more. This one is not stored.
    #[error("the ledger has stopped taking events: {0}")]
    Stopped(StopReason),
    /// The ledger is being shut down. This event is not stored.
    #[error("the ledger is shutting down; send the event again when it is back")]
    ShuttingDown,
}

/// What the sequencer decided about one event.
pub(super) enum Decision {
    /// It is in the batch of its own round.
    Here {
        place: usize,
        duplicate: bool,
        want_receipt: bool,
    },
    /// It is in an earlier batch that was not in the index yet.
    Earlier {
        batch: Arc<Sealed>,
        place: usize,
        want_receipt: bool,
    },
    /// It had been recorded, and was read back.
    Stored(Box<Recorded>),
    /// Its id was used for other content.
    Taken(EntryIndex),
    /// It was not looked at.
    Refused(AppendError),
}

/// The decisions about one piece of events, let go by the committer.
pub(super) struct Answer {
    /// The batch of the round.
    pub(super) batch: Option<Arc<Sealed>>,
    /// Entries below are durable: nothing may be said of others.
    pub(super) durable: TreeSize,
    pub(super) decisions: Vec<Decision>,
}

impl Answer {
    /// The answers, in the order of the events.
    fn results(self) -> impl Iterator<Item = Result<Recorded, AppendError>> {
        let Self {
            batch,
            durable,
            decisions,
        } = self;
        decisions
            .into_iter()
            .map(move |decision| decision.result(batch.as_deref(), durable))
    }
}

impl Decision {
    fn result(self, own: Option<&Sealed>, durable: TreeSize) -> Result<Recorded, AppendError> {
        let from = |batch: Option<&Sealed>, place, duplicate, want_receipt| {
            batch
                .filter(|batch| durable.contains(batch.index_of(place)))
                .and_then(|batch| batch.recorded(place, duplicate, want_receipt))
                .ok_or(AppendError::NotKnownToBeStored)
        };
        match self {
            Self::Here {
                place,
                duplicate,
                want_receipt,
            } => from(own, place, duplicate, want_receipt),
            Self::Earlier {
                batch,
                place,
                want_receipt,
            } => from(Some(&batch), place, true, want_receipt),
            Self::Stored(recorded) => Ok(*recorded),
            Self::Taken(index) if durable.contains(index) => {
                Err(AppendError::AlreadyExists { index })
            }
            Self::Taken(_) => Err(AppendError::NotKnownToBeStored),
            Self::Refused(error) => Err(error),
        }
    }
}

/// Events that are in the queue or beyond, and whose answers are awaited. Dropping it does not take them back.
#[must_use = "without its answers nobody knows whether the events are stored"]
pub struct Pending {
    pieces: Vec<Piece>,
}

/// Some of the events, which are answered together.
pub(super) struct Piece {
    pub(super) events: usize,
    pub(super) answer: Result<oneshot::Receiver<Answer>, AppendError>,
}

impl Pending {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// How many events await their answer.
    pub fn events(&self) -> u64 {
        count(self.pieces.iter().map(|piece| piece.events).sum())
    }

    /// Waits until every event is durable or refused, and gives the answers in the order of the events.
    pub async fn answers(self) -> Vec<Result<Recorded, AppendError>> {
        let mut all = Vec::with_capacity(self.pieces.iter().map(|piece| piece.events).sum());
        for piece in self.pieces {
            match piece.answer {
                Err(error) => all.extend(std::iter::repeat_n(Err(error), piece.events)),
                Ok(answer) => match answer.await {
                    Ok(answer) => all.extend(answer.results()),
                    // The thread that had the events ended without a word: they may have reached the disk.
                    Err(_) => all.extend(std::iter::repeat_n(
                        Err(AppendError::NotKnownToBeStored),
                        piece.events,
                    )),
                },
            }
        }
        all
    }
}
