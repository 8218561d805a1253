//! What was appended is what is read, however it is asked for.

use crate::{
    ledger::{
        position::{EntryIndex, TreeSize},
        tile::TILE_WIDTH,
    },
    store::disk::sim::SimDisk,
};

use super::{
    super::{Journal, JournalError, JournalOptions, JournalReader, Scan, StoredBatch},
    Made, append_all, create, directory, empty, entries_of, expected_entries, make, origin, shared,
    written,
};

fn index(value: usize) -> EntryIndex {
    EntryIndex::new(value as u64)
}

fn journal_with(segment_bytes: u64, sizes: &[usize], content_bytes: usize) -> (Journal, Vec<Made>) {
    journal_on(&SimDisk::new(21), segment_bytes, sizes, content_bytes)
}

fn journal_on(
    disk: &SimDisk,
    segment_bytes: u64,
    sizes: &[usize],
    content_bytes: usize,
) -> (Journal, Vec<Made>) {
    let made = make(21, sizes, content_bytes);
    let options = JournalOptions {
        segment_bytes,
        ..JournalOptions::default()
    };
    let mut journal = Journal::create(shared(disk), &directory(), &empty(), options).unwrap();
    append_all(&mut journal, &made);
    (journal, made)
}

/// Reads every entry by itself, in an order that jumps about.
fn check_entries(reader: &JournalReader, made: &[Made]) {
    let expected = expected_entries(made);
    for step in 0..expected.len() {
        let at = step * 101 % expected.len();
        assert_eq!(reader.entry(index(at)).unwrap(), expected[at]);
        assert_eq!(reader.entry_alone(index(at)).unwrap(), expected[at].entry);
    }
}

#[test]
fn every_entry_is_found_among_single_entry_batches() {
    // Several samples' worth of frames in one segment.
    let (journal, made) = journal_with(64 << 20, &[1; 307], 2000);
    check_entries(&journal.reader(), &made);
}

#[test]
fn every_entry_is_found_in_more_segments_than_are_kept_open() {
    let disk = SimDisk::new(22);
    let (journal, made) = journal_on(&disk, 1, &[1; 157], 10);
    check_entries(&journal.reader(), &made);
    let reader = JournalReader::open_on(shared(&disk), &directory()).unwrap();
    check_entries(&reader, &made);
}

#[test]
fn every_entry_is_found_in_batches_of_all_sizes() {
    let (journal, made) = journal_with(100_000, &[1, 255, 2, 700, 1, 256, 3], 900);
    check_entries(&journal.reader(), &made);
}

#[test]
fn blocks_never_cross_a_tile_and_stay_small() {
    let (journal, made) = journal_with(64 << 20, &[100, 700, 3], 4000);
    for batch in journal.reader().batches(index(0)) {
        let batch = batch.unwrap();
        let mut next = batch.first;
        for block in &batch.blocks {
            assert_eq!(block.first, next);
            next = block.first.plus(block.count);
            let last = next.value() - 1;
            assert_eq!(block.first.value() / TILE_WIDTH, last / TILE_WIDTH);
            assert!(block.payloads.len() < super::super::BLOCK_PAYLOAD_BYTES + 5000);
        }
        assert_eq!(next, batch.checkpoint.checkpoint().size.next_index());
    }
    check_entries(&journal.reader(), &made);
}

#[test]
fn batches_begin_with_the_one_that_holds_the_entry() {
    let (journal, made) = journal_with(4000, &[2, 3, 1, 4, 5], 800);
    let reader = journal.reader();
    for (number, one) in made.iter().enumerate() {
        for within in 0..one.batch.len() {
            let from = one.batch.first.plus(within);
            let batches: Vec<StoredBatch> = reader.batches(from).map(Result::unwrap).collect();
            assert_eq!(batches.len(), made.len() - number);
            assert_eq!(entries_of(&batches[0]), one.batch.entries);
            assert_eq!(reader.batch_at(from).unwrap(), batches[0]);
        }
    }
    assert_eq!(reader.batches(reader.size().next_index()).count(), 0);
    let beyond = reader.batch_at(reader.size().next_index());
    assert!(
        matches!(beyond, Err(JournalError::NoSuchEntry { .. })),
        "{beyond:?}"
    );
}

#[test]
fn entries_alone_are_the_same_entries() {
    let (journal, _) = journal_with(4000, &[2, 300], 100);
    for raw in journal.reader().raw_batches(index(0)) {
        let raw = raw.unwrap();
        let whole = raw.decode().unwrap();
        let alone = raw.decode_entries().unwrap();
        assert_eq!(alone.len(), whole.blocks.len());
        for (alone, block) in alone.iter().zip(&whole.blocks) {
            assert_eq!((alone.first, alone.count), (block.first, block.count));
            assert_eq!(alone.entries, block.entries);
        }
        assert_eq!(raw.checkpoint().unwrap(), whole.checkpoint);
    }
}

#[test]
fn a_reader_sees_each_batch_once_it_is_committed() {
    let made = make(5, &[1, 2, 3, 4, 5, 6], 1500);
    let mut journal = create(&SimDisk::new(5)).unwrap();
    let reader = journal.reader().clone();
    let mut seen = 0;
    for one in &made {
        assert_eq!(reader.size(), TreeSize::new(one.batch.first.value()));
        journal.append(one.encoded.clone()).unwrap();
        assert_eq!(reader.size(), one.encoded.size());
        assert_eq!(reader.checkpoint().as_ref(), Some(&one.checkpoint));
        let new: Vec<StoredBatch> = reader.batches(index(seen)).map(Result::unwrap).collect();
        assert_eq!(new.len(), 1);
        seen += one.batch.entries.len();
        assert_eq!(
            reader.entry(index(seen - 1)).unwrap().entry,
            *one.batch.entries.last().unwrap()
        );
    }
    assert_eq!(reader.size(), TreeSize::new(21));
}

#[test]
fn readers_and_the_writer_do_not_disturb_each_other() {
    let made = make(6, &[3; 60], 700);
    let expected = expected_entries(&made);
    let mut journal = create(&SimDisk::new(6)).unwrap();
    let reader = journal.reader();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (reader, expected) = (reader.clone(), &expected);
            scope.spawn(move || {
                while reader.size() < TreeSize::new(expected.len() as u64) {
                    let size = reader.size().value() as usize;
                    for at in [size / 2, size.saturating_sub(1)] {
                        if at < size {
                            assert_eq!(reader.entry(index(at)).unwrap(), expected[at]);
                        }
                    }
                    let mut next = size / 2;
                    for batch in reader.batches(index(next)) {
                        next = batch.unwrap().checkpoint.checkpoint().size.value() as usize;
                    }
                    assert!(next >= size / 2);
                }
            });
        }
        append_all(&mut journal, &made);
    });
}

#[test]
fn the_scan_of_an_intact_journal_gives_every_batch() {
    let made = make(7, &[2, 9, 1, 4, 1, 1, 300], 1500);
    let disk = written(7, &made);
    let mut scan = Scan::open(shared(&disk), &directory()).unwrap();
    let decoded: Vec<StoredBatch> = scan
        .by_ref()
        .map(|raw| raw.unwrap().decode().unwrap())
        .collect();
    assert_eq!(scan.size(), made[6].encoded.size());
    assert_eq!(scan.origin(), Some(&origin()));
    for (batch, one) in decoded.iter().zip(&made) {
        assert_eq!(entries_of(batch), one.batch.entries);
    }
    assert_eq!(decoded.len(), made.len());
}
