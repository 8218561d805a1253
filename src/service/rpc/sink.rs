//! Where posted events go: the ledger, or nowhere at all when the server itself is measured.

use tonic::Status;

use crate::service::proto::{Event, Recorded};

/// The answer to an event that is durable.
pub(super) struct Receipted {
    pub(super) recorded: Recorded,
    /// Empty where none was asked for.
    pub(super) receipt: String,
}

/// Takes events and answers them.
pub(super) trait Sink: Clone + Send + Sync + 'static {
    /// An event that was read and found valid.
    type Posting: Send + 'static;
    /// Events on their way.
    type Pending: Send + 'static;

    /// Reads an event. This is the costly part that needs nobody else, so it is done where the event came in.
    fn read(&self, event: Event, want_receipt: bool) -> Result<Self::Posting, Status>;

    /// Posts one event if there is room.
    fn try_post(&self, posting: Self::Posting) -> Result<Self::Pending, Status>;

    /// Posts events, in order, waiting for room.
    fn post(&self, postings: Vec<Self::Posting>) -> impl Future<Output = Self::Pending> + Send;

    /// Waits for the answers, in the order of the events: one for each.
    fn answers(
        pending: Self::Pending,
    ) -> impl Future<Output = Vec<Result<Receipted, Status>>> + Send;
}
