//! Posting events: one at a time, or as a stream.
//!
//! A stream has three tasks. The reader takes what has arrived, never waiting for more, and has each chunk of events
//! checked on a task of its own; the poster posts the chunks in their order; the answerer waits for them in the same
//! order and hands the answers to the client a page at a time. So a lone event goes through at once, and under load
//! the chunks grow by themselves and keep every core busy. A chunk with events that wait for witnesses waits on a task of
//! its own from when it is durable, so that chunks wait together and not one after the other. Around them stands the window: events that were read and whose answers the client has not taken up. A full window, or a full queue,
//! stops the reader, and the stream's own flow control then stops the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use prost::Message as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::{JoinHandle, JoinSet},
};
use tokio_stream::Stream;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::{
    errors::{Reason, as_message, invalid_field, refusal, shutting_down},
    explain::explain,
    pages::{PageSender, Pages, pages},
    sink::{Answered, Receipted, Sink},
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
/// How long a client may take to notice that its stream has ended.
const LINGER: Duration = Duration::from_secs(1);
/// Chunks that are being read, or wait to be posted.
const CHUNKS_READING: usize = 4;

/// Records one event.
pub(super) async fn append<S: Sink>(
    sink: &S,
    request: AppendRequest,
) -> Result<AppendResponse, Status> {
    let waits = sink.waits_for_witnesses(request.wait)?;
    let event = request.event.ok_or_else(event_missing)?;
    let pending = sink.try_post(sink.read(event, true)?)?;
    let mut answers = S::answers(pending).await;
    if waits {
        answers = sink.witnessed(answers).await;
    }
    let answer = answers.into_iter().next();
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
    let (answers, taken) = pages(patience);
    let (posted, awaited) = mpsc::unbounded_channel();
    let mut reader = Reader {
        sink,
        client,
        window: Arc::new(Semaphore::new(window_events)),
        chunk_events_max: CHUNK_EVENTS_MAX.min(window_events),
    };
    tokio::spawn(async move {
        let mut reading = JoinSet::new();
        reading.spawn(async move {
            reader.run(posted, stopping).await;
            reader.drain().await;
        });
        answer::<S>(awaited, answers).await;
        // Were the connection closed on what a client still sends, it would be reset, and the last answers lost.
        let _ = tokio::time::timeout(LINGER, reading.join_next()).await;
    });
    taken
}

/// What the reader tells the answerer, in order.
enum Posted<P> {
    Events {
        settling: Settling<P>,
        /// For each event why it was refused; nothing where it is among the pending ones.
        refusals: Vec<Option<tonic_types::Status>>,
        /// The events' room in the window, given back when their answers have been taken up.
        room: OwnedSemaphorePermit,
    },
    /// The stream ends this way.
    End(Status),
}

/// Valid events on the way to their answers.
enum Settling<P> {
    Nothing,
    /// None of them waits for witnesses.
    Pending(P),
    /// Some do, on a task of their own.
    Witnessing(JoinHandle<Vec<Answered>>),
}

impl<P: Send + 'static> Settling<P> {
    /// Waits for witnesses where that was asked for.
    fn of<S: Sink<Pending = P>>(sink: &S, pending: P, waits: Vec<bool>) -> Self {
        if !waits.contains(&true) {
            return Self::Pending(pending);
        }
        let sink = sink.clone();
        Self::Witnessing(tokio::spawn(async move {
            let (mut waiting, mut answered) = (Vec::new(), Vec::new());
            for (answer, waits) in S::answers(pending).await.into_iter().zip(&waits) {
                if *waits {
                    waiting.push(answer);
                } else {
                    answered.push(answer);
                }
            }
            let mut witnessed = sink.witnessed(waiting).await.into_iter();
            let mut answered = answered.into_iter();
            let take = |waits: bool| {
                let next = if waits {
                    witnessed.next()
                } else {
                    answered.next()
                };
                next.unwrap_or_else(|| Err(not_answered()))
            };
            waits.into_iter().map(take).collect()
        }))
    }

    /// The answers, one for each event; fewer where a task ended without a word.
    async fn answers<S: Sink<Pending = P>>(self) -> Vec<Answered> {
        match self {
            Self::Nothing => Vec::new(),
            Self::Pending(pending) => S::answers(pending).await,
            Self::Witnessing(task) => task.await.unwrap_or_default(),
        }
    }
}

struct Reader<S: Sink> {
    sink: S,
    client: Streaming<AppendStreamRequest>,
    window: Arc<Semaphore>,
    chunk_events_max: usize,
}

/// Events that arrived together, as they arrived.
struct Arrived {
    requests: Vec<AppendStreamRequest>,
    bytes: usize,
    /// The stream ended after them, well or not.
    end: Option<Result<(), Status>>,
}

/// Events that were read: the valid ones, and for each why it was refused.
struct Chunk<P> {
    postings: Vec<P>,
    /// For each of the valid ones, whether it waits for witnesses.
    waits: Vec<bool>,
    refusals: Vec<Option<tonic_types::Status>>,
    room: OwnedSemaphorePermit,
}

