//! Receipts, proofs and selections of a running ledger, compared with what they should be by definition.

use std::ops::Range;

use super::{
    super::{Ledger, Posting, ReadError},
    home::{Home, event, key},
};
use crate::ledger::{
    entry::Entry,
    filter::Filter,
    hash::RootHash,
    position::{EntryIndex, TreeSize},
    tree::consistency_holds,
};

/// A ledger of events of three sources, in batches of different sizes.
async fn ledger(home: &Home) -> Ledger {
    let ledger = home.open();
    let mut id = 0;
    for size in [1, 7, 300, 2, 64] {
        let postings = (0..size)
            .map(|_| {
                id += 1;
                Posting {
                    event: event(&format!("ci/{}", id % 3), id, "1"),
                    want_receipt: false,
                }
            })
            .collect();
        for answer in ledger.append_many(postings).await {
            answer.unwrap();
        }
    }
    ledger
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_has_a_receipt_against_the_latest_checkpoint() {
    let home = Home::new();
    let ledger = ledger(&home).await;
    for index in (0..374).step_by(9).chain([373]).map(EntryIndex::new) {
        let receipt = ledger.receipt(index).unwrap();
        assert_eq!(receipt.checkpoint, *ledger.checkpoint());
        let entry = receipt.verify(key().verifier()).unwrap();
        assert_eq!(entry.index, index);
        let stored = ledger.entry(index).unwrap();
        assert_eq!(stored.entry, receipt.entry);
        assert_eq!(
            ledger.find(entry.source, entry.event_id).unwrap(),
            Some(index)
        );
    }
    for error in [
        ledger.receipt(EntryIndex::new(374)).map(drop),
        ledger.entry(EntryIndex::new(374)).map(drop),
    ] {
        assert!(matches!(error, Err(ReadError::NoSuchEntry { .. })));
    }
    assert_eq!(ledger.find("ci/0", "no such id").unwrap(), None);
    ledger.shutdown().await;
    home.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn any_two_checkpoints_are_proven_consistent() {
    let home = Home::new();
    let ledger = ledger(&home).await;
    let signed: Vec<(TreeSize, RootHash)> = ledger
        .reader()
        .batches(EntryIndex::default())
        .map(|batch| {
            let checkpoint = batch.unwrap().checkpoint;
            (checkpoint.checkpoint().size, checkpoint.checkpoint().root)
        })
        .collect();
    assert!(signed.len() >= 5);
    for (number, old) in signed.iter().enumerate() {
        for new in &signed[number..] {
            let proof = ledger.consistency(old.0, new.0).unwrap();
            assert!(consistency_holds(*old, *new, &proof));
        }
    }
    for (old, new) in [(0, 5), (5, 4), (1, 375)] {
        let error = ledger.consistency(TreeSize::new(old), TreeSize::new(new));
        assert!(matches!(error, Err(ReadError::NoSuchSizes { .. })));
    }
    ledger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_has_the_entries_that_the_filter_selects_and_no_others() {
    let home = Home::new();
    let ledger = ledger(&home).await;
    let all = select(&ledger, &Filter::default(), 0..u64::MAX, usize::MAX);
    assert_eq!(all.len(), 374);
    let one = Filter {
        sources: vec!["ci/1".to_owned()],
        ..Filter::default()
    };
    let two = Filter {
        sources: vec!["ci/0".to_owned(), "ci/2".to_owned(), "elsewhere".to_owned()],
        event_types: vec!["exhibit.deployment.v1".to_owned()],
        ..Filter::default()
    };
    let none = Filter {
        subjects: vec!["nothing".to_owned()],
        ..Filter::default()
    };
    for filter in [Filter::default(), one, two, none] {
        for (range, limit) in [
            (0..374, 1000),
            (5..300, 1000),
            (0..9999, 10),
            (370..371, 5),
            (400..500, 5),
        ] {
            let expected: Vec<_> = all
                .iter()
                .filter(|(index, entry)| {
                    range.contains(&index.value()) && filter.selects(&Entry::decode(entry).unwrap())
                })
                .take(limit)
                .cloned()
                .collect();
            assert_eq!(select(&ledger, &filter, range, limit), expected);
        }
    }
    ledger.shutdown().await;
}

fn select(
    ledger: &Ledger,
    filter: &Filter,
    range: Range<u64>,
    limit: usize,
) -> Vec<(EntryIndex, Vec<u8>)> {
    let range = EntryIndex::new(range.start)..EntryIndex::new(range.end);
    let selected = ledger.select(filter, range, limit).unwrap();
    selected
        .into_iter()
        .map(|(index, stored)| {
            assert_eq!(stored, ledger.entry(index).unwrap());
            (index, stored.entry)
        })
        .collect()
}
