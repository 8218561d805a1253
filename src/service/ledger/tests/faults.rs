//! The fault table of the module, row by row.

use super::{
    super::{AppendError, Posting, StopReason},
    disk::Fault,
    home::{Home, event, record, renumbered, verify, verify_receipt},
};
use crate::ledger::{
    hash::LeafHash,
    position::{EntryIndex, TreeSize},
};

/// Lets a write of the journal fail while more is queued, and gives whether the event was there after a restart.
async fn fails(fault: Fault) -> bool {
    let home = Home::new();
    let ledger = home.open();
    let first = record(&ledger, event("ci", "first", "1")).await.unwrap();
    home.disk.fail_next(fault);
    let error = record(&ledger, event("ci", "second", "1"))
        .await
        .unwrap_err();
    assert_eq!(error, AppendError::NotKnownToBeStored);
    let error = record(&ledger, event("ci", "third", "1"))
        .await
        .unwrap_err();
    match fault {
        // The waiter may wake before the thread has unwound so far as to say why.
        Fault::Panic => assert_ne!(error, AppendError::ShuttingDown),
        _ => assert!(matches!(error, AppendError::Stopped(_)), "{error:?}"),
    }
    // Reading goes on, and nothing is told that is not durable.
    assert_eq!(ledger.checkpoint().checkpoint().size, TreeSize::new(1));
    assert!(ledger.entry(first.index).is_ok());
    assert!(ledger.entry(EntryIndex::new(1)).is_err());
    assert!(ledger.receipt(first.index).is_ok());
    assert_eq!(ledger.find("ci", "second").unwrap(), None);
    ledger.shutdown().await;
    assert!(ledger.stopped().is_some());
    drop(ledger);
    home.disk.clear();

    let ledger = home.open();
    let stored = ledger.find("ci", "second").unwrap().is_some();
    let second = record(&ledger, event("ci", "second", "1")).await.unwrap();
    assert_eq!(second.duplicate, stored);
    assert_eq!(second.index, EntryIndex::new(1));
    verify_receipt(&second);
    let again = record(&ledger, event("ci", "first", "1")).await.unwrap();
    assert_eq!(verify_receipt(&again), verify_receipt(&first));
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(2));
    stored
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_is_not_known_to_be_stored_and_sent_again_is_recorded() {
    assert!(!fails(Fault::Write).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_write_is_not_known_to_be_stored_and_sent_again_is_recorded() {
    assert!(!fails(Fault::HalfWrite).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_fails_is_not_known_to_be_stored_and_sent_again_has_one_entry() {
    assert!(!fails(Fault::Sync).await);
    assert!(fails(Fault::SyncAndGone).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_panics_leaves_nobody_waiting() {
    assert!(!fails(Fault::Panic).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_behind_a_failed_write_are_not_acknowledged() {
    let home = Home::new();
    let ledger = home.open();
    let stored = record(&ledger, event("ci", "stored", "1")).await.unwrap();
    home.disk.hold();
    let post = |id: u32| {
        let event = event("ci", id, "1");
        ledger.try_post(Posting {
            event,
            want_receipt: true,
        })
    };
    let first = post(0).unwrap();
    home.disk.wait_until_held();
    // These queue up behind a sync that is going to fail; one of them is durable already.
    let mut behind: Vec<_> = (1..200).map(|id| post(id).unwrap()).collect();
    let again = ledger.try_post(Posting {
        event: event("ci", "stored", "1"),
        want_receipt: true,
    });
    home.disk.fail_next(Fault::Sync);
    home.disk.release();
    behind.insert(0, first);
    for pending in behind {
        let error = pending.answers().await.pop().unwrap().unwrap_err();
        assert!(
            matches!(
                error,
                AppendError::NotKnownToBeStored | AppendError::Stopped(_)
            ),
            "{error:?}"
        );
    }
    match again.unwrap().answers().await.pop().unwrap() {
        Ok(again) => assert_eq!(verify_receipt(&again), verify_receipt(&stored)),
        Err(error) => assert!(matches!(error, AppendError::Stopped(_)), "{error:?}"),
    }
    assert_eq!(verify(&ledger.reader()), TreeSize::new(1));
    ledger.shutdown().await;
    let size = home.verify();
    assert!(size >= TreeSize::new(1) && size <= TreeSize::new(201));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_fails_stops_the_ledger_and_takes_nothing_back() {
    let home = Home::new();
    let ledger = home.open();
    record(&ledger, event("ci", "a", "1")).await.unwrap();
    ledger.find("ci", "a").unwrap().unwrap();
    // Something that is not in the journal, so the next batch does not fit.
    let entry = renumbered(&ledger.entry(EntryIndex::new(0)).unwrap().entry, 1);
    let leaf = LeafHash::of_entry(&entry);
    let index = &ledger.shared().index;
    index.apply(EntryIndex::new(1), &[&entry], &[leaf]).unwrap();

    let b = record(&ledger, event("ci", "b", "1")).await.unwrap();
    verify_receipt(&b);
    // The answer may be out before the index is asked; asking it waits for that.
    assert!(ledger.find("ci", "b").is_err());
    let error = record(&ledger, event("ci", "c", "1")).await.unwrap_err();
    assert!(
        matches!(error, AppendError::Stopped(StopReason::Index(_))),
        "{error:?}"
    );
    assert!(ledger.entry(b.index).is_ok());
    ledger.shutdown().await;
    drop(ledger);

    let ledger = home.open();
    let again = record(&ledger, event("ci", "b", "1")).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(verify_receipt(&again), verify_receipt(&b));
    record(&ledger, event("ci", "c", "1")).await.unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(3));
}
