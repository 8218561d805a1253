//! A server that does nothing: what the network, gRPC and protobuf cost by themselves.
//!
//! It takes events the same way as the real one and answers at once with answers of the same shape and size. The
//! difference between the two is what the ledger costs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tonic_health::server::HealthReporter;

use super::{
    append::{append, append_stream},
    pages::Pages,
    server::{ServeError, run},
    sink::{Answered, Receipted, Sink},
};
use crate::service::{
    config::Limits,
    proto::{self, ledger_server::Ledger},
};

/// Bytes of a receipt in a ledger of some million entries.
const RECEIPT_BYTES: usize = 2048;

/// Serves nothing until the future completes.
///
/// # Errors
/// When the server can't be started or fails.
pub async fn serve_baseline(
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let stopping = CancellationToken::new();
    let baseline = Baseline {
        nothing: Nothing::default(),
        limits: Limits::default(),
        stopping: stopping.clone(),
    };
    let health = HealthReporter::new();
    run(
        baseline,
        Limits::default(),
        listener,
        None,
        health,
        stopping,
        shutdown,
    )
    .await
}

/// Where events go that go nowhere.
#[derive(Clone, Default)]
struct Nothing {
    answered: Arc<AtomicU64>,
}

impl Sink for Nothing {
    /// The event, still in the form it was received in, and whether a receipt is wanted.
    type Posting = (proto::Event, bool);
    type Pending = Vec<Receipted>;

    fn waits_for_witnesses(&self, _: i32) -> Result<bool, Status> {
        Ok(false)
    }

    fn read(&self, event: proto::Event, want_receipt: bool) -> Result<Self::Posting, Status> {
        Ok((event, want_receipt))
    }

    fn try_post(&self, posting: Self::Posting) -> Result<Self::Pending, Status> {
        Ok(vec![self.answer(posting)])
    }

    async fn post(&self, postings: Vec<Self::Posting>) -> Self::Pending {
        let postings = postings.into_iter();
        postings.map(|posting| self.answer(posting)).collect()
    }

    async fn answers(pending: Self::Pending) -> Vec<Answered> {
        pending.into_iter().map(Ok).collect()
    }

    async fn witnessed(&self, answers: Vec<Answered>) -> Vec<Answered> {
        answers
    }
}

impl Nothing {
    fn answer(&self, (_, want_receipt): (proto::Event, bool)) -> Receipted {
        let index = self.answered.fetch_add(1, Ordering::Relaxed);
        Receipted {
            recorded: proto::Recorded {
                index,
                recorded_at: Some(prost_types::Timestamp {
                    seconds: 1_800_000_000,
                    nanos: 999_999_999,
                }),
                leaf_hash: vec![0xff; 32].into(),
                tree_size: index.saturating_add(1),
                duplicate: false,
            },
            receipt: if want_receipt {
                "x".repeat(RECEIPT_BYTES)
            } else {
                String::new()
            },
        }
    }
}

#[derive(Clone)]
struct Baseline {
    nothing: Nothing,
    limits: Limits,
    stopping: CancellationToken,
}

type Never<T> = Result<Response<T>, Status>;

fn unimplemented<T>() -> Never<T> {
    Err(Status::unimplemented(
        "this server takes events and no more",
    ))
}

#[tonic::async_trait]
impl Ledger for Baseline {
    type AppendStreamStream = Pages<proto::AppendStreamResponse>;
    type ListEntriesStream = Pages<proto::ListEntriesResponse>;
    type WatchStream = Pages<proto::WatchResponse>;
    type ExportPackStream = Pages<proto::ExportPackResponse>;

    async fn append(&self, request: Request<proto::AppendRequest>) -> Never<proto::AppendResponse> {
        let answer = append(&self.nothing, request.into_inner()).await?;
        Ok(Response::new(answer))
    }

    async fn append_stream(
        &self,
        request: Request<Streaming<proto::AppendStreamRequest>>,
    ) -> Never<Self::AppendStreamStream> {
        Ok(Response::new(append_stream(
            self.nothing.clone(),
            request.into_inner(),
            self.limits.stream_events_max,
            self.limits.answer_timeout,
            self.stopping.clone(),
        )))
    }

    async fn get_entry(
        &self,
        _: Request<proto::GetEntryRequest>,
    ) -> Never<proto::GetEntryResponse> {
        unimplemented()
    }

    async fn list_entries(
        &self,
        _: Request<proto::ListEntriesRequest>,
    ) -> Never<Self::ListEntriesStream> {
        unimplemented()
    }

    async fn watch(&self, _: Request<proto::WatchRequest>) -> Never<Self::WatchStream> {
        unimplemented()
    }

    async fn get_checkpoint(
        &self,
        _: Request<proto::GetCheckpointRequest>,
    ) -> Never<proto::GetCheckpointResponse> {
        unimplemented()
    }

    async fn get_receipt(
        &self,
        _: Request<proto::GetReceiptRequest>,
    ) -> Never<proto::GetReceiptResponse> {
        unimplemented()
    }

    async fn get_consistency_proof(
        &self,
        _: Request<proto::GetConsistencyProofRequest>,
    ) -> Never<proto::GetConsistencyProofResponse> {
        unimplemented()
    }

    async fn export_pack(
        &self,
        _: Request<proto::ExportPackRequest>,
    ) -> Never<Self::ExportPackStream> {
        unimplemented()
    }
}
