//! The ledger as the place where events go.

use std::{cell::RefCell, sync::Arc};

use tonic::Status;

use super::{
    errors::{
        RETRY_AFTER, Reason, invalid_fields, refusal, refusal_about, retry_later, shutting_down,
    },
    sink::{Answered, Receipted, Sink},
    witnessed::{waits_for_witnesses, witnessed},
};
use crate::{
    ledger::position::UnixNanos,
    service::{
        convert::{SaltSource, event_from_proto, time_to_proto},
        cosigning::Cosigning,
        ledger::{AppendError, Ledger, Pending, Posting, Recorded},
        proto,
    },
};

/// Who posts, as long as nobody is asked who they are.
pub const PRODUCER: &str = "anonymous";

thread_local! {
    static SALTS: RefCell<SaltSource> = const { RefCell::new(SaltSource::new()) };
}

/// Posts into a ledger.
#[derive(Clone)]
pub(super) struct LedgerSink {
    pub(super) ledger: Ledger,
    /// Its witnesses, where there are any.
    pub(super) cosigning: Option<Arc<Cosigning>>,
}

impl Sink for LedgerSink {
    type Posting = Posting;
    type Pending = Pending;

    fn waits_for_witnesses(&self, wait: i32) -> Result<bool, Status> {
        waits_for_witnesses(wait, self.cosigning.as_deref())
    }

    fn read(&self, event: proto::Event, want_receipt: bool) -> Result<Posting, Status> {
        let event = SALTS.with_borrow_mut(|salts| {
            salts.with(|salt| event_from_proto(event, PRODUCER, UnixNanos::now(), salt))
        });
        match event {
            Ok(Ok(event)) => Ok(Posting {
                event,
                want_receipt,
            }),
            Ok(Err(fields)) => Err(invalid_fields(fields)),
            Err(error) => {
                tracing::error!(%error, "the system has no randomness to give");
                let told = "the server has no randomness for the event's salts";
                Err(retry_later(Reason::Defect, told, RETRY_AFTER))
            }
        }
    }

    fn try_post(&self, posting: Posting) -> Result<Pending, Status> {
        self.ledger
            .try_post(posting)
            .map_err(|error| refused(&error))
    }

    async fn post(&self, postings: Vec<Posting>) -> Pending {
        self.ledger.post(postings).await
    }

    async fn answers(pending: Pending) -> Vec<Answered> {
        let answers = pending.answers().await.into_iter();
        answers
            .map(|answer| answer.map(receipted).map_err(|error| refused(&error)))
            .collect()
    }

    async fn witnessed(&self, answers: Vec<Answered>) -> Vec<Answered> {
        match &self.cosigning {
            Some(cosigning) => witnessed(&self.ledger, cosigning, answers).await,
            None => answers,
        }
    }
}

fn receipted(recorded: Recorded) -> Receipted {
    let receipt = recorded
        .receipt
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    Receipted {
        recorded: proto::Recorded {
            index: recorded.index.value(),
            recorded_at: Some(time_to_proto(recorded.recorded_at)),
            leaf_hash: recorded.leaf_hash.as_bytes().to_vec().into(),
            tree_size: recorded.tree_size.value(),
            duplicate: recorded.duplicate,
        },
        receipt,
    }
}

fn refused(error: &AppendError) -> Status {
    let told = error.to_string();
    match error {
        AppendError::QueueFull { retry_after } => {
            retry_later(Reason::QueueFull, told, *retry_after)
        }
        AppendError::AlreadyExists { index } => {
            refusal_about(Reason::EventIdReused, told, [("index", index.to_string())])
        }
        AppendError::NotKnownToBeStored => {
            retry_later(Reason::NotKnownToBeStored, told, RETRY_AFTER)
        }
        AppendError::Stopped(_) => refusal(Reason::LedgerStopped, told),
        AppendError::ShuttingDown => shutting_down(),
    }
}
