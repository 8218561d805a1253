use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::{
    ledger::{
        tile::{Span, TileId},
        tree::{NodeSource, inclusion_holds, prove_consistency, prove_inclusion},
    },
    store::index::{IndexError, Opened},
};

/// What is done to an index between two comparisons.
#[derive(Debug, Clone)]
struct Step {
    grow: u64,
    batch: usize,
    /// Drop it and open it again.
    reopen: bool,
    flush: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_u64..700, 1_usize..500, any::<bool>(), any::<bool>());
    let step = step.prop_map(|(grow, batch, reopen, flush)| Step {
        grow,
        batch,
        reopen,
        flush,
    });
    proptest::collection::vec(step, 1..6)
}

fn options() -> impl Strategy<Value = IndexOptions> {
    (1_u64..3, 2_usize..4, 256_usize..600, any::<bool>()).prop_map(
        |(tiles, fan_in, page_bytes, background)| IndexOptions {
            tail_entries: tiles * 256,
            fan_in,
            page_bytes,
            background,
            ..SMALL
        },
    )
}

fn filters() -> impl Strategy<Value = Filter> {
    let some = |texts: Vec<String>| proptest::sample::subsequence(texts, 0..=2);
    let subjects = vec![
        String::new(),
        "service/1@production".to_owned(),
        "change/40".to_owned(),
        "change/300".to_owned(),
        "nothing/like-it".to_owned(),
    ];
    let time = || proptest::option::of((900_u64..6000).prop_map(UnixNanos::new));
    (
        some((0..3).map(|n| format!("exhibit.type-{n}.v1")).collect()),
        some((0..12).map(source_of).collect()),
        some(subjects),
        time(),
        time(),
    )
        .prop_map(|(event_types, sources, subjects, from, before)| Filter {
            event_types,
            sources,
            subjects,
            recorded_from: from,
            recorded_before: before,
        })
}

/// All entries of a range that the filter selects, asked for `limit` at a time.
fn selected(
    index: &Index,
    model: &Model,
    filter: &Filter,
    range: Range<u64>,
    limit: usize,
) -> Vec<EntryIndex> {
    let (mut found, mut next) = (Vec::new(), EntryIndex::new(range.start));
    loop {
        let end = EntryIndex::new(range.end);
        let some = index.select(filter, next..end, limit).unwrap();
        assert!(some.len() <= limit && some.is_sorted());
        found.extend(some.iter().copied());
        match some.last() {
            Some(last) if some.len() == limit => next = last.plus(1),
            _ => break,
        }
    }
    assert!(found.is_sorted_by(|a, b| a < b));
    if filter.recorded_from.is_none() && filter.recorded_before.is_none() {
        assert_eq!(found, model.selected(filter, range));
    }
    found.retain(|index| filter.selects(&model.entry(index.value())));
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_was_applied_and_reopened_is_found_as_a_scan_finds_it(
        steps in steps(),
        options in options(),
        filters in proptest::collection::vec((filters(), 0_u64..1500, 0_u64..1500, 1_usize..400), 8),
        proofs in proptest::collection::vec((any::<u32>(), any::<u32>()), 16),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let mut model = Model::default();
        let mut index = open(directory.path(), options);
        for step in steps {
            model.grow(step.grow);
            model.apply_to(&index, step.batch);
            if step.flush {
                index.flush().unwrap();
            }
            if step.reopen {
                let size = index.size().value();
                drop(index);
                index = open(directory.path(), options);
                prop_assert!(index.size().value() <= size);
                if step.flush {
                    prop_assert!(size - index.size().value() < options.tail_entries);
                }
                model.apply_to(&index, step.batch);
            }
            for (filter, from, to, limit) in &filters {
                let range = *from.min(to)..*from.max(to);
                prop_assert_eq!(
                    selected(&index, &model, filter, range.clone(), *limit),
                    model.selected(filter, range)
                );
            }
            for (a, b) in &proofs {
                let size = u64::from(*a) % (model.size() + 1);
                let at = u64::from(*b) % size.max(1);
                if size > 0 {
                    assert_proves(&index, &model, at, size);
                }
            }
        }
        assert_finds_all(&index, &model);
        prop_assert_eq!(index.frontier().root(), model.root(model.size()));
    }
}

fn assert_proves(index: &Index, model: &Model, at: u64, size: u64) {
    let (entry, tree) = (EntryIndex::new(at), TreeSize::new(size));
    let proof = prove_inclusion(index, entry, tree).unwrap().unwrap();
    let leaf = model.leaves[at as usize];
    assert!(inclusion_holds(entry, tree, leaf, &proof, model.root(size)));
    let old = TreeSize::new(at + 1);
    let proof = prove_consistency(index, old, tree).unwrap().unwrap();
    assert!(crate::ledger::tree::consistency_holds(
        (old, model.root(at + 1)),
        (tree, model.root(size)),
        &proof
    ));
}

#[test]
fn every_tile_of_every_size_is_that_of_the_whole_tree() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(directory.path(), SMALL);
    let model = Model::with_entries(2100);
    model.apply_to(&index, 333);
    for size in [1, 2, 255, 256, 257, 512, 1023, 1024, 2047, 2048, 2100] {
        for id in TileId::all(TreeSize::new(size)) {
            assert_eq!(index.tile(id).unwrap(), model.tile(id), "{id} of {size}");
        }
    }
}