impl<S: Sink> Reader<S> {
    /// Takes events as they arrive and hands them on. Reading what an event says is the costly part, so each chunk is
    /// read on a task of its own while the next one arrives; they are posted in order.
    async fn run(
        &mut self,
        posted: mpsc::UnboundedSender<Posted<S::Pending>>,
        stopping: CancellationToken,
    ) {
        let (read, mut posting) = mpsc::channel(CHUNKS_READING);
        let (sink, answers) = (self.sink.clone(), posted.clone());
        let mut poster = JoinSet::new();
        poster.spawn(async move {
            while let Some(chunk) = posting.recv().await {
                if !post(&sink, chunk, &answers).await {
                    return;
                }
            }
        });
        let ended = self.arrivals(&read, stopping).await;
        drop(read);
        // What was read before the end is posted and answered before it.
        let _ = poster.join_next().await;
        if let Some(status) = ended {
            let _ = posted.send(Posted::End(status));
        }
    }

    /// Takes what the client sends after the end, and forgets it: it hears that none of it was recorded.
    async fn drain(&mut self) {
        while let Ok(Some(_)) = self.client.message().await {}
    }

    /// Takes events until the stream ends; gives the status to end it with, where it did not end well.
    async fn arrivals(
        &mut self,
        read: &mpsc::Sender<JoinHandle<Chunk<S::Posting>>>,
        stopping: CancellationToken,
    ) -> Option<Status> {
        loop {
            let arrived = tokio::select! {
                biased;
                () = stopping.cancelled() => return Some(shutting_down()),
                arrived = std::future::poll_fn(|context| self.poll_arrived(context)) => arrived,
            };
            if !arrived.requests.is_empty() {
                let events = u32::try_from(arrived.requests.len()).unwrap_or(u32::MAX);
                let room = Arc::clone(&self.window).acquire_many_owned(events).await;
                let (Ok(room), sink) = (room, self.sink.clone()) else {
                    return None;
                };
                let chunk = tokio::spawn(async move { Chunk::read(&sink, arrived.requests, room) });
                if read.send(chunk).await.is_err() {
                    return None;
                }
            }
            match arrived.end {
                None => {}
                Some(Ok(())) => return None,
                Some(Err(status)) => return Some(explain(status)),
            }
        }
    }

    /// Takes the events that have arrived. Pending only while there is none, so nothing is lost when it is dropped.
    fn poll_arrived(&mut self, context: &mut Context<'_>) -> Poll<Arrived> {
        let mut arrived = Arrived {
            requests: Vec::new(),
            bytes: 0,
            end: None,
        };
        while arrived.requests.len() < self.chunk_events_max && arrived.bytes < CHUNK_BYTES {
            match Pin::new(&mut self.client).poll_next(context) {
                Poll::Ready(Some(Ok(request))) => {
                    arrived.bytes = arrived.bytes.saturating_add(request.encoded_len());
                    arrived.requests.push(request);
                }
                Poll::Ready(Some(Err(status))) => arrived.end = Some(Err(status)),
                Poll::Ready(None) => arrived.end = Some(Ok(())),
                Poll::Pending if arrived.requests.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
            if arrived.end.is_some() {
                break;
            }
        }
        Poll::Ready(arrived)
    }
}

impl<P> Chunk<P> {
    fn read<S: Sink<Posting = P>>(
        sink: &S,
        requests: Vec<AppendStreamRequest>,
        room: OwnedSemaphorePermit,
    ) -> Self {
        let mut chunk = Self {
            postings: Vec::with_capacity(requests.len()),
            waits: Vec::with_capacity(requests.len()),
            refusals: Vec::with_capacity(requests.len()),
            room,
        };
        for request in requests {
            match read_one(sink, request) {
                Ok((posting, waits)) => {
                    chunk.postings.push(posting);
                    chunk.waits.push(waits);
                    chunk.refusals.push(None);
                }
                Err(status) => chunk.refusals.push(Some(as_message(&status))),
            }
        }
        chunk
    }
}

/// Reads an event, and whether it waits for witnesses.
fn read_one<S: Sink>(sink: &S, request: AppendStreamRequest) -> Result<(S::Posting, bool), Status> {
    let waits = sink.waits_for_witnesses(request.wait)?;
    let event = request.event.ok_or_else(event_missing)?;
    Ok((sink.read(event, request.want_receipt)?, waits))
}

/// Posts events once the queue has room for them; `false` when nobody waits for answers.
async fn post<S: Sink>(
    sink: &S,
    chunk: JoinHandle<Chunk<S::Posting>>,
    posted: &mpsc::UnboundedSender<Posted<S::Pending>>,
) -> bool {
    let Ok(Chunk {
        postings,
        waits,
        refusals,
        room,
    }) = chunk.await
    else {
        // Reading panicked. The events behind it must not be answered as if they were these.
        let _ = posted.send(Posted::End(not_answered()));
        return false;
    };
    if posted.is_closed() {
        return false;
    }
    let settling = if postings.is_empty() {
        Settling::Nothing
    } else {
        Settling::of(sink, sink.post(postings).await, waits)
    };
    let events = Posted::Events {
        settling,
        refusals,
        room,
    };
    posted.send(events).is_ok()
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
                settling,
                refusals,
                room,
            }) => {
                let answers = settling.answers::<S>().await;
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
    answers: Vec<Answered>,
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
