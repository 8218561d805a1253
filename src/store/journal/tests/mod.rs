//! The journal's claims, tested: on a simulated disk that fails and loses power, and on the real one.
#![allow(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod codec;
mod crash;
mod damage;
mod files;
mod lost;
mod reading;

use std::{path::PathBuf, sync::Arc};

use crate::{
    ledger::{
        checkpoint::SignedCheckpoint,
        event::{Event, NewEvent, NewPart},
        hash::LeafHash,
        note::{KeyName, SigningKey},
        payload::Salt,
        position::{EntryIndex, TreeSize, UnixNanos},
        state::{Batch, State},
        tile::decode_entry_bundle,
        tree::Frontier,
    },
    store::disk::{
        Disk,
        sim::{Random, SimDisk},
    },
};

use super::{
    EncodedBatch, Journal, JournalError, JournalOptions, JournalReader, Recovery, StoredBatch,
    StoredEntry,
};

/// A batch with everything that was made of it.
#[derive(Debug, Clone)]
struct Made {
    batch: Batch,
    checkpoint: SignedCheckpoint,
    encoded: EncodedBatch,
}

fn origin() -> KeyName {
    "ledger.example/audit".parse().unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_seed(origin(), &[7; 32])
}

/// The checkpoint of the empty ledger.
fn empty() -> SignedCheckpoint {
    State::new(origin()).checkpoint().sign(&key())
}

fn directory() -> PathBuf {
    PathBuf::from("/")
}

/// Small segments, so that a short test seals some.
fn small() -> JournalOptions {
    JournalOptions {
        segment_bytes: 3500,
        ..JournalOptions::default()
    }
}

fn event(random: &mut Random, number: u64, content_bytes: usize) -> Event {
    let readable = random.below(2) == 0;
    let mut content = Vec::with_capacity(content_bytes);
    while content.len() < content_bytes {
        if readable {
            content.extend_from_slice(b"{\"outcome\":\"passed\",\"stage\":\"deploy\"}\n");
        } else {
            content.push(random.next() as u8);
        }
    }
    let mut salt = [0; 32];
    salt.fill_with(|| random.next() as u8);
    let event = NewEvent {
        event_type: "exhibit.deployment.v1".into(),
        source: "https://ci.example/payments".into(),
        event_id: format!("run-{number}"),
        subject: "service/payments@production".into(),
        producer: "pipeline".into(),
        parts: vec![NewPart {
            salt: Salt::from_bytes(salt),
            name: "body".into(),
            content_type: "application/json".into(),
            content,
        }],
        ..NewEvent::default()
    };
    Event::new(event, UnixNanos::new(1)).unwrap()
}

/// Batches of these sizes, the same for one seed.
fn make(seed: u64, sizes: &[usize], content_bytes: usize) -> Vec<Made> {
    let mut random = Random(seed);
    let mut state = State::new(origin());
    let key = key();
    sizes
        .iter()
        .map(|size| {
            let first = state.size().value();
            let events = (0..*size as u64)
                .map(|number| {
                    let bytes = random.below(content_bytes + 1);
                    event(&mut random, first + number, bytes)
                })
                .collect();
            let (next, batch) = state.append(events, UnixNanos::new(first)).unwrap();
            state = next;
            let checkpoint = batch.checkpoint.clone().sign(&key);
            let encoded = EncodedBatch::new(&batch, &checkpoint, 1).unwrap();
            Made {
                batch,
                checkpoint,
                encoded,
            }
        })
        .collect()
}

/// Ten batches of one to five entries.
fn ten(seed: u64) -> Vec<Made> {
    let mut random = Random(seed ^ 0xb47c4);
    let sizes: Vec<usize> = (0..10).map(|_| 1 + random.below(5)).collect();
    make(seed, &sizes, 1500)
}

fn create(disk: &SimDisk) -> Result<Journal, JournalError> {
    Journal::create(shared(disk), &directory(), &empty(), small())
}

fn open(disk: &SimDisk) -> Result<(Journal, Recovery), JournalError> {
    Journal::open(shared(disk), &directory(), &origin(), small())
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// A journal with all the batches, closed again.
fn written(seed: u64, made: &[Made]) -> SimDisk {
    let disk = SimDisk::new(seed);
    let mut journal = create(&disk).unwrap();
    append_all(&mut journal, made);
    drop(journal);
    disk
}

fn append_all(journal: &mut Journal, made: &[Made]) {
    for one in made {
        journal.append(one.encoded.clone()).unwrap();
    }
}

fn expected_entries(made: &[Made]) -> Vec<StoredEntry> {
    made.iter()
        .flat_map(|one| one.batch.entries.iter().zip(&one.batch.events))
        .map(|(entry, event)| {
            let mut payload = Vec::new();
            crate::ledger::payload::encode_parts(&event.parts(), &mut payload).unwrap();
            StoredEntry {
                entry: entry.clone(),
                payload,
            }
        })
        .collect()
}

/// The size after each batch, the empty ledger first.
fn sizes(made: &[Made]) -> Vec<TreeSize> {
    std::iter::once(TreeSize::EMPTY)
        .chain(made.iter().map(|one| one.encoded.size()))
        .collect()
}

fn entries_of(batch: &StoredBatch) -> Vec<Vec<u8>> {
    batch
        .blocks
        .iter()
        .flat_map(|block| decode_entry_bundle(&block.entries, block.count as usize).unwrap())
        .map(<[u8]>::to_vec)
        .collect()
}

/// Checks, reading all of it, that a journal holds a whole number of the batches made, at least so many entries, and
/// that its last checkpoint is of exactly the entries it has.
fn check_prefix(reader: &JournalReader, made: &[Made], at_least: TreeSize) -> Result<(), String> {
    let size = reader.size();
    if size < at_least {
        return Err(format!(
            "holds {size} entries, {at_least} were acknowledged"
        ));
    }
    if !sizes(made).contains(&size) {
        return Err(format!(
            "holds {size} entries, which is no whole number of batches"
        ));
    }
    let mut tree = Frontier::new();
    let mut expected = made.iter();
    for batch in reader.batches(EntryIndex::new(0)) {
        let batch = batch.map_err(|error| error.to_string())?;
        let one = expected.next().ok_or("more batches than were made")?;
        if entries_of(&batch) != one.batch.entries || batch.checkpoint != one.checkpoint {
            return Err(format!("the batch at {} is another", batch.first));
        }
        for entry in entries_of(&batch) {
            tree.push(LeafHash::of_entry(&entry), |_, _| {});
        }
    }
    if tree.size() != size {
        return Err(format!("says {size} entries and gives {}", tree.size()));
    }
    match reader.checkpoint() {
        None if size == TreeSize::EMPTY => Ok(()),
        Some(signed) if signed.checkpoint().root == tree.root() => signed
            .verify(key().verifier())
            .map_err(|error| error.to_string()),
        _ => Err("the last checkpoint is of other entries".into()),
    }
}
