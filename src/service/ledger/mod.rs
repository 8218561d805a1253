//! A running ledger: its one writer, its readers.
//!
//! ```text
//!  callers ──> queue ──> sequencer ──> committer ──> indexer
//!             (bounded)  decides,      journal:      index, and the
//!                        signs         COMMIT        checkpoint file
//!                                        └──> answers
//! ```
//!
//! Three threads of their own, joined by bounded channels, because the disk blocks: the sequencer prepares the next
//! batch while the committer syncs the one before. A slow step holds up the one before it, back to the queue, and
//! from there to the callers.
//!
//! What must always be true:
//!
//! - Nothing is answered, and no signature leaves, before what it is about is durable. The commit point is
//!   [`Journal::append`](crate::store::journal::Journal::append), and nothing else is.
//! - An event has one entry, however often it is sent: until the index has it, it is in flight, and the sequencer,
//!   which alone adds to both, looks there first.
//! - The ledger's clock does not go back, and the first answer to an event is its answer for ever, to the byte.
//! - A thread that stops, by an error or a panic, stops the ledger and leaves no caller waiting.
//!
//! # When something fails
//!
//! | step | failed and not stored | failed but stored |
//! | --- | --- | --- |
//! | queue full, closed | the caller hears so, and that is certain | can't be |
//! | reading back what was recorded before | the ledger stops; the events of this round were not handed on: "stopped" | can't be |
//! | making entries, signing, compressing (defects) | the ledger stops: "stopped", or "not known" after a panic | can't be |
//! | journal write or sync | the ledger stops for good. "Not known to be stored", for this round and what follows; after the restart the event is not there, and sent again it is recorded | the same answer; after the restart the event is there, and sent again it gets its first receipt |
//! | answering | the caller is gone; sent again, the event gets its first receipt | the same |
//! | index | can't be: the journal has it | the answer is out and holds. The ledger stops, because it can no longer tell which events it has; reading the journal goes on; the next start rebuilds the index |
//! | checkpoint file | can't be | a warning; the file lags behind, and the next one replaces it |
//!
//! Stopping is never undone in a running process: what is on the disk is found out by opening it, which is the path
//! that every start takes.

mod answer;
mod committer;
mod history;
mod in_flight;
mod indexer;
mod options;
mod progress;
mod published;
mod queue;
mod reads;
mod recovery;
mod sealed;
mod sequencer;
mod stop;
mod stored;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock, mpsc},
    thread::{self, JoinHandle},
};

use tokio::sync::watch;

use self::{
    answer::{Answer, Decision},
    committer::Committer,
    history::History,
    in_flight::InFlight,
    indexer::Indexer,
    progress::Progress,
    published::Published,
    queue::{Queue, Room, Submission},
    recovery::{Place, Recovered},
    sealed::Sealed,
    sequencer::Sequencer,
    stop::Stop,
};
use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::Event,
        keys::{KeyHistory, Keyring},
        note::{KeyName, VerifierKey},
        position::TreeSize,
        signers::Signers,
    },
    store::{
        directory::DataDirectory, disk::FsDisk, index::Index, journal::JournalReader,
        timestamps::Timestamps,
    },
};

pub use self::{
    answer::{AppendError, Pending, Recorded},
    options::{Clock, LedgerOptions},
    queue::Posting,
    reads::ReadError,
    recovery::{LedgerError, Opened},
    stop::StopReason,
};

/// Rounds that may wait for the committer, and batches for the indexer. One is enough to keep both busy.
const ROUNDS_WAITING: usize = 1;
const BATCHES_WAITING: usize = 4;

/// A running ledger. Clones are one ledger; when the last is gone, what is queued is still committed.
#[derive(Clone)]
pub struct Ledger {
    running: Arc<Running>,
}

/// What the handles hold. The threads hold [`Shared`] alone, so they end when the handles are gone.
struct Running {
    shared: Arc<Shared>,
    queue: Queue,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What threads and readers share.
struct Shared {
    verifier: VerifierKey,
    history: KeyHistory,
    reader: JournalReader,
    timestamps: Timestamps,
    index: Arc<Index>,
    /// The latest committed checkpoint. Written by the committer alone; a pointer is swapped under the lock.
    checkpoint: RwLock<Arc<SignedCheckpoint>>,
    /// The checkpoint that is shown to the world.
    published: RwLock<Published>,
    /// Its size, to be watched; set after it.
    committed: watch::Sender<TreeSize>,
    /// How many entries the index has.
    indexed: Progress,
    /// How many rounds the committer is done with.
    rounds_done: Progress,
    room: Arc<Room>,
    stop: Stop,
}

impl Ledger {
    /// Opens a ledger: takes its lock, recovers the journal, brings the index up to it, checks that tree, signed
    /// checkpoint and key agree, and starts to take events.
    ///
    /// # Errors
    /// When the ledger is in use, damaged, or its key is not the one that signed it.
    pub fn open(
        directory: &DataDirectory,
        options: LedgerOptions,
    ) -> Result<(Self, Opened), LedgerError> {
        Self::open_signing(directory, directory.signers()?, options)
    }

