//! The one writer: takes what has queued up, decides what is new, and makes it a signed batch.
//!
//! Whatever has queued up becomes one round (group commit). Nothing waits for company: when the disk is idle, one
//! event is a round. While the disk is busy, a large round is prepared meanwhile, and a small one keeps gathering,
//! for it could not be written any sooner.
//!
//! It owns the ledger's [`State`], its keys, and the events in flight. What it signs stays in memory until the
//! committer says it is durable.

use std::sync::{Arc, mpsc::SyncSender};

use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    Shared,
    answer::{AppendError, Decision},
    committer::{Reply, Round},
    history::History,
    in_flight::{InFlight, Standing},
    options::LedgerOptions,
    queue::{Message, Posting, Submission, closed},
    sealed::Sealed,
    stop::StopReason,
};
use crate::{
    ledger::{
        event::Event,
        position::{TreeSize, count},
        signers::Signers,
        state::State,
    },
    store::journal::EncodedBatch,
};

/// A round with fewer events is not worth preparing while the disk is busy.
const PREPARED_EVENTS_MIN: usize = 64;

/// The sequencer's thread.
pub(super) struct Sequencer {
    pub(super) shared: Arc<Shared>,
    pub(super) options: LedgerOptions,
    pub(super) queue: UnboundedReceiver<Message>,
    pub(super) rounds: SyncSender<Round>,
    pub(super) state: State,
    pub(super) signers: Signers,
    pub(super) in_flight: InFlight,
    pub(super) history: History,
    /// Taken from the queue, and too large for the round before.
    pub(super) left_over: Option<Submission>,
    /// Rounds handed to the committer so far.
    pub(super) handed: u64,
}

/// What is gathered for one round.
#[derive(Default)]
struct Gathered {
    submissions: Vec<Submission>,
    events: usize,
    bytes: usize,
}

impl Sequencer {
    /// Works until the queue is closed and empty, or the committer is gone.
    pub(super) fn run(mut self) {
        while let Some(first) = self.next() {
            let mut gathered = Gathered::default();
            gathered.add(first);
            self.gather(&mut gathered);
            if gathered.events < PREPARED_EVENTS_MIN
                && self.shared.rounds_done.reached() < self.handed
            {
                self.shared.rounds_done.wait_for(self.handed);
                self.gather(&mut gathered);
            }
            if let Some(reason) = self.shared.stop.reason() {
                let error = AppendError::Stopped(reason.clone());
                self.shared.refuse(gathered.submissions, &error);
            } else {
                self.sequence(gathered.submissions);
            }
        }
    }

    /// Waits for the next submission; `None` when the queue is closed and empty.
    fn next(&mut self) -> Option<Submission> {
        self.left_over.take().or_else(|| {
            loop {
                match self.queue.blocking_recv()? {
                    Message::Submission(submission) => return Some(submission),
                    Message::Close => self.queue.close(),
                }
            }
        })
    }

    /// Takes what has queued up, as far as it fits the round.
    fn gather(&mut self, gathered: &mut Gathered) {
        while self.left_over.is_none() && gathered.events < self.options.batch_events_max {
            match self.queue.try_recv() {
                Ok(Message::Submission(submission)) => {
                    if gathered.admits(&submission, &self.options) {
                        gathered.add(submission);
                    } else {
                        self.left_over = Some(submission);
                    }
                }
                Ok(Message::Close) => self.queue.close(),
                Err(_) => return,
            }
        }
    }

    /// Makes a round of the submissions and hands it to the committer.
    fn sequence(&mut self, submissions: Vec<Submission>) {
        let indexed = TreeSize::new(self.shared.indexed.reached());
        self.in_flight.forget(indexed);
        let mut fresh = Vec::with_capacity(submissions.iter().map(|s| s.postings.len()).sum());
        let mut replies = Vec::with_capacity(submissions.len());
        for submission in submissions {
            let decisions = submission
                .postings
                .into_iter()
                .map(|posting| self.decide(posting, &mut fresh))
                .collect();
            replies.push(Reply {
                answer: submission.answer,
                room: submission.room,
                decisions,
            });
        }
        let had_fresh = !fresh.is_empty();
        let batch = self.seal(fresh);
        if had_fresh && batch.is_none() {
            self.refuse_fresh(&mut replies);
        }
        self.handed = self.handed.saturating_add(1);
        let number = self.handed;
        // The committer is gone only by a panic, which its guard reports; whoever waits hears that nothing is known.
        let _ = self.rounds.send(Round {
            number,
            batch,
            replies,
        });
    }

