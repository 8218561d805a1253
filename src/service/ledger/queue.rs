//! The queue before the sequencer: bounded in bytes, in order, without a lock of its own.
//!
//! Room is taken before an event enters and given back when it is answered, so the limit covers events that are
//! being written too. One budget bounds bytes and events: each event counts with its content and a fixed share for
//! all else. Who wants to wait for room waits (a stream: that is its backpressure); who does not is sent away. A share
//! is kept for the latter, because streams that wait would take every bit of room as it comes free.

use std::{sync::Arc, time::Duration};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};

use super::{
    answer::{Answer, AppendError, Pending, Piece},
    stop::{Stop, StopReason},
};
use crate::ledger::event::Event;

/// What an event takes of the queue beside what will be stored of it: allocations, its place in flight, its answer.
const EVENT_BYTES: usize = 512;
/// The most events that are answered together.
const PIECE_EVENTS_MAX: usize = 256;
/// When to try again after the queue was full: some batches later.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// An event on its way into the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The event.
    pub event: Event,
    /// Whether the answer shall carry the receipt.
    pub want_receipt: bool,
}

/// Events that are answered together.
pub(super) struct Submission {
    pub(super) postings: Vec<Posting>,
    pub(super) bytes: usize,
    pub(super) answer: oneshot::Sender<Answer>,
    /// Given back when the answer is out.
    pub(super) room: OwnedSemaphorePermit,
}

/// What the sequencer takes from the queue.
pub(super) enum Message {
    Submission(Submission),
    /// Take what is queued, and then no more.
    Close,
}

/// Room in the queue, in bytes.
pub(super) struct Room {
    /// For those who wait.
    waiting: Share,
    /// For those who don't.
    passing: Share,
}

struct Share {
    room: Arc<Semaphore>,
    bytes: usize,
}

impl Room {
    /// Room for so many bytes: a quarter of it for those who don't wait.
    pub(super) fn new(bytes: usize) -> Self {
        let passing = bytes / 4;
        Self {
            waiting: Share::new(bytes.saturating_sub(passing)),
            passing: Share::new(passing),
        }
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.waiting.room.close();
        self.passing.room.close();
    }

    fn is_closed(&self) -> bool {
        self.passing.room.is_closed()
    }
}

impl Share {
    fn new(bytes: usize) -> Self {
        Self {
            room: Arc::new(Semaphore::new(bytes)),
            bytes,
        }
    }

    async fn wait_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, AcquireError> {
        let room = Arc::clone(&self.room);
        room.acquire_many_owned(self.permits(bytes)).await
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        Arc::clone(&self.room).try_acquire_many_owned(self.permits(bytes))
    }

    /// Events larger than the whole share take all of it.
    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.bytes)).unwrap_or(u32::MAX)
    }
}

/// The end of the queue that events enter.
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Message>,
    room: Arc<Room>,
    piece_bytes_max: usize,
}

impl Queue {
    /// A queue with this room, which hands over pieces of at most so many bytes.
    pub(super) fn new(
        room: Arc<Room>,
        piece_bytes_max: usize,
    ) -> (Self, mpsc::UnboundedReceiver<Message>) {
        let (messages, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            messages,
            room,
            piece_bytes_max,
        };
        (queue, receiver)
    }

    /// Puts one event into the queue if there is room.
    pub(super) fn try_post(&self, posting: Posting, stop: &Stop) -> Result<Pending, AppendError> {
        let bytes = bytes_of(&posting);
        match self.room.passing.take(bytes) {
            Ok(room) => Ok(Pending::new(vec![self.send(
                vec![posting],
                bytes,
                room,
                stop,
            )])),
            Err(TryAcquireError::NoPermits) => Err(AppendError::QueueFull {
                retry_after: RETRY_AFTER,
            }),
            Err(TryAcquireError::Closed) => Err(closed(stop)),
        }
    }

    /// Puts events into the queue, in order, waiting for room.
    pub(super) async fn post(&self, postings: Vec<Posting>, stop: &Stop) -> Pending {
        let mut pieces = Vec::with_capacity(1);
        for (postings, bytes) in into_pieces(postings, self.piece_bytes_max) {
            pieces.push(match self.room.waiting.wait_for(bytes).await {
                Ok(room) => self.send(postings, bytes, room, stop),
                Err(_) => Piece {
                    events: postings.len(),
                    answer: Err(closed(stop)),
                },
            });
        }
        Pending::new(pieces)
    }

    /// Lets nobody in any more; what is inside is still taken.
    pub(super) fn close(&self) {
        self.room.close();
        // The sequencer may have ended already, and then there is nothing to close.
        let _ = self.messages.send(Message::Close);
    }

    fn send(
        &self,
        postings: Vec<Posting>,
        bytes: usize,
        room: OwnedSemaphorePermit,
        stop: &Stop,
    ) -> Piece {
        let (answer, receiver) = oneshot::channel();
        let events = postings.len();
        let message = Message::Submission(Submission {
            postings,
            bytes,
            answer,
            room,
        });
        let sent = self.messages.send(message).map_err(|_| {
            if self.room.is_closed() {
                closed(stop)
            } else {
                // Nobody takes from a queue that nobody closed: the sequencer is gone, and its guard is about to say so.
                AppendError::Stopped(StopReason::Defect("sequencer"))
            }
        });
        Piece {
            events,
            answer: sent.map(|()| receiver),
        }
    }
}

/// Why nobody is let in.
pub(super) fn closed(stop: &Stop) -> AppendError {
    match stop.reason() {
        Some(reason) => AppendError::Stopped(reason.clone()),
        None => AppendError::ShuttingDown,
    }
}

fn bytes_of(posting: &Posting) -> usize {
    posting.event.stored_bytes().saturating_add(EVENT_BYTES)
}

/// Cuts events into pieces of at most so many bytes and [`PIECE_EVENTS_MAX`] events, but at least one each.
fn into_pieces(postings: Vec<Posting>, bytes_max: usize) -> Vec<(Vec<Posting>, usize)> {
    let sizes: Vec<usize> = postings.iter().map(bytes_of).collect();
    let total = sizes.iter().copied().fold(0, usize::saturating_add);
    if postings.len() <= PIECE_EVENTS_MAX && total <= bytes_max {
        return vec![(postings, total)];
    }
    let mut pieces: Vec<(Vec<Posting>, usize)> = Vec::new();
    for (posting, size) in postings.into_iter().zip(sizes) {
        match pieces.last_mut() {
            Some((piece, bytes))
                if piece.len() < PIECE_EVENTS_MAX && bytes.saturating_add(size) <= bytes_max =>
            {
                piece.push(posting);
                *bytes = bytes.saturating_add(size);
            }
            _ => pieces.push((vec![posting], size)),
        }
    }
    pieces
}
