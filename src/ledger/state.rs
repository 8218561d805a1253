//! The write path as one pure function: [`State::append`] turns events into entries, chain, tree and checkpoint.
//!
//! No clock, no disk, no randomness: the same state, events and time always give the same bytes, so a crash test
//! can replay a run, and the recovery path is the same code as the normal one.

use super::{
    checkpoint::Checkpoint,
    entry::{Entry, MalformedEntry},
    event::Event,
    hash::{ChainHash, LeafHash},
    note::KeyName,
    position::{EntryIndex, TreeSize, UnixNanos, count},
    tree::Frontier,
};

/// All that appending needs to know of the ledger so far: a few hundred bytes, whatever its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    origin: KeyName,
    head: ChainHash,
    clock: UnixNanos,
    tree: Frontier,
}

/// What one append makes, ready to be signed and committed.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Index of the first entry.
    pub first: EntryIndex,
    /// The entries' bytes, in order.
    pub entries: Vec<Vec<u8>>,
    /// Their leaf hashes.
    pub leaves: Vec<LeafHash>,
    /// The events they were made of.
    pub events: Vec<Event>,
    /// What the ledger says of itself once the batch is committed.
    pub checkpoint: Checkpoint,
}

/// An entry that does not continue the ledger it is said to belong to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Discontinuity {
    /// The entry does not decode.
    #[error("entry {index}: {error}")]
    Malformed {
        /// Where it should stand.
        index: EntryIndex,
        /// What is wrong with it.
        error: MalformedEntry,
    },
    /// The ledger has entries, and its last was not given.
    #[error("entry {0}, the last of the ledger, is not there to continue from")]
    NoLast(EntryIndex),
    /// The entry says it stands elsewhere.
    #[error("entry {expected} says it is number {found}")]
    Index {
        /// Where it should stand.
        expected: EntryIndex,
        /// Where it says it stands.
        found: EntryIndex,
    },
    /// The entry does not carry the chain hash of the one before.
    #[error(
        "entry {index} does not continue the chain: it carries {found}, and the entry before has {expected}"
    )]
    Chain {
        /// The entry.
        index: EntryIndex,
        /// The chain hash of the entry before.
        expected: ChainHash,
        /// What it carries.
        found: ChainHash,
    },
    /// The entry was recorded before the one before it.
    #[error("entry {index} was recorded at {found}, before {expected} of the entry before")]
    Clock {
        /// The entry.
        index: EntryIndex,
        /// The time of the entry before.
        expected: UnixNanos,
        /// Its own time.
        found: UnixNanos,
    },
}

impl State {
    /// The state of a ledger without any entry.
    pub fn new(origin: KeyName) -> Self {
        let head = ChainHash::genesis(origin.as_str());
        Self {
            origin,
            head,
            clock: UnixNanos::default(),
            tree: Frontier::new(),
        }
    }

    /// Takes up where a ledger ended: its tree, and the bytes of its last entry (`None` for the empty tree).
    ///
    /// # Errors
    /// When the last entry is not there, does not decode, or says another index than the tree's last.
    pub fn resume(
        origin: KeyName,
        tree: Frontier,
        last: Option<&[u8]>,
    ) -> Result<Self, Discontinuity> {
        let mut state = Self::new(origin);
        if let Some(index) = tree.size().last() {
            let bytes = last.ok_or(Discontinuity::NoLast(index))?;
            let entry = decode_at(index, bytes)?;
            state.head = ChainHash::of_entry(bytes);
            state.clock = entry.recorded_at;
        }
        state.tree = tree;
        Ok(state)
    }

    /// Makes the events the ledger's next entries. An event without room in an entry's limits can't exist, so the
    /// error is a defect of the program, not of the caller's input.
    ///
    /// # Errors
    /// When an entry breaks its layout.
    pub fn append(
        &self,
        events: Vec<Event>,
        now: UnixNanos,
    ) -> Result<(Self, Batch), MalformedEntry> {
        let mut next = self.clone();
        let first = next.size().next_index();
        next.clock = next.clock.max(now);
        let mut entries = Vec::with_capacity(events.len());
        let mut leaves = Vec::with_capacity(events.len());
        for event in &events {
            let entry = Entry::at(
                next.size().next_index(),
                next.clock,
                next.head,
                event.fields(),
            )
            .encode()?;
            leaves.push(next.take(&entry));
            entries.push(entry);
        }
        let checkpoint = next.checkpoint();
        Ok((
            next,
            Batch {
                first,
                entries,
                leaves,
                events,
                checkpoint,
            },
        ))
    }

    /// Takes an entry that is already in the log, as recovery does, and gives its leaf hash.
    ///
    /// # Errors
    /// When it does not continue the ledger.
    pub fn replay(&mut self, bytes: &[u8]) -> Result<LeafHash, Discontinuity> {
        let index = self.size().next_index();
        let entry = decode_at(index, bytes)?;
        if entry.previous != self.head {
            return Err(Discontinuity::Chain {
                index,
                expected: self.head,
                found: entry.previous,
            });
        }
        if entry.recorded_at < self.clock {
            return Err(Discontinuity::Clock {
                index,
                expected: self.clock,
                found: entry.recorded_at,
            });
        }
        self.clock = entry.recorded_at;
        Ok(self.take(bytes))
    }