    /// Decides about one event, and adds it to the fresh ones if it is new.
    fn decide(&mut self, posting: Posting, fresh: &mut Vec<Event>) -> Decision {
        let Posting {
            event,
            want_receipt,
        } = posting;
        let fields = event.fields();
        let identity = self.in_flight.identity(fields.source, fields.event_id);
        match self.in_flight.find(&identity) {
            Some(Standing::Sealed(batch, place)) => {
                return if says_the_same(&event, batch.batch.events.get(place)) {
                    Decision::Earlier {
                        batch: Arc::clone(batch),
                        place,
                        want_receipt,
                    }
                } else {
                    Decision::Taken(batch.index_of(place))
                };
            }
            Some(Standing::Gathering(place)) => {
                return if says_the_same(&event, fresh.get(place)) {
                    Decision::Here {
                        place,
                        duplicate: true,
                        want_receipt,
                    }
                } else {
                    let place = count(place);
                    Decision::Taken(self.state.size().next_index().plus(place))
                };
            }
            None => {}
        }
        match self.history.decide(&event, want_receipt) {
            Ok(Some(decision)) => decision,
            Ok(None) => {
                let place = self.in_flight.gather(identity);
                fresh.push(event);
                Decision::Here {
                    place,
                    duplicate: false,
                    want_receipt,
                }
            }
            Err(reason) => {
                self.shared.stop(reason);
                Decision::Refused(closed(&self.shared.stop))
            }
        }
    }

    /// Makes the fresh events a signed batch, if there are any and the ledger has not stopped. The new state counts
    /// at once: should the batch fail on the disk, nothing follows it.
    fn seal(&mut self, fresh: Vec<Event>) -> Option<(Arc<Sealed>, EncodedBatch)> {
        if fresh.is_empty() || self.shared.stop.reason().is_some() {
            return None;
        }
        match self.make_batch(fresh) {
            Ok((next, sealed, encoded)) => {
                self.state = next;
                self.in_flight.seal(Arc::clone(&sealed));
                Some((sealed, encoded))
            }
            Err(error) => {
                tracing::error!(%error, "valid events do not make a batch");
                self.shared.stop(StopReason::Defect("sequencer"));
                None
            }
        }
    }

    fn make_batch(
        &self,
        fresh: Vec<Event>,
    ) -> Result<(State, Arc<Sealed>, EncodedBatch), Box<dyn std::error::Error>> {
        let (next, batch) = self.state.append(fresh, (self.options.clock)())?;
        let recorded_at = next.clock();
        let checkpoint = self.signers.sign(batch.checkpoint.clone(), recorded_at)?;
        let encoded = EncodedBatch::new(&batch, &checkpoint, self.options.compression_level)?;
        let sealed = Sealed::new(self.state.tree().clone(), recorded_at, batch, checkpoint);
        Ok((next, Arc::new(sealed), encoded))
    }

    /// Nothing came of the fresh events, and none of them was handed on.
    fn refuse_fresh(&mut self, replies: &mut [Reply]) {
        self.in_flight.abandon();
        for decision in replies.iter_mut().flat_map(|reply| &mut reply.decisions) {
            if matches!(decision, Decision::Here { .. }) {
                *decision = Decision::Refused(closed(&self.shared.stop));
            }
        }
    }
}

impl Gathered {
    fn admits(&self, next: &Submission, options: &LedgerOptions) -> bool {
        self.events.saturating_add(next.postings.len()) <= options.batch_events_max
            && self.bytes.saturating_add(next.bytes) <= options.batch_bytes_max
    }

    fn add(&mut self, submission: Submission) {
        self.events = self.events.saturating_add(submission.postings.len());
        self.bytes = self.bytes.saturating_add(submission.bytes);
        self.submissions.push(submission);
    }
}

fn says_the_same(event: &Event, other: Option<&Event>) -> bool {
    other.is_some_and(|other| event.says_the_same(other.fields(), &other.parts()))
}