    /// As [`Ledger::open`], with other keys than the data directory says: for a change of keys that is under way.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_signing(
        directory: &DataDirectory,
        signers: Signers,
        options: LedgerOptions,
    ) -> Result<(Self, Opened), LedgerError> {
        let place = Place {
            disk: Arc::new(FsDisk),
            directory: directory.path().to_owned(),
            index: directory.index_path(),
            signers,
            history: directory.history().clone(),
        };
        Self::open_at(place, options)
    }

    fn open_at(place: Place, options: LedgerOptions) -> Result<(Self, Opened), LedgerError> {
        let options = options.within_limits();
        let recovered = recovery::recover(place, &options)?;
        let opened = recovered.opened.clone();
        Ok((Self::start(recovered, options)?, opened))
    }

    /// Records one event, and answers when it is durable. Where there is no room in the queue it does not wait.
    ///
    /// # Errors
    /// As [`AppendError`] says; only [`AppendError::NotKnownToBeStored`] leaves open whether it is stored.
    pub async fn append(&self, event: Event, want_receipt: bool) -> Result<Recorded, AppendError> {
        let pending = self.try_post(Posting {
            event,
            want_receipt,
        })?;
        let answer = pending.answers().await.pop();
        answer.unwrap_or(Err(AppendError::NotKnownToBeStored))
    }

    /// Records events in their order, waiting for room in the queue, and answers when each is durable or refused.
    /// The answers stand in the order of the events.
    pub async fn append_many(&self, postings: Vec<Posting>) -> Vec<Result<Recorded, AppendError>> {
        self.post(postings).await.answers().await
    }

    /// Puts events into the queue, in their order, waiting for room, which is what holds up a stream. Events of
    /// later calls stand behind them. Many at once cost much less than one by one.
    pub async fn post(&self, postings: Vec<Posting>) -> Pending {
        let Running { queue, shared, .. } = self.running.as_ref();
        queue.post(postings, &shared.stop).await
    }

    /// Puts one event into the queue, if there is room now.
    ///
    /// # Errors
    /// [`AppendError::QueueFull`] when there is none; or when the ledger takes no events any more.
    pub fn try_post(&self, posting: Posting) -> Result<Pending, AppendError> {
        let Running { queue, shared, .. } = self.running.as_ref();
        queue.try_post(posting, &shared.stop)
    }

    /// The ledger's name.
    pub fn origin(&self) -> &KeyName {
        self.shared().verifier.name()
    }

