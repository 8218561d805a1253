//! The API on the wire: the real server, real clients, and the whole log verified at the end of each test.

mod append;
mod connections;
mod http;
mod limits;
mod pressure;
mod raw;
mod read;
mod shutdown;
mod stream;
mod whole;

use exhibit::service::{
    proto,
    rpc::errors::{DOMAIN, Reason, reason_of},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming, transport::Channel};
use tonic_types::StatusExt as _;

use crate::support::LONG;

type Client = proto::ledger_client::LedgerClient<Channel>;

/// A refusal must have a reason, and the status code that goes with it.
fn refused(status: &Status) -> Reason {
    let reason = reason_of(status).unwrap_or_else(|| panic!("no reason of ours: {status:?}"));
    assert_eq!(status.code(), reason.code(), "{status:?}");
    reason
}

/// The fields that a refusal names.
fn fields(status: &Status) -> Vec<String> {
    assert_eq!(refused(status), Reason::InvalidField);
    let request = status.get_details_bad_request().unwrap();
    let violations = request.field_violations.into_iter();
    violations
        .map(|violation| {
            assert!(!violation.description.is_empty());
            violation.field
        })
        .collect()
}

/// What a refusal says beside its reason.
fn about(status: &Status, key: &str) -> String {
    let details = status.get_details_error_info().unwrap();
    assert_eq!(details.domain, DOMAIN);
    details.metadata.get(key).unwrap().clone()
}

async fn append(client: &mut Client, event: proto::Event) -> Result<proto::AppendResponse, Status> {
    let request = proto::AppendRequest {
        event: Some(event),
        ..Default::default()
    };
    Ok(client.append(request).await?.into_inner())
}

/// A stream of events that is open at both ends.
struct Posting {
    events: mpsc::Sender<proto::AppendStreamRequest>,
    answers: Streaming<proto::AppendStreamResponse>,
}

impl Posting {
    async fn open(client: &mut Client) -> Self {
        let (events, receiver) = mpsc::channel(64);
        let answers = client.append_stream(ReceiverStream::new(receiver)).await;
        Self {
            events,
            answers: answers.unwrap().into_inner(),
        }
    }

    async fn post(&self, event: proto::Event) {
        let request = proto::AppendStreamRequest {
            event: Some(event),
            want_receipt: false,
            ..Default::default()
        };
        self.events.send(request).await.unwrap();
    }

    async fn answer(&mut self) -> proto::AppendStreamResponse {
        self.next().await.unwrap().unwrap()
    }

    async fn recorded(&mut self) -> proto::Recorded {
        match self.answer().await.result {
            Some(proto::append_stream_response::Result::Recorded(recorded)) => recorded,
            other => panic!("{other:?}"),
        }
    }

    async fn next(&mut self) -> Result<Option<proto::AppendStreamResponse>, Status> {
        let next = tokio::time::timeout(LONG, self.answers.message());
        next.await.expect("an answer comes")
    }
}

/// Takes everything a stream has, up to its end.
async fn all<T>(mut stream: Streaming<T>) -> (Vec<T>, Result<(), Status>) {
    let mut items = Vec::new();
    loop {
        let next = tokio::time::timeout(LONG, stream.message()).await;
        match next.expect("the stream goes on") {
            Ok(Some(item)) => items.push(item),
            Ok(None) => return (items, Ok(())),
            Err(status) => return (items, Err(status)),
        }
    }
}
