//! An event has one entry and one answer, however often, whenever and from wherever it is sent.

use std::sync::atomic::Ordering;

use super::{
    super::{AppendError, Posting},
    home::{Home, NOW, event, record, verify_receipt},
};
use crate::ledger::position::{EntryIndex, TreeSize};

fn posting(id: &str, content: &str) -> Posting {
    Posting {
        event: event("ci", id, content),
        want_receipt: true,
    }
}

fn taken(index: u64) -> AppendError {
    AppendError::AlreadyExists {
        index: EntryIndex::new(index),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_sent_again_gets_its_first_receipt_to_the_byte() {
    let home = Home::new();
    let ledger = home.open();
    let first = record(&ledger, event("ci", "a", "1")).await.unwrap();
    let receipt = verify_receipt(&first).to_string();
    assert!(!first.duplicate);
    for id in 0..300 {
        record(&ledger, event("ci", id, "x")).await.unwrap();
    }
    for restart in [false, true, true] {
        let ledger = if restart {
            ledger.shutdown().await;
            home.delete_index();
            home.open()
        } else {
            ledger.clone()
        };
        let again = record(&ledger, event("ci", "a", "1")).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(verify_receipt(&again).to_string(), receipt);
        assert_eq!(
            (
                again.index,
                again.recorded_at,
                again.leaf_hash,
                again.tree_size
            ),
            (
                first.index,
                first.recorded_at,
                first.leaf_hash,
                first.tree_size
            )
        );
        let without = ledger.append(event("ci", "a", "1"), false).await.unwrap();
        assert_eq!(without.receipt, None);
        let error = record(&ledger, event("ci", "a", "2")).await.unwrap_err();
        assert_eq!(error, taken(0));
        ledger.shutdown().await;
    }
    assert_eq!(home.verify(), TreeSize::new(301));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_in_one_batch_has_one_entry() {
    let home = Home::new();
    let ledger = home.open();
    let postings = [("a", "1"), ("b", "1"), ("a", "1"), ("a", "2"), ("c", "1")];
    let answers = ledger
        .append_many(postings.map(|(id, content)| posting(id, content)).into())
        .await;
    let [a, b, again, other, c] = answers.try_into().unwrap();
    let (a, b, again, c) = (a.unwrap(), b.unwrap(), again.unwrap(), c.unwrap());
    assert_eq!(other.unwrap_err(), taken(0));
    assert_eq!(
        [a.index, b.index, c.index].map(EntryIndex::value),
        [0, 1, 2]
    );
    assert!(again.duplicate && !a.duplicate);
    assert_eq!(
        verify_receipt(&a).to_string(),
        verify_receipt(&again).to_string()
    );
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_sent_again_while_the_disk_has_the_first_is_answered_with_it() {
    let home = Home::new();
    let ledger = home.open();
    home.disk.hold();
    let first = ledger.try_post(posting("a", "1")).unwrap();
    home.disk.wait_until_held();
    let again = ledger.try_post(posting("a", "1")).unwrap();
    let other = ledger.try_post(posting("a", "2")).unwrap();
    home.disk.release();
    let first = first.answers().await.pop().unwrap().unwrap();
    let again = again.answers().await.pop().unwrap().unwrap();
    assert!(again.duplicate);
    assert_eq!(verify_receipt(&again), verify_receipt(&first));
    assert_eq!(other.answers().await.pop().unwrap().unwrap_err(), taken(0));
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_of_two_sources_is_two_events() {
    let home = Home::new();
    let ledger = home.open();
    // Concatenated, source and id of both are the same.
    for (source, id) in [("ci", "ab"), ("cia", "b")] {
        record(&ledger, event(source, id, "1")).await.unwrap();
    }
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_never_lowers_the_time_of_an_entry() {
    let home = Home::new();
    let mut last = 0;
    for (id, offset) in [5, 9, 3, 0, 20].into_iter().enumerate() {
        home.wall.store(NOW + offset, Ordering::SeqCst);
        let ledger = home.open();
        let recorded = record(&ledger, event("ci", id, "1")).await.unwrap();
        verify_receipt(&recorded);
        let at = recorded.recorded_at.value();
        assert!(at >= last && at >= NOW + offset);
        last = at;
        ledger.shutdown().await;
    }
    assert_eq!(home.verify(), TreeSize::new(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_that_send_the_same_events_get_the_same_answers() {
    let home = Home::new();
    let ledger = home.open();
    let tasks: Vec<_> = (0..16)
        .map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for round in 0..40 {
                    // Every event is sent by four tasks, at about the same time.
                    let id = format!("{}-{round}", task / 4);
                    let recorded = record(&ledger, event("ci", &id, &id)).await.unwrap();
                    answers.push((id, verify_receipt(&recorded).to_string(), recorded));
                }
                answers
            })
        })
        .collect();
    let mut receipts = std::collections::HashMap::new();
    let mut fresh = 0;
    for task in tasks {
        for (id, receipt, recorded) in task.await.unwrap() {
            fresh += usize::from(!recorded.duplicate);
            assert_eq!(
                receipts.entry(id).or_insert_with(|| receipt.clone()),
                &receipt
            );
        }
    }
    assert_eq!((receipts.len(), fresh), (160, 160));
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(160));
}