    /// How many entries the ledger has.
    pub fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// The ledger's name.
    pub fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// The tree over the entries.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// When the last entry was recorded; the next is not recorded before.
    pub fn clock(&self) -> UnixNanos {
        self.clock
    }

    /// The chain hash that the next entry will carry.
    pub fn head(&self) -> ChainHash {
        self.head
    }

    /// What the ledger says of itself now.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            origin: self.origin.clone(),
            size: self.size(),
            root: self.tree.root(),
        }
    }

    fn take(&mut self, entry: &[u8]) -> LeafHash {
        let leaf = LeafHash::of_entry(entry);
        self.head = ChainHash::of_entry(entry);
        self.tree.push(leaf, |_, _| {});
        leaf
    }
}

impl Batch {
    /// How many entries it has.
    pub fn len(&self) -> u64 {
        count(self.entries.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn decode_at(index: EntryIndex, bytes: &[u8]) -> Result<Entry<'_>, Discontinuity> {
    let entry = Entry::decode(bytes).map_err(|error| Discontinuity::Malformed { index, error })?;
    if entry.index == index {
        Ok(entry)
    } else {
        Err(Discontinuity::Index {
            expected: index,
            found: entry.index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::sample::{ORIGIN, event};

    fn start() -> State {
        State::new(ORIGIN.parse().unwrap())
    }

    #[test]
    fn batches_of_any_size_make_the_same_entries() {
        let now = UnixNanos::new(5);
        let events = || ["a", "b", "c", "d", "e"].map(event).to_vec();
        let (at_once, batch) = start().append(events(), now).unwrap();
        let mut step = start();
        let mut entries = Vec::new();
        for event in events() {
            let (next, one) = step.append(vec![event], now).unwrap();
            assert_eq!(one.checkpoint, next.checkpoint());
            entries.extend(one.entries);
            step = next;
        }
        assert_eq!((step, entries), (at_once, batch.entries));
    }

    #[test]
    fn replay_and_resume_come_to_the_state_that_append_made() {
        let (made, batch) = start()
            .append(["a", "b", "c"].map(event).to_vec(), UnixNanos::new(9))
            .unwrap();
        let mut replayed = start();
        let leaves: Vec<_> = batch
            .entries
            .iter()
            .map(|e| replayed.replay(e).unwrap())
            .collect();
        assert_eq!(leaves, batch.leaves);
        let last = batch.entries.last().map(Vec::as_slice);
        let resumed = State::resume(made.origin().clone(), made.tree().clone(), last).unwrap();
        assert_eq!((&replayed, &resumed), (&made, &made));
    }

    #[test]
    fn the_clock_never_goes_back() {
        let (state, _) = start().append(vec![event("a")], UnixNanos::new(9)).unwrap();
        let (_, later) = state.append(vec![event("b")], UnixNanos::new(3)).unwrap();
        assert_eq!(
            Entry::decode(&later.entries[0]).unwrap().recorded_at,
            UnixNanos::new(9)
        );
    }

    #[test]
    fn a_ledger_is_not_continued_from_an_entry_that_is_not_its_last() {
        let (state, batch) = start()
            .append(["a", "b"].map(event).to_vec(), UnixNanos::new(9))
            .unwrap();
        let resume = |last| State::resume(state.origin().clone(), state.tree().clone(), last);
        assert_eq!(resume(None), Err(Discontinuity::NoLast(EntryIndex::new(1))));
        assert!(matches!(
            resume(Some(&batch.entries[0])),
            Err(Discontinuity::Index { .. })
        ));
        assert!(matches!(
            resume(Some(b"x")),
            Err(Discontinuity::Malformed { .. })
        ));
    }

    #[test]
    fn what_does_not_continue_the_ledger_is_not_replayed_and_changes_nothing() {
        let (_, ours) = start()
            .append(["a", "b"].map(event).to_vec(), UnixNanos::new(9))
            .unwrap();
        let (_, theirs) = start()
            .append(["x", "y"].map(event).to_vec(), UnixNanos::new(9))
            .unwrap();
        let mut state = start();
        state.replay(&ours.entries[0]).unwrap();
        let before = state.clone();
        assert!(matches!(
            state.replay(&ours.entries[0]),
            Err(Discontinuity::Index { .. })
        ));
        assert!(matches!(
            state.replay(&theirs.entries[1]),
            Err(Discontinuity::Chain { .. })
        ));
        let mut early = Entry::decode(&ours.entries[1]).unwrap();
        early.recorded_at = UnixNanos::new(8);
        let early = early.encode().unwrap();
        assert!(matches!(
            state.replay(&early),
            Err(Discontinuity::Clock { .. })
        ));
        assert_eq!(state, before);
    }
}
