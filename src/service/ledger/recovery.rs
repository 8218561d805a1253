//! Taking up where the ledger ended: every start does this, after a shutdown as after a crash.
//!
//! The journal says what there is, and must have at least what the published checkpoint and the index know of: both were
//! told after the commit, so a journal with less has lost entries. The index is brought up to it, and must then have the
//! root that the journal's last checkpoint signs; if not, it is emptied and rebuilt once. Whatever disagrees after that is
//! the journal's own, and nothing starts: the entry is named, and nothing is changed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use super::options::LedgerOptions;
use crate::{
    ledger::{
        checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint},
        hash::{LeafHash, RootHash},
        keys::KeyHistory,
        position::{EntryIndex, TreeSize, UnixNanos, length},
        signers::Signers,
        state::{Discontinuity, State},
        tile::{MalformedBundle, decode_entry_bundle},
        tree::Frontier,
    },
    store::{
        directory::DirectoryError,
        disk::Disk,
        index::{self, Index, IndexError},
        journal::{
            EntryBlock, Journal, JournalError, JournalReader, RawBatch, Recovery,
            publish_checkpoint,
        },
    },
};

/// Batches that are read ahead of the replay.
const BATCHES_AHEAD: usize = 4;

/// Why a ledger can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The data directory or its key.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The journal lost entries that the index was given after they were committed.
    #[error(
        "the index has {index} entries, and the journal {journal}: entries that were acknowledged are gone; nothing was changed: \
         restore the data directory from a copy that has them all. Only where the loss is known and accepted, take `index/` away"
    )]
    IndexAhead {
        /// What the index has.
        index: TreeSize,
        /// What the journal holds.
        journal: TreeSize,
    },
    /// An entry of the journal does not continue the ones before it.
    #[error("{0}; nothing was changed: see all that is wrong with `exhibit verify DIR`")]
    Discontinuity(#[from] Discontinuity),
    /// The entries of the journal are not those that were signed.
    #[error(
        "the entries up to {index} have the root {found}, and their checkpoint signs {signed}; nothing was \
         changed: see all that is wrong with `exhibit verify DIR`"
    )]
    Root {
        /// The last entry that the checkpoint covers.
        index: EntryIndex,
        /// The root of the entries.
        found: RootHash,
        /// The root in the checkpoint.
        signed: RootHash,
    },
    /// The entries of a batch can't be told apart, although its checksums fit.
    #[error("the batch at entry {index}: {error}; see all that is wrong with `exhibit verify DIR`")]
    Bundle {
        /// First entry of the part that was read.
        index: EntryIndex,
        /// What is wrong with it.
        error: MalformedBundle,
    },
    /// The last checkpoint is not signed by the key of the data directory.
    #[error(
        "{0}: the key in the data directory is not the one that signed the ledger; restore the right one"
    )]
    OtherKey(CheckpointError),
    /// A key failed to sign.
    #[error("{0}: a key of the data directory does not sign")]
    Unsigned(CheckpointError),
    /// The system has no random bytes or no thread to give.
    #[error("the system refused what a ledger needs: {0}")]
    System(std::io::Error),
}

/// What opening a ledger found, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// How many entries the ledger has.
    pub size: TreeSize,
    /// How many of them the index had to catch up with.
    pub caught_up: u64,
    /// Why the index was rebuilt, where it was there and of no use.
    pub rebuilt: Option<String>,
    /// What opening the journal found.
    pub journal: Recovery,
}

/// Where a ledger lives, and what signs for it.
pub(super) struct Place {
    pub(super) disk: Arc<dyn Disk>,
    /// The data directory: of the journal and the checkpoint file.
    pub(super) directory: PathBuf,
    /// The directory of the index.
    pub(super) index: PathBuf,
    pub(super) signers: Signers,
    pub(super) history: KeyHistory,
}