#[test]
fn a_tree_of_three_tile_levels_is_continued_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let options = IndexOptions {
        tail_entries: 16_384,
        fan_in: 2,
        ..IndexOptions::default()
    };
    let model = Model::with_entries(66_000);
    let index = open(directory.path(), options);
    model.apply_to(&index, 1000);
    index.flush().unwrap();
    drop(index);
    let index = open(directory.path(), options);
    assert!(index.size().value() >= 65_536);
    model.apply_to(&index, 1000);
    assert_eq!(index.frontier().root(), model.root(66_000));
    for (level, number, width) in [
        (0, 0, 256),
        (0, 255, 256),
        (0, 257, 208),
        (1, 0, 256),
        (1, 1, 1),
        (2, 0, 1),
    ] {
        let span = Span { number, width };
        let id = TileId { level, span };
        assert_eq!(index.tile(id).unwrap(), model.tile(id), "{id}");
    }
    for (at, size) in [(0, 66_000), (65_535, 65_536), (65_536, 66_000), (3, 65_537)] {
        assert_proves(&index, &model, at, size);
    }
}

#[test]
fn tiles_and_nodes_beyond_the_tree_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(directory.path(), SMALL);
    Model::with_entries(300).apply_to(&index, 100);
    for (level, number, width) in [
        (0, 1, 45),
        (0, 2, 1),
        (1, 0, 2),
        (2, 0, 1),
        (0, 0, 0),
        (0, 0, 257),
        (0, u64::MAX, 256),
        (9, 0, 1),
    ] {
        let span = Span { number, width };
        let tile = index.tile(TileId { level, span });
        assert!(matches!(tile, Err(IndexError::NoSuchTile { .. })));
    }
    for (level, index_of_node) in [(0, 300), (1, 150), (8, 1), (9, 0), (64, 0), (3, u64::MAX)] {
        let at = NodeAt {
            level,
            index: index_of_node,
        };
        let node = index.node(at);
        assert!(matches!(node, Err(IndexError::NoSuchNode { .. })));
    }
}

#[test]
fn entries_out_of_order_are_refused_and_nothing_is_added() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(directory.path(), SMALL);
    let model = Model::with_entries(10);
    let entries: Vec<&[u8]> = model.entries.iter().map(Vec::as_slice).collect();
    let apply = |first, from: usize, to: usize| {
        index.apply(
            EntryIndex::new(first),
            &entries[from..to],
            &model.leaves[from..to],
        )
    };
    apply(0, 0, 5).unwrap();
    for (first, from, to) in [(6, 6, 8), (4, 4, 8), (0, 0, 5), (5, 6, 8)] {
        let refused = apply(first, from, to);
        assert!(matches!(refused, Err(IndexError::OutOfOrder { .. })));
    }
    let refused = index.apply(EntryIndex::new(5), &entries[5..7], &model.leaves[5..6]);
    assert!(matches!(refused, Err(IndexError::LeafCount { .. })));
    let refused = index.apply(EntryIndex::new(5), &[b"no entry"], &model.leaves[5..6]);
    assert!(matches!(refused, Err(IndexError::Entry { .. })));
    assert_eq!(index.size(), TreeSize::new(5));
    apply(5, 5, 10).unwrap();
    assert_finds_all(&index, &model);
}

#[test]
fn entries_that_share_a_key_are_all_found() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(directory.path(), SMALL);
    for number in 0..900_u64 {
        let bytes = Entry::at(
            EntryIndex::new(number),
            UnixNanos::new(1),
            ChainHash::from_bytes([0; 32]),
            EntryFields {
                occurred_at: UnixNanos::default(),
                source_sequence: 0,
                commitment: PayloadCommitment::from_bytes([0; 32]),
                event_type: "t",
                source: "s",
                event_id: "same",
                subject: "",
                producer: "p",
            },
        )
        .encode()
        .unwrap();
        let leaf = LeafHash::of_entry(&bytes);
        index
            .apply(EntryIndex::new(number), &[&bytes], &[leaf])
            .unwrap();
    }
    let all: Vec<EntryIndex> = (0..900).map(EntryIndex::new).collect();
    assert_eq!(index.candidates("s", "same").unwrap(), all);
}

#[test]
fn an_index_says_what_its_opening_found() {
    let directory = tempfile::tempdir().unwrap();
    let index = open(directory.path(), SMALL);
    assert!(matches!(index.opened(), Opened::New));
    Model::with_entries(600).apply_to(&index, 600);
    drop(index);
    let index = open(directory.path(), SMALL);
    assert!(matches!(index.opened(), Opened::Loaded));
    assert_eq!(index.size(), TreeSize::new(512));
    drop(index);
    let other: KeyName = "ledger.example/other".parse().unwrap();
    let index = Index::open_with(directory.path(), &other, SMALL).unwrap();
    assert!(matches!(index.opened(), Opened::Dropped(_)));
    assert_eq!(index.size(), TreeSize::EMPTY);
}

#[test]
fn a_reset_index_starts_over() {
    let directory = tempfile::tempdir().unwrap();
    for background in [false, true] {
        let options = IndexOptions {
            background,
            ..SMALL
        };
        let index = open(directory.path(), options);
        let model = Model::with_entries(1000);
        model.apply_to(&index, 100);
        index.reset().unwrap();
        assert_eq!(index.size(), TreeSize::EMPTY);
        assert_eq!(
            index.candidates(&source_of(3), &event_id_of(3)).unwrap(),
            []
        );
        model.apply_to(&index, 100);
        assert_finds_all(&index, &model);
        index.reset().unwrap();
    }
}
