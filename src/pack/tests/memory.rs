//! A ledger in memory to make packs of.

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        hash::LeafHash,
        note::{SigningKey, VerifierKey},
        payload::{Salt, encode_parts},
        position::{EntryIndex, UnixNanos},
        state::State,
        tile::{TileId, encode_tile, push_entry},
        tree::{Frontier, NodeAt},
    },
    pack::{
        PackRequest,
        source::{Block, PackSource, SourceError},
    },
};

pub(super) const NOW: UnixNanos = UnixNanos::new(1_790_000_000_000_000_001);

/// Entries and payloads one by one, and everything else made of them the slow way.
pub(super) struct MemoryLedger {
    pub(super) key: SigningKey,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) payloads: Vec<Vec<u8>>,
    pub(super) checkpoint: SignedCheckpoint,
}

impl MemoryLedger {
    /// A ledger of this many events.
    pub(super) fn of(size: usize) -> Self {
        Self::with((0..size).map(event).collect())
    }

    pub(super) fn with(events: Vec<NewEvent>) -> Self {
        let name = "exhibit.test/ledger";
        let key = SigningKey::from_seed(name.parse().unwrap(), &[7; 32]);
        let mut ledger = Self {
            checkpoint: State::new(name.parse().unwrap()).checkpoint().sign(&key),
            key,
            entries: Vec::new(),
            payloads: Vec::new(),
        };
        let mut state = State::new(name.parse().unwrap());
        for (number, event) in events.into_iter().enumerate() {
            let now = UnixNanos::new(NOW.value() + number as u64 * 1_000_003);
            let event = Event::new(event, now).unwrap();
            let mut payload = Vec::new();
            encode_parts(&event.parts(), &mut payload).unwrap();
            let (next, batch) = state.append(vec![event], now).unwrap();
            state = next;
            ledger.entries.extend(batch.entries);
            ledger.payloads.push(payload);
        }
        ledger.checkpoint = state.checkpoint().sign(&ledger.key);
        ledger
    }

    pub(super) fn key(&self) -> &VerifierKey {
        self.key.verifier()
    }

    pub(super) fn request(&self) -> PackRequest {
        PackRequest::full(self.checkpoint.clone(), self.key().clone())
    }
}

impl PackSource for MemoryLedger {
    fn blocks(
        &self,
        from: EntryIndex,
    ) -> Box<dyn Iterator<Item = Result<Block, SourceError>> + Send + '_> {
        // Blocks of changing size, none over the border of a bundle.
        let mut next = from.value() as usize;
        Box::new(std::iter::from_fn(move || {
            let first = next;
            let end = (first + 1 + first % 97)
                .min((first / 256 + 1) * 256)
                .min(self.entries.len());
            if first >= end {
                return None;
            }
            let mut entries = Vec::new();
            for entry in &self.entries[first..end] {
                push_entry(&mut entries, entry).unwrap();
            }
            next = end;
            Some(Ok(Block {
                first: EntryIndex::new(first as u64),
                count: (end - first) as u64,
                entries,
                payloads: self.payloads[first..end].concat(),
            }))
        }))
    }

    fn tile(&self, id: TileId) -> Result<Vec<u8>, SourceError> {
        let mut hashes = Vec::new();
        let mut tree = Frontier::new();
        let level = id.level * 8;
        let wanted = id.span.first()..id.span.first() + u64::from(id.span.width);
        for entry in &self.entries {
            tree.push(LeafHash::of_entry(entry), |at: NodeAt, node| {
                if at.level == level && wanted.contains(&at.index) {
                    hashes.push(node);
                }
            });
        }
        if hashes.len() == usize::from(id.span.width) {
            Ok(encode_tile(&hashes))
        } else {
            Err(format!("there is no {id}").into())
        }
    }
}

/// An event of one of three kinds: JSON, text with an odd name, and bytes.
pub(super) fn event(number: usize) -> NewEvent {
    let part = |name: &str, content_type: &str, content: Vec<u8>| NewPart {
        salt: Salt::from_bytes([number as u8; 32]),
        name: name.to_owned(),
        content_type: content_type.to_owned(),
        content,
    };
    let json = format!(r#"{{"change":"CHG-{number}","environment":"production","ok":true}}"#);
    let mut parts = vec![part("body", "application/json", json.into_bytes())];
    if number % 3 == 1 {
        parts.push(part(
            "comment",
            "text/plain",
            b"a \"quoted\"\nremark".to_vec(),
        ));
    }
    if number % 5 == 2 {
        parts.push(part(
            "digest",
            "application/octet-stream",
            vec![0xff, number as u8],
        ));
    }
    NewEvent {
        event_type: ["exhibit.deployment.v1", "exhibit.change.v1"][number % 2].to_owned(),
        source: format!("https://ci.example/{}", number % 4),
        event_id: format!("run-{number}"),
        subject: ["service/payments@production", "=1+1", "a,b"][number % 3].to_owned(),
        producer: "spiffe://example/pipeline".to_owned(),
        occurred_at: UnixNanos::new(if number.is_multiple_of(2) {
            0
        } else {
            NOW.value() - 5
        }),
        source_sequence: (number / 4 + 1) as u64,
        parts,
    }
}