/// A ledger that is ready to start.
pub(super) struct Recovered {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) journal: Journal,
    pub(super) index: Arc<Index>,
    pub(super) state: State,
    pub(super) signers: Signers,
    pub(super) history: KeyHistory,
    /// The last checkpoint; of an empty ledger, one made now.
    pub(super) checkpoint: SignedCheckpoint,
    /// Random, for the identities of events in flight.
    pub(super) identity_key: [u8; 32],
    pub(super) opened: Opened,
}

/// Opens everything, and checks that it agrees.
pub(super) fn recover(place: Place, options: &LedgerOptions) -> Result<Recovered, LedgerError> {
    let Place {
        disk,
        directory,
        index,
        signers,
        history,
    } = place;
    let origin = signers.verifier().name();
    let found = Journal::examine(Arc::clone(&disk), &directory, origin, options.journal)?;
    let index = Index::open(&index, origin)?;
    refuse_ahead(index.size(), found.size())?;
    let (journal, recovery) = found.settle()?;
    let reader = journal.reader();
    let checkpoint = last_checkpoint(&reader, &signers, (options.clock)())?;
    let (state, caught_up, rebuilt) = agree(&index, &reader, checkpoint.checkpoint())?;
    publish(&*disk, &directory, &checkpoint, recovery.published)?;
    let rebuilt = rebuilt.or_else(|| match index.opened() {
        index::Opened::Dropped(error) => Some(error.to_string()),
        index::Opened::New | index::Opened::Loaded => None,
    });
    let mut identity_key = [0; 32];
    getrandom::fill(&mut identity_key)
        .map_err(|error| LedgerError::System(std::io::Error::other(error.to_string())))?;
    Ok(Recovered {
        disk,
        directory,
        journal,
        index: Arc::new(index),
        opened: Opened {
            size: state.size(),
            caught_up,
            rebuilt,
            journal: recovery,
        },
        state,
        signers,
        history,
        checkpoint,
        identity_key,
    })
}

/// Refuses an index that has entries which the journal lacks: it was given them after they were committed.
fn refuse_ahead(index: TreeSize, journal: TreeSize) -> Result<(), LedgerError> {
    if index > journal {
        return Err(LedgerError::IndexAhead { index, journal });
    }
    Ok(())
}

/// Brings the checkpoint file up to what was recovered, so that the next start knows of it. In a directory of an earlier
/// version that was never written to, the first one must be there before the first entry is.
fn publish(
    disk: &dyn Disk,
    directory: &Path,
    checkpoint: &SignedCheckpoint,
    published: Option<TreeSize>,
) -> Result<(), LedgerError> {
    if published == Some(checkpoint.checkpoint().size) {
        return Ok(());
    }
    match publish_checkpoint(disk, directory, checkpoint) {
        Err(error) if published.is_some() => {
            tracing::warn!(%error, "the checkpoint file could not be written; it lags behind");
            Ok(())
        }
        done => Ok(done?),
    }
}

/// The journal's last checkpoint, signed by the ledger's own key; for an empty ledger, a fresh one.
fn last_checkpoint(
    reader: &JournalReader,
    signers: &Signers,
    now: UnixNanos,
) -> Result<SignedCheckpoint, LedgerError> {
    let Some(checkpoint) = reader.checkpoint() else {
        let empty = State::new(signers.verifier().name().clone());
        return signers
            .sign(empty.checkpoint(), now)
            .map_err(LedgerError::Unsigned);
    };
    signers.verify(&checkpoint).map_err(LedgerError::OtherKey)?;
    Ok(checkpoint)
}

/// Brings the index up to the journal, and gives the state that both have: its root is the signed one. Says too how
/// many entries the index lacked, and why it was rebuilt if it was.
pub(super) fn agree(
    index: &Index,
    reader: &JournalReader,
    signed: &Checkpoint,
) -> Result<(State, u64, Option<String>), LedgerError> {
    let had = index.size();
    let rebuild = match take_up(index, reader, signed) {
        Ok(mut state) => match catch_up(&mut state, index, reader, signed) {
            Ok(caught_up) => return Ok((state, caught_up, None)),
            // May be the index's fault; from an empty index a wrong root is the journal's own.
            Err(
                error @ (LedgerError::Root { .. } | LedgerError::Index(IndexError::Damaged(_))),
            ) if had > TreeSize::EMPTY => error.to_string(),
            Err(error) => return Err(error),
        },
        Err(Unusable::Index(reason)) => reason,
        Err(Unusable::Ledger(error)) => return Err(*error),
    };
    tracing::warn!(
        reason = rebuild,
        "the index does not fit the journal and is rebuilt"
    );
    index.reset()?;
    let mut state = State::new(signed.origin.clone());
    let caught_up = catch_up(&mut state, index, reader, signed)?;
    Ok((state, caught_up, Some(rebuild)))
}

