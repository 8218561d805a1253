//! Posting events: one at a time, or as a stream.
//!
//! A stream has two tasks. The reader takes what has arrived, never waiting for more, reads the events and posts them
//! together; the answerer waits for them in the same order and hands the answers to the client a page at a time. So a
//! lone event goes through at once, and under load the pieces grow by themselves. Between the two stands the
//! window: events that were read and whose answers the client has not taken up. A full window, or a full queue,
//! stops the reader, and the stream's own flow control then stops the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    errors::{Reason, as_message, invalid_field, refusal, shutting_down},
    explain::explain,
    pages::{PageSender, Pages, pages},
    sink::{Receipted, Sink},
};
use crate::{
    ledger::position::count,
    service::proto::{
        AppendRequest, AppendResponse, AppendStreamRequest, AppendStreamResponse,
        append_stream_response::Result as Outcome,
    },
};

/// The most events that are posted together: enough to spread the cost, few enough to answer soon.
const CHUNK_EVENTS_MAX: usize = 256;
/// The bytes of events after which no more are added to a chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// Records one event.
pub(super) async fn append<S: Sink>(
    sink: &S,
    request: AppendRequest,
) -> Result<AppendResponse, Status> {
    let event = request.event.ok_or_else(event_missing)?;
    let pending = sink.try_post(sink.read(event, true)?)?;
    let answer = S::answers(pending).await.into_iter().next();
    let Receipted { recorded, receipt } = answer.unwrap_or_else(|| Err(not_answered()))?;
    Ok(AppendResponse {
        recorded: Some(recorded),
        receipt,
    })
}

/// Records events as they come, until the client ends the stream or the server stops.
pub(super) fn append_stream<S: Sink>(
    sink: S,
    client: Streaming<AppendStreamRequest>,
    window_events: usize,
    patience: Duration,
    stopping: CancellationToken,
) -> Pages<AppendStreamResponse> {
    let (answers, taken) = pages(Some(patience));
    let (posted, awaited) = mpsc::unbounded_channel();
    let reader = Reader {
        sink,
        client,
        window: Arc::new(Semaphore::new(window_events)),
        chunk_events_max: CHUNK_EVENTS_MAX.min(window_events),
        posted,
    };
    let reading = async move {
        reader.run(stopping).await;
        // The answerer says when all is over.
        std::future::pending().await
    };
    tokio::spawn(async move {
        tokio::select! {
            () = answer::<S>(awaited, answers) => {}
            () = reading => {}
        }
    });
    taken
}

/// What the reader tells the answerer, in order.
enum Posted<P> {
    Events {
        pending: Option<P>,
        /// For each event why it was refused; nothing where it is among the pending ones.
        refusals: Vec<Option<tonic_types::Status>>,
        /// The events' room in the window, given back when their answers have been taken up.
        room: OwnedSemaphorePermit,
    },
    /// The stream ends this way.
    End(Status),
}

struct Reader<S: Sink> {
    sink: S,
    client: Streaming<AppendStreamRequest>,
    window: Arc<Semaphore>,
    chunk_events_max: usize,
    posted: mpsc::UnboundedSender<Posted<S::Pending>>,
}

/// Events that arrived together.
struct Chunk<P> {
    postings: Vec<P>,
    refusals: Vec<Option<tonic_types::Status>>,
    bytes: usize,
    /// The stream ended after them, well or not.
    end: Option<Result<(), Status>>,
}

impl<S: Sink> Reader<S> {
    async fn run(mut self, stopping: CancellationToken) {
        loop {
            let chunk = tokio::select! {
                biased;
                () = stopping.cancelled() => {
                    let _ = self.posted.send(Posted::End(shutting_down()));
                    return;
                }
                chunk = std::future::poll_fn(|context| self.poll_chunk(context)) => chunk,
            };
            if !self.post(chunk.postings, chunk.refusals).await {
                return;
            }
            match chunk.end {
                None => {}
                Some(Ok(())) => return,
                Some(Err(status)) => {
                    let _ = self.posted.send(Posted::End(explain(status)));
                    return;
                }
            }
        }
    }

