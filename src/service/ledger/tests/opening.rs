//! What a start makes of what it finds.

use std::sync::Arc;

use super::{
    super::{LedgerError, Posting},
    home::{Home, event, key, record, verify_receipt},
};
use crate::{
    ledger::{
        checkpoint::Checkpoint,
        hash::{LeafHash, RootHash},
        note::SigningKey,
        position::{EntryIndex, TreeSize, UnixNanos},
        state::{Discontinuity, State},
    },
    store::{
        disk::FsDisk,
        index::Index,
        journal::{EncodedBatch, Journal, JournalOptions},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_ledger_has_a_checkpoint_and_nothing_else() {
    let home = Home::new();
    let (ledger, opened) = home.try_open().unwrap();
    assert_eq!(
        (opened.size, opened.caught_up, &opened.rebuilt),
        (TreeSize::EMPTY, 0, &None)
    );
    let checkpoint = ledger.checkpoint();
    checkpoint.verify(key().verifier()).unwrap();
    assert_eq!(checkpoint.checkpoint().root, RootHash::empty());
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::EMPTY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_kept_out() {
    let home = Home::new();
    let ledger = home.open();
    assert!(matches!(home.try_open(), Err(LedgerError::Journal(_))));
    ledger.shutdown().await;
    home.open().shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_gone_is_rebuilt_with_the_same_answers() {
    let home = Home::new();
    let ledger = home.open();
    let postings = (0..700)
        .map(|id| Posting {
            event: event("ci", id, "1"),
            want_receipt: true,
        })
        .collect();
    let answers = ledger.append_many(postings).await;
    ledger.shutdown().await;
    drop(ledger);
    home.delete_index();
    let (ledger, opened) = home.try_open().unwrap();
    assert_eq!((opened.size, opened.caught_up), (TreeSize::new(700), 700));
    for (id, first) in answers.into_iter().enumerate().step_by(13) {
        let first = first.unwrap();
        assert_eq!(
            ledger.find("ci", &id.to_string()).unwrap(),
            Some(first.index)
        );
        let again = record(&ledger, event("ci", id, "1")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(verify_receipt(&again), verify_receipt(&first));
    }
    record(&ledger, event("ci", "new", "1")).await.unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(701));
}

/// Opens a ledger of three entries whose index says something else.
async fn opens_with_index(spoil: impl FnOnce(&Index, &[u8])) -> Option<String> {
    let home = Home::new();
    let ledger = home.open();
    for id in 0..3 {
        record(&ledger, event("ci", id, "1")).await.unwrap();
    }
    let entry = ledger.entry(EntryIndex::new(0)).unwrap().entry;
    ledger.shutdown().await;
    drop(ledger);
    home.delete_index();
    let index = Index::open(&home.index(), key().verifier().name()).unwrap();
    spoil(&index, &entry);
    index.flush().unwrap();
    drop(index);
    let (ledger, opened) = home.try_open().unwrap();
    assert!(
        record(&ledger, event("ci", 1, "1"))
            .await
            .unwrap()
            .duplicate
    );
    assert!(
        !record(&ledger, event("ci", 3, "1"))
            .await
            .unwrap()
            .duplicate
    );
    ledger
        .receipt(EntryIndex::new(0))
        .unwrap()
        .verify(key().verifier())
        .unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(4));
    opened.rebuilt
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_of_another_tree_is_rebuilt() {
    let wrong = LeafHash::of_entry(b"something else");
    for entries in 1..=3 {
        let rebuilt = opens_with_index(|index, entry| {
            for at in 0..entries {
                index
                    .apply(EntryIndex::new(at), &[entry], &[wrong])
                    .unwrap();
            }
        });
        assert!(rebuilt.await.is_some(), "{entries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_ahead_of_the_journal_is_rebuilt() {
    let rebuilt = opens_with_index(|index, entry| {
        let leaf = LeafHash::of_entry(entry);
        index
            .apply(EntryIndex::new(0), &[entry; 9], &[leaf; 9])
            .unwrap();
    });
    assert!(rebuilt.await.unwrap().contains("the index has 9 entries"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_behind_is_caught_up() {
    let rebuilt = opens_with_index(|index, entry| {
        index
            .apply(EntryIndex::new(0), &[entry], &[LeafHash::of_entry(entry)])
            .unwrap();
    });
    assert_eq!(rebuilt.await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_one_that_signed_is_refused() {
    let home = Home::new();
    let ledger = home.open();
    record(&ledger, event("ci", 1, "1")).await.unwrap();
    ledger.shutdown().await;
    let other = SigningKey::from_seed(key().verifier().name().clone(), &[1; 32]);
    assert!(matches!(
        home.try_open_with(other),
        Err(LedgerError::OtherKey(_))
    ));
    home.open().shutdown().await;
}

/// Appends a batch to a journal behind the ledger's back.
fn forge(home: &Home, state: &State, sign: impl FnOnce(Checkpoint) -> Checkpoint) -> State {
    let origin = key();
    let (mut journal, _) = Journal::open(
        Arc::new(FsDisk),
        home.directory.path(),
        origin.verifier().name(),
        JournalOptions::default(),
    )
    .unwrap();
    let events = vec![event("ci", "forged", "1"), event("ci", "too", "1")];
    let (next, batch) = state.append(events, UnixNanos::new(7)).unwrap();
    let checkpoint = sign(batch.checkpoint.clone()).sign(&key());
    let batch = EncodedBatch::new(&batch, &checkpoint, 1).unwrap();
    journal.append(batch).unwrap();
    next
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_entries_were_not_signed_is_refused() {
    let home = Home::new();
    let state = State::new(key().verifier().name().clone());
    forge(&home, &state, |mut checkpoint| {
        checkpoint.root = RootHash::from_bytes([9; 32]);
        checkpoint
    });
    let error = home.try_open().err().unwrap();
    assert!(
        matches!(error, LedgerError::Root { index, .. } if index == EntryIndex::new(1)),
        "{error}"
    );
    assert!(error.to_string().contains("exhibit verify"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_whose_chain_is_broken_is_refused_at_the_entry() {
    let home = Home::new();
    let honest = State::new(key().verifier().name().clone());
    forge(&home, &honest, |checkpoint| checkpoint);
    // The same size, after other events.
    let events = vec![event("ci", "x", "1"), event("ci", "y", "1")];
    let (other, _) = honest.append(events, UnixNanos::new(7)).unwrap();
    forge(&home, &other, |checkpoint| checkpoint);
    let error = home.try_open().err().unwrap();
    let LedgerError::Discontinuity(Discontinuity::Chain { index, .. }) = error else {
        panic!("{error}");
    };
    assert_eq!(index, EntryIndex::new(2));
}