/// Why the state can't be taken up from the index.
enum Unusable {
    /// The index is of no use.
    Index(String),
    /// The journal can't be read, or is wrong.
    Ledger(Box<LedgerError>),
}

/// The state where the index ends: its tree, and the journal's entry there.
fn take_up(index: &Index, reader: &JournalReader, signed: &Checkpoint) -> Result<State, Unusable> {
    let ledger = |error: LedgerError| Unusable::Ledger(Box::new(error));
    let size = index.size();
    let last = size
        .last()
        .map(|last| reader.entry_alone(last))
        .transpose()
        .map_err(|error| ledger(error.into()))?;
    let tree = Frontier::read(index, size).map_err(|error| Unusable::Index(error.to_string()))?;
    State::resume(signed.origin.clone(), tree, last.as_deref())
        .map_err(|error| ledger(error.into()))
}

/// Replays the journal's entries from where the state ends, into state and index, and counts them. The end has the
/// signed root. Another thread reads and decompresses ahead.
fn catch_up(
    state: &mut State,
    index: &Index,
    reader: &JournalReader,
    signed: &Checkpoint,
) -> Result<u64, LedgerError> {
    let from = state.size();
    let batches = reader.raw_batches(from.next_index());
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(BATCHES_AHEAD);
        scope.spawn(move || {
            for batch in batches {
                if sender
                    .send(batch.and_then(|raw| ReadBatch::new(&raw)))
                    .is_err()
                {
                    break;
                }
            }
        });
        // The receiver is dropped before the scope waits for the thread, on every way out.
        receiver
            .into_iter()
            .try_for_each(|batch| batch?.replay(state, index))
    })?;
    check_root(&state.checkpoint(), signed)?;
    Ok(state.size().value().saturating_sub(from.value()))
}

/// A batch of the journal without its payloads.
struct ReadBatch {
    first: EntryIndex,
    blocks: Vec<EntryBlock>,
    checkpoint: SignedCheckpoint,
}

impl ReadBatch {
    fn new(raw: &RawBatch) -> Result<Self, JournalError> {
        Ok(Self {
            first: raw.first(),
            blocks: raw.decode_entries()?,
            checkpoint: raw.checkpoint()?,
        })
    }

    /// Replays the entries that the state does not have, and compares the end with the batch's checkpoint.
    fn replay(&self, state: &mut State, index: &Index) -> Result<(), LedgerError> {
        let first = state.size().next_index();
        let known = length(first.value().saturating_sub(self.first.value()));
        let mut entries: Vec<&[u8]> = Vec::new();
        for block in &self.blocks {
            let bundle = decode_entry_bundle(&block.entries, length(block.count));
            entries.extend(bundle.map_err(|error| LedgerError::Bundle {
                index: block.first,
                error,
            })?);
        }
        let entries = entries.get(known..).unwrap_or_default();
        let leaves = entries
            .iter()
            .map(|entry| state.replay(entry))
            .collect::<Result<Vec<LeafHash>, _>>()?;
        check_root(&state.checkpoint(), self.checkpoint.checkpoint())?;
        Ok(index.apply(first, entries, &leaves)?)
    }
}

fn check_root(ours: &Checkpoint, signed: &Checkpoint) -> Result<(), LedgerError> {
    if ours.root == signed.root && ours.size == signed.size {
        return Ok(());
    }
    Err(LedgerError::Root {
        index: signed.size.last().unwrap_or_default(),
        found: ours.root,
        signed: signed.root,
    })
}
