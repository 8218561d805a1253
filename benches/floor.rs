//! What an event can't cost less than: each step that the formats ask for, by itself, on one core.
//!
//!     cargo bench --bench floor -- [EVENTS]     100,000 unless said otherwise
//!
//! The events are those of the ingest figures. Everything is in memory and nothing waits. The hashes and the compression
//! are those of the formats and of the journal, called with nothing around them; whatever the ledger does beside them
//! comes on top. The share of a do-nothing server that a ledger could reach at best follows from their sum.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a measurement fails by panicking"
)]

use std::{hint::black_box, time::Instant};

use exhibit::{
    cli::bench::load::deployment,
    ledger::{
        event::Event,
        hash::{ChainHash, LeafHash},
        payload::{encode_parts, payload_commitment},
        position::UnixNanos,
        state::State,
        tile::push_entry,
        tree::Frontier,
    },
    service::{
        convert::{SaltSource, event_from_proto},
        proto,
        rpc::PRODUCER,
    },
    store::journal::LEVEL_DEFAULT,
};
use prost::Message as _;

const BLOCK_ENTRIES: usize = 256;

fn main() {
    let number = std::env::args().find_map(|argument| argument.parse().ok());
    let events: u64 = number.unwrap_or(100_000);
    let wire: Vec<Vec<u8>> = (0..events)
        .map(|n| deployment("floor", n).encode_to_vec())
        .collect();
    println!("core-microseconds an event, {events} events of the ingest figures, one core");
    let (decoding, decoded) = timed(&wire, |bytes| {
        proto::Event::decode(bytes.as_slice()).unwrap()
    });
    let mut salts = SaltSource::new();
    let read = |event: &proto::Event| {
        let event = event.clone();
        let read = salts.with(|salts| event_from_proto(event, PRODUCER, UnixNanos::now(), salts));
        read.unwrap().unwrap()
    };
    let (copying, _) = timed(&decoded, proto::Event::clone);
    let (reading, read) = timed(&decoded, read);
    let (committing, _) = timed(&read, |event: &Event| payload_commitment(&event.parts()));
    let origin = "bench.example.com/ledger".parse().unwrap();
    let started = Instant::now();
    let (_, batch) = State::new(origin).append(read, UnixNanos::now()).unwrap();
    let appending = started.elapsed().as_secs_f64() * 1e6 / events as f64;
    let (chaining, _) = timed(&batch.entries, |entry| ChainHash::of_entry(entry));
    let (hashing, leaves) = timed(&batch.entries, |entry| LeafHash::of_entry(entry));
    let mut tree = Frontier::new();
    let (growing, _) = timed(&leaves, |leaf| tree.push(*leaf, |_, _| {}));
    let (compressing, stored) = compress(&batch.entries, &batch.events);
    show(
        "protobuf, decoded (a do-nothing server does this too)",
        decoding,
    );
    show(
        "reading and checking, JSON and commitments in it",
        reading - copying,
    );
    show("  of it commitments: BLAKE3 of the parts", committing);
    show("State::append: entries, chain, leaves, tree", appending);
    show("  of it the chain: BLAKE3 of the entry", chaining);
    show("  of it the leaf: SHA-256 of the entry", hashing);
    show("  of it the tree: SHA-256 of the nodes", growing);
    show("compression: Zstandard, blocks of 256", compressing);
    let floor = committing + chaining + hashing + growing + compressing;
    show("hashes and compression alone: the floor", floor);
    println!("{stored} bytes stored an event");
    println!(
        "a server that does nothing and takes B core-microseconds an event can't be reached beyond B / (B + {floor:.2})"
    );
}

/// Core-microseconds an item, and what was made of them.
fn timed<T, R>(items: &[T], mut work: impl FnMut(&T) -> R) -> (f64, Vec<R>) {
    let mut made = Vec::with_capacity(items.len());
    let started = Instant::now();
    for item in items {
        made.push(black_box(work(black_box(item))));
    }
    let took = started.elapsed().as_secs_f64() * 1e6;
    (took / items.len() as f64, made)
}

/// As the journal does it: entries and payloads of a block each by themselves.
fn compress(entries: &[Vec<u8>], events: &[Event]) -> (f64, usize) {
    let mut blocks = Vec::new();
    for (entries, events) in entries
        .chunks(BLOCK_ENTRIES)
        .zip(events.chunks(BLOCK_ENTRIES))
    {
        let (mut of_entries, mut of_payloads) = (Vec::new(), Vec::new());
        for (entry, event) in entries.iter().zip(events) {
            push_entry(&mut of_entries, entry).unwrap();
            encode_parts(&event.parts(), &mut of_payloads).unwrap();
        }
        blocks.extend([of_entries, of_payloads]);
    }
    let mut compressor = zstd::bulk::Compressor::new(LEVEL_DEFAULT).unwrap();
    let (took, stored) = timed(&blocks, |block| compressor.compress(block).unwrap().len());
    let stored: usize = stored.into_iter().sum();
    (
        took * blocks.len() as f64 / entries.len() as f64,
        stored / entries.len(),
    )
}

fn show(what: &str, microseconds: f64) {
    println!("  {what:<56} {microseconds:6.2}");
}
