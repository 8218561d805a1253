//! Where posted events go: the ledger, or nowhere at all when the server itself is measured.

use tonic::Status;

use crate::service::proto::{Event, Recorded};

/// The answer to an event that is durable.
pub(super) struct Receipted {
    pub(super) recorded: Recorded,
    /// Empty where none was asked for.
    pub(super) receipt: String,
}

/// What is answered to an event: where it stands, or why not.
pub(super) type Answered = Result<Receipted, Status>;

/// Takes events and answers them.
pub(super) trait Sink: Clone + Send + Sync + 'static {
    /// An event that was read and found valid.
    type Posting: Send + 'static;
    /// Events on their way.
    type Pending: Send + 'static;

    /// Whether an event that asks for this [`Wait`](crate::service::proto::Wait) is to be seen by witnesses before it is
    /// answered. Asked before anything is recorded.
    fn waits_for_witnesses(&self, wait: i32) -> Result<bool, Status>;

    /// Reads an event. This is the costly part that needs nobody else, so it is done where the event came in.
    fn read(&self, event: Event, want_receipt: bool) -> Result<Self::Posting, Status>;

    /// Posts one event if there is room.
    fn try_post(&self, posting: Self::Posting) -> Result<Self::Pending, Status>;

    /// Posts events, in order, waiting for room.
    fn post(&self, postings: Vec<Self::Posting>) -> impl Future<Output = Self::Pending> + Send;

    /// Waits for the answers, in the order of the events: one for each.
    fn answers(pending: Self::Pending) -> impl Future<Output = Vec<Answered>> + Send;

    /// Waits until witnesses have seen events that are durable now, and gives their answers again, in the same order: a
    /// receipt is now one that says so, and an event that they did not see in time has an error instead.
    fn witnessed(&self, answers: Vec<Answered>) -> impl Future<Output = Vec<Answered>> + Send;
}
