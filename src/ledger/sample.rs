//! Small ledgers to test on.
#![allow(clippy::arithmetic_side_effects)]

use super::{
    event::{Event, NewEvent, NewPart},
    note::SigningKey,
    payload::{Part, Salt, encode_parts},
    position::UnixNanos,
    state::{Batch, State},
};

pub(crate) const ORIGIN: &str = "ledger.example.com/sample";

/// The key of the sample ledgers.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN.parse().unwrap(), &[42; 32])
}

/// An event with a body and an actor, told apart by its id.
pub(crate) fn event(id: &str) -> Event {
    let part = |name: &str, content: &str| NewPart {
        salt: Salt::from_bytes([1; 32]),
        name: name.into(),
        content_type: "text/plain".into(),
        content: content.into(),
    };
    let event = NewEvent {
        event_type: "exhibit.deployment.v1".into(),
        source: "https://ci.example.com".into(),
        event_id: id.into(),
        producer: "token:ci".into(),
        parts: vec![part("body", id), part("actor", "Zoë")],
        ..NewEvent::default()
    };
    Event::new(event, UnixNanos::default()).unwrap()
}

/// A ledger of this many entries, a nanosecond apart, as one batch.
pub(crate) fn ledger(entries: u64) -> Batch {
    let mut state = State::new(ORIGIN.parse().unwrap());
    let mut all: Option<Batch> = None;
    for number in 0..entries {
        let now = UnixNanos::new(1_000_000_000 + number);
        let (next, one) = state
            .append(vec![event(&format!("e{number}"))], now)
            .unwrap();
        match &mut all {
            None => all = Some(one),
            Some(all) => {
                all.entries.extend(one.entries);
                all.leaves.extend(one.leaves);
                all.events.extend(one.events);
                all.checkpoint = one.checkpoint;
            }
        }
        state = next;
    }
    all.unwrap_or_else(|| state.append(vec![], UnixNanos::default()).unwrap().1)
}

/// The payloads of a ledger, each as the bytes it has in a payload bundle.
pub(crate) fn payloads(batch: &Batch) -> Vec<Vec<u8>> {
    batch
        .events
        .iter()
        .map(|event| parts(&event.parts()))
        .collect()
}

/// One payload as the bytes it has in a payload bundle.
pub(crate) fn parts(parts: &[Part<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_parts(parts, &mut bytes).unwrap();
    bytes
}
