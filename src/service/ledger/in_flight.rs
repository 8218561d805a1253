//! Events of batches that are not in the index yet, by source and id.
//!
//! Between the sequencer's decision and the index lies the disk; an event sent twice in that time must not be
//! recorded twice. Owned by the sequencer: only it adds and removes, so looking here first and into the index
//! second misses nothing.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use super::sealed::Sealed;
use crate::ledger::position::{TreeSize, count, length};

/// A keyed hash of source and event id, long enough that nobody finds two with one, the key known or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity([u8; 32]);

impl std::hash::Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// An identity is a hash already, under a secret key: its first bytes are as good as any hash of it.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// Where an event in flight stands.
pub(super) enum Standing<'a> {
    /// In a sealed batch.
    Sealed(&'a Arc<Sealed>, usize),
    /// In the batch that is being gathered.
    Gathering(usize),
}

/// The events in flight.
pub(super) struct InFlight {
    key: [u8; 32],
    /// Number of the batch and place in it.
    places: HashMap<Identity, (u64, usize), BuildHasherDefault<AsItIs>>,
    /// The sealed batches, oldest first.
    sealed: VecDeque<(Arc<Sealed>, Vec<Identity>)>,
    /// Number of the oldest.
    oldest: u64,
    gathering: Vec<Identity>,
}

impl InFlight {
    /// None yet. The key is 32 random bytes.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            places: HashMap::default(),
            sealed: VecDeque::new(),
            oldest: 0,
            gathering: Vec::new(),
        }
    }

    pub(super) fn identity(&self, source: &str, event_id: &str) -> Identity {
        // In one piece, where it fits on the stack: that hashes twice as fast as piecemeal.
        let mut buffer = [0; 512];
        let length = count(source.len()).to_le_bytes();
        let mut used = 0usize;
        let fits = [&length, source.as_bytes(), event_id.as_bytes()]
            .into_iter()
            .all(|piece: &[u8]| {
                let end = used.saturating_add(piece.len());
                buffer.get_mut(used..end).is_some_and(|place| {
                    place.copy_from_slice(piece);
                    used = end;
                    true
                })
            });
        let hash = match buffer.get(..used).filter(|_| fits) {
            Some(text) => blake3::keyed_hash(&self.key, text),
            None => blake3::Hasher::new_keyed(&self.key)
                .update(&length)
                .update(source.as_bytes())
                .update(event_id.as_bytes())
                .finalize(),
        };
        Identity(*hash.as_bytes())
    }

    pub(super) fn find(&self, identity: &Identity) -> Option<Standing<'_>> {
        let (number, place) = *self.places.get(identity)?;
        let sealed = self.sealed.get(length(number.checked_sub(self.oldest)?));
        Some(match sealed {
            Some((batch, _)) => Standing::Sealed(batch, place),
            None => Standing::Gathering(place),
        })
    }

    /// Adds the next event of the batch that is being gathered, and gives its place.
    pub(super) fn gather(&mut self, identity: Identity) -> usize {
        let place = self.gathering.len();
        self.places.insert(identity, (self.number(), place));
        self.gathering.push(identity);
        place
    }

    /// The gathered batch has been sealed.
    pub(super) fn seal(&mut self, batch: Arc<Sealed>) {
        let identities = std::mem::take(&mut self.gathering);
        self.sealed.push_back((batch, identities));
    }

    /// The gathered batch comes to nothing.
    pub(super) fn abandon(&mut self) {
        for identity in self.gathering.drain(..) {
            self.places.remove(&identity);
        }
    }

    /// Forgets the batches that are in the index.
    pub(super) fn forget(&mut self, indexed: TreeSize) {
        while let Some((batch, _)) = self.sealed.front()
            && batch.size() <= indexed
            && let Some((_, identities)) = self.sealed.pop_front()
        {
            self.oldest = self.oldest.saturating_add(1);
            for identity in identities {
                self.places.remove(&identity);
            }
        }
    }

    fn number(&self) -> u64 {
        self.oldest.saturating_add(count(self.sealed.len()))
    }
}