    /// Takes the events that have arrived. Pending only while there is none, so nothing is lost when it is dropped.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Chunk<S::Posting>> {
        let mut chunk = Chunk {
            postings: Vec::new(),
            refusals: Vec::new(),
            bytes: 0,
            end: None,
        };
        while chunk.refusals.len() < self.chunk_events_max && chunk.bytes < CHUNK_BYTES {
            match Pin::new(&mut self.client).poll_next(context) {
                Poll::Ready(Some(Ok(request))) => chunk.add(self.read(request)),
                Poll::Ready(Some(Err(status))) => chunk.end = Some(Err(status)),
                Poll::Ready(None) => chunk.end = Some(Ok(())),
                Poll::Pending if chunk.refusals.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
            if chunk.end.is_some() {
                break;
            }
        }
        Poll::Ready(chunk)
    }

    fn read(&self, request: AppendStreamRequest) -> Result<(S::Posting, usize), Status> {
        let event = request.event.ok_or_else(event_missing)?;
        let posting = self.sink.read(event, request.want_receipt)?;
        let bytes = S::bytes_of(&posting);
        Ok((posting, bytes))
    }

    /// Posts events once the window and the queue have room for them; `false` when nobody waits for answers.
    async fn post(
        &self,
        postings: Vec<S::Posting>,
        refusals: Vec<Option<tonic_types::Status>>,
    ) -> bool {
        if refusals.is_empty() {
            return true;
        }
        let events = u32::try_from(refusals.len()).unwrap_or(u32::MAX);
        let window = Arc::clone(&self.window);
        let Ok(room) = window.acquire_many_owned(events).await else {
            return false;
        };
        let pending = if postings.is_empty() {
            None
        } else {
            Some(self.sink.post(postings).await)
        };
        let events = Posted::Events {
            pending,
            refusals,
            room,
        };
        self.posted.send(events).is_ok()
    }
}

impl<P> Chunk<P> {
    fn add(&mut self, event: Result<(P, usize), Status>) {
        match event {
            Ok((posting, bytes)) => {
                self.postings.push(posting);
                self.bytes = self.bytes.saturating_add(bytes);
                self.refusals.push(None);
            }
            Err(status) => self.refusals.push(Some(as_message(&status))),
        }
    }
}

/// Answers events in the order they came, each once it is durable or refused.
async fn answer<S: Sink>(
    mut posted: mpsc::UnboundedReceiver<Posted<S::Pending>>,
    client: PageSender<AppendStreamResponse>,
) {
    let mut position = 0u64;
    loop {
        let next = tokio::select! {
            next = posted.recv() => next,
            () = client.gone() => return,
        };
        match next {
            None => return,
            Some(Posted::End(status)) => return client.end_with(status),
            Some(Posted::Events {
                pending,
                refusals,
                room,
            }) => {
                let answers = match pending {
                    Some(pending) => S::answers(pending).await,
                    None => Vec::new(),
                };
                let page = responses(position, refusals, answers);
                position = position.saturating_add(count(page.len()));
                if client.send(page).await.is_err() {
                    return;
                }
                drop(room);
            }
        }
    }
}

/// Puts refusals and answers back into one order.
fn responses(
    first: u64,
    refusals: Vec<Option<tonic_types::Status>>,
    answers: Vec<Result<Receipted, Status>>,
) -> Vec<AppendStreamResponse> {
    let mut answers = answers.into_iter();
    let outcome = |refusal: Option<tonic_types::Status>| match refusal {
        Some(refusal) => (Outcome::Error(refusal), String::new()),
        None => match answers.next().unwrap_or_else(|| Err(not_answered())) {
            Ok(Receipted { recorded, receipt }) => (Outcome::Recorded(recorded), receipt),
            Err(status) => (Outcome::Error(as_message(&status)), String::new()),
        },
    };
    let outcomes = refusals.into_iter().map(outcome);
    (first..)
        .zip(outcomes)
        .map(|(position, (result, receipt))| AppendStreamResponse {
            position,
            result: Some(result),
            receipt,
        })
        .collect()
}

fn event_missing() -> Status {
    invalid_field("event", "is missing; it must be given")
}

fn not_answered() -> Status {
    refusal(
        Reason::Defect,
        "the event was not answered; send it again with the same id",
    )
}