    /// The key that its checkpoints are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.shared().verifier
    }

    /// The history of its own keys; empty where it has had one alone.
    pub fn key_history(&self) -> &KeyHistory {
        &self.shared().history
    }

    /// All keys that its checkpoints, old and new, verify with.
    pub fn keys(&self) -> Keyring {
        Keyring::carried(self.verifier(), self.key_history())
    }

    /// Whether a key is the ledger's own, or the one before it that still signs.
    pub fn signs_with(&self, key: &VerifierKey) -> bool {
        let mut signing = self.key_history().signing();
        key == self.verifier() || signing.any(|span| span.key == *key)
    }

    /// The latest checkpoint; what it covers is durable. Cheap.
    pub fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        self.shared().checkpoint()
    }

    /// Watches how many entries are committed. Cheap.
    pub fn committed(&self) -> watch::Receiver<TreeSize> {
        self.shared().committed.subscribe()
    }

    /// Why the ledger takes no events any more; `None` while it does, or is being shut down. Cheap.
    pub fn stopped(&self) -> Option<StopReason> {
        self.shared().stop.reason().cloned()
    }

    /// Reads the journal: for everything that goes through many entries. Making one is cheap, reading blocks.
    pub fn reader(&self) -> JournalReader {
        self.shared().reader.clone()
    }

    /// The time stamps that lie beside the journal. No writer of the ledger looks at them.
    pub fn timestamps(&self) -> &Timestamps {
        &self.shared().timestamps
    }

    /// Shuts the ledger down: takes no more events, commits and answers what is queued, brings the index and the
    /// checkpoint file up to it, and gives the journal's lock back. Reading still works, and keeps the index open
    /// until the last handle is gone. A second call waits for the first.
    pub async fn shutdown(&self) {
        let ledger = self.clone();
        // The only error is a panic of the closure, and the threads' own panics have been reported.
        let _ = tokio::task::spawn_blocking(move || ledger.close()).await;
    }

    /// As [`Ledger::shutdown`], blocking.
    pub fn close(&self) {
        self.running.queue.close();
        let mut threads = lock(&self.running.threads);
        for thread in threads.drain(..) {
            // A panic has been reported by the thread's guard.
            let _ = thread.join();
        }
    }

    fn shared(&self) -> &Shared {
        &self.running.shared
    }

    /// Starts the threads.
    fn start(recovered: Recovered, options: LedgerOptions) -> Result<Self, LedgerError> {
        let size = recovered.state.size();
        let room = Arc::new(Room::new(options.queue_bytes_max));
        let shared = Arc::new(Shared {
            verifier: recovered.signers.verifier().clone(),
            history: recovered.history,
            reader: recovered.journal.reader(),
            timestamps: Timestamps::of(&recovered.directory),
            index: recovered.index,
            checkpoint: RwLock::new(Arc::new(recovered.checkpoint)),
            published: RwLock::default(),
            committed: watch::Sender::new(size),
            indexed: Progress::new(size.value()),
            rounds_done: Progress::new(0),
            room: Arc::clone(&room),
            stop: Stop::default(),
        });
        let (queue, receiver) = Queue::new(room, options.batch_bytes_max);
        let (rounds, rounds_received) = mpsc::sync_channel(ROUNDS_WAITING);
        let (batches, batches_received) = mpsc::sync_channel(BATCHES_WAITING);
        let indexer = Indexer {
            shared: Arc::clone(&shared),
            batches: batches_received,
            disk: recovered.disk,
            directory: recovered.directory,
        };
        let committer = Committer {
            shared: Arc::clone(&shared),
            journal: recovered.journal,
            rounds: rounds_received,
            batches,
            durable: size,
            failed: false,
        };
        let sequencer = Sequencer {
            shared: Arc::clone(&shared),
            options,
            queue: receiver,
            rounds,
            state: recovered.state,
            signers: recovered.signers,
            in_flight: InFlight::new(recovered.identity_key),
            history: History::new(Arc::clone(&shared)),
            left_over: None,
            handed: 0,
        };
        let threads = vec![
            spawn(
                "ledger-indexer",
                &shared,
                |shared| shared.indexed.end(),
                || indexer.run(),
            )?,
            spawn(
                "ledger-committer",
                &shared,
                |shared| shared.rounds_done.end(),
                || committer.run(),
            )?,
            spawn("ledger-sequencer", &shared, |_| {}, || sequencer.run())?,
        ];
        let running = Running {
            shared,
            queue,
            threads: Mutex::new(threads),
        };
        Ok(Self {
            running: Arc::new(running),
        })
    }
}

impl Shared {
    fn checkpoint(&self) -> Arc<SignedCheckpoint> {
        Arc::clone(
            &self
                .checkpoint
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Lets a checkpoint out: what it covers is durable.
    fn publish(&self, sealed: &Sealed) {
        let mut checkpoint = self
            .checkpoint
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *checkpoint = Arc::clone(&sealed.checkpoint);
        drop(checkpoint);
        self.committed.send_replace(sealed.size());
    }

    /// Stops taking events, for good.
    fn stop(&self, reason: StopReason) {
        self.stop.stop(reason, &self.room);
    }

    /// Sends submissions away.
    fn refuse(&self, submissions: Vec<Submission>, error: &AppendError) {
        let durable = *self.committed.borrow();
        for submission in submissions {
            let refuse = |_| Decision::Refused(error.clone());
            // Whoever gave up waiting hears nothing.
            let _ = submission.answer.send(Answer {
                batch: None,
                durable,
                decisions: submission.postings.into_iter().map(refuse).collect(),
            });
        }
    }
}

/// Starts a thread whose end, by a return or a panic, leaves nobody waiting.
fn spawn(
    name: &'static str,
    shared: &Arc<Shared>,
    end: fn(&Shared),
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LedgerError> {
    let guard = Guard {
        name,
        shared: Arc::clone(shared),
        end,
    };
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _guard = guard;
            work();
        })
        .map_err(LedgerError::System)
}

/// Stops the ledger when its thread panics, and says that the thread will move nothing any more.
struct Guard {
    name: &'static str,
    shared: Arc<Shared>,
    end: fn(&Shared),
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.stop(StopReason::Defect(self.name));
        }
        (self.end)(&self.shared);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
