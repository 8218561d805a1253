use std::sync::Arc;

use super::*;
use crate::{
    ledger::{
        event::{Event, NewEvent, NewPart},
        note::SigningKey,
        payload::Salt,
        state::State,
    },
    store::{
        disk::FsDisk,
        index::catch_up,
        journal::{EncodedBatch, Journal, JournalOptions, JournalReader, LEVEL_DEFAULT},
    },
};

/// A journal of batches of these sizes; what is in it depends on the seed.
fn journal(directory: &Path, seed: u8, batches: &[u64]) -> JournalReader {
    let disk = Arc::new(FsDisk);
    let key = SigningKey::from_seed(origin(), &[seed; 32]);
    let mut state = State::new(origin());
    let empty = state.checkpoint().sign(&key);
    let mut journal = Journal::create(disk, directory, &empty, JournalOptions::default()).unwrap();
    for entries in batches {
        let first = state.size().value();
        let events = (first..first + entries).map(|index| event(seed, index));
        let now = UnixNanos::new(1_000 + first);
        let (next, batch) = state.append(events.collect(), now).unwrap();
        let checkpoint = batch.checkpoint.clone().sign(&key);
        let encoded = EncodedBatch::new(&batch, &checkpoint, LEVEL_DEFAULT).unwrap();
        journal.append(encoded).unwrap();
        state = next;
    }
    journal.reader()
}

fn event(seed: u8, index: u64) -> Event {
    let event = NewEvent {
        event_type: "exhibit.test.v1".to_owned(),
        source: source_of(index),
        event_id: event_id_of(index),
        subject: format!("seed/{seed}"),
        producer: "spiffe://ci.example/runner".to_owned(),
        parts: vec![NewPart {
            salt: Salt::from_bytes([seed; 32]),
            name: "body".to_owned(),
            content_type: "application/json".to_owned(),
            content: b"{}".to_vec(),
        }],
        ..NewEvent::default()
    };
    Event::new(event, UnixNanos::new(1)).unwrap()
}

/// The index holds the journal, whole.
fn assert_holds(index: &Index, reader: &JournalReader, seed: u8) {
    let checkpoint = reader.checkpoint().unwrap();
    assert_eq!(index.size(), reader.size());
    assert_eq!(index.frontier().root(), checkpoint.checkpoint().root);
    for number in 0..index.size().value() {
        let entry = EntryIndex::new(number);
        let found = index
            .candidates(&source_of(number), &event_id_of(number))
            .unwrap();
        assert_eq!(found, [entry]);
    }
    let filter = Filter {
        subjects: vec![format!("seed/{seed}")],
        ..Filter::default()
    };
    let all = EntryIndex::new(0)..index.size().next_index();
    let found = index.select(&filter, all, usize::MAX).unwrap();
    assert_eq!(found.len() as u64, index.size().value());
}

#[test]
fn an_index_is_rebuilt_from_the_journal_and_then_only_continued() {
    let home = tempfile::tempdir().unwrap();
    let reader = journal(home.path(), 1, &[1, 300, 20, 700, 5]);
    let directory = home.path().join("index");
    let index = open(&directory, SMALL);
    let done = catch_up(&index, &reader).unwrap();
    assert_eq!((done.applied, done.rebuilt), (1026, None));
    assert_holds(&index, &reader, 1);
    index.flush().unwrap();
    drop(index);
    let index = open(&directory, SMALL);
    let done = catch_up(&index, &reader).unwrap();
    // Four tails of 256 were stored; the rest stands within a batch.
    assert_eq!((done.applied, done.rebuilt), (2, None));
    assert_holds(&index, &reader, 1);
    assert_eq!(catch_up(&index, &reader).unwrap().applied, 0);
}

#[test]
fn an_index_of_another_history_is_rebuilt() {
    for (before, after) in [(vec![600, 7], vec![600, 40]), (vec![900], vec![300])] {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let index = open(&old.path().join("index"), SMALL);
        catch_up(&index, &journal(old.path(), 1, &before)).unwrap();
        let reader = journal(new.path(), 2, &after);
        let done = catch_up(&index, &reader).unwrap();
        assert_eq!(done.applied, reader.size().value());
        assert!(done.rebuilt.is_some());
        assert_holds(&index, &reader, 2);
    }
}
