use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::ledger::tree::{inclusion_holds, prove_inclusion};

#[test]
fn what_is_applied_is_found_by_other_threads_at_once_and_while_runs_are_merged() {
    let directory = tempfile::tempdir().unwrap();
    let options = IndexOptions {
        background: true,
        ..SMALL
    };
    let index = open(directory.path(), options);
    let model = Model::with_entries(12_000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2_u64 {
            let (index, model, done) = (&index, &model, &done);
            scope.spawn(move || {
                let mut draw = thread;
                while !done.load(Ordering::Acquire) {
                    let size = index.size().value();
                    draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if size > 0 {
                        assert_finds(index, model, (draw >> 33) % size, size);
                    }
                }
            });
        }
        model.apply_to(&index, 100);
        done.store(true, Ordering::Release);
    });
    assert_finds_all(&index, &model);
}

/// One entry, by all ways there are.
fn assert_finds(index: &Index, model: &Model, number: u64, size: u64) {
    let entry = EntryIndex::new(number);
    let found = index
        .candidates(&source_of(number), &event_id_of(number))
        .unwrap();
    assert_eq!(found, [entry]);
    let subject = model.entry(number).subject.to_owned();
    let filter = Filter {
        subjects: vec![subject],
        ..Filter::default()
    };
    let end = EntryIndex::new(size);
    let found = index.select(&filter, entry..end, 1).unwrap();
    assert_eq!(found, [entry]);
    let tree = TreeSize::new(size);
    let proof = prove_inclusion(index, entry, tree).unwrap().unwrap();
    let root = Frontier::read(index, tree).unwrap().root();
    let leaf = model.leaves[number as usize];
    assert!(inclusion_holds(entry, tree, leaf, &proof, root));
}
