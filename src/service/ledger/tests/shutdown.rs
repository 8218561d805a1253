//! The queue's limits and the orderly end.

use super::{
    super::{AppendError, Posting},
    home::{Home, event, record, verify_receipt},
};
use crate::ledger::position::{TreeSize, count};

fn posting(id: impl ToString) -> Posting {
    Posting {
        event: event("ci", id, "1"),
        want_receipt: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_under_load_is_there_after_a_shutdown() {
    let home = Home::new();
    let ledger = home.open();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let ledger = ledger.clone();
            tokio::spawn(async move {
                let mut recorded = Vec::new();
                for id in 0.. {
                    match record(&ledger, event("ci", format!("{task}-{id}"), "1")).await {
                        Ok(answer) => recorded.push(answer),
                        Err(error) => {
                            assert_eq!(error, AppendError::ShuttingDown);
                            break;
                        }
                    }
                }
                recorded
            })
        })
        .collect();
    let mut committed = ledger.committed();
    committed
        .wait_for(|size| *size >= TreeSize::new(200))
        .await
        .unwrap();
    ledger.shutdown().await;
    let mut recorded = Vec::new();
    for task in tasks {
        recorded.extend(task.await.unwrap());
    }
    drop(ledger);
    assert_eq!(TreeSize::new(count(recorded.len())), home.verify());
    let published = crate::store::directory::DataDirectory::open(home.directory.path())
        .unwrap()
        .published_checkpoint()
        .unwrap()
        .unwrap();
    assert_eq!(published.checkpoint().size, home.verify());
    let ledger = home.open();
    for recorded in recorded {
        let receipt = verify_receipt(&recorded);
        assert_eq!(ledger.entry(recorded.index).unwrap().entry, receipt.entry);
    }
    ledger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_when_the_ledger_closes_is_still_answered() {
    let home = Home::new();
    let ledger = home.open();
    home.disk.hold();
    let queued: Vec<_> = (0..500)
        .map(|id| ledger.try_post(posting(id)).unwrap())
        .collect();
    let closing = tokio::spawn({
        let ledger = ledger.clone();
        async move { ledger.shutdown().await }
    });
    home.disk.wait_until_held();
    home.disk.release();
    for pending in queued {
        pending.answers().await.pop().unwrap().unwrap();
    }
    closing.await.unwrap();
    let error = ledger
        .append(event("ci", "late", "1"), false)
        .await
        .unwrap_err();
    assert_eq!(error, AppendError::ShuttingDown);
    let late = ledger
        .append_many(vec![posting("late"), posting("later")])
        .await;
    assert_eq!(
        late,
        vec![
            Err(AppendError::ShuttingDown),
            Err(AppendError::ShuttingDown)
        ]
    );
    // Reading goes on.
    assert!(ledger.find("ci", "499").unwrap().is_some());
    let checkpoint = ledger.checkpoint();
    drop(ledger);
    let next = home.open();
    assert_eq!(next.checkpoint(), checkpoint);
    next.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_handles_are_gone_commits_what_is_queued_and_ends() {
    let home = Home::new();
    let ledger = home.open();
    let pending = ledger.try_post(posting("a")).unwrap();
    drop(ledger);
    pending.answers().await.pop().unwrap().unwrap();
    assert_eq!(home.verify(), TreeSize::new(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sends_one_away_and_lets_a_stream_wait() {
    let mut home = Home::new();
    home.options.queue_bytes_max = 20_000;
    let ledger = home.open();
    home.disk.hold();
    let mut queued = Vec::new();
    let error = loop {
        match ledger.try_post(posting(queued.len())) {
            Ok(pending) => queued.push(pending),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::QueueFull { .. }));
    assert!(queued.len() >= 4);
    let stream = tokio::spawn({
        let ledger = ledger.clone();
        // Far more than the queue has room for at any time.
        let postings = (0..300).map(|id| posting(format!("s{id}"))).collect();
        async move { ledger.append_many(postings).await }
    });
    home.disk.wait_until_held();
    home.disk.release();
    let answers = stream.await.unwrap();
    let indexes: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.unwrap().index)
        .collect();
    assert_eq!(indexes.len(), 300);
    assert!(indexes.is_sorted());
    let total = TreeSize::new(count(queued.len() + indexes.len()));
    for pending in queued {
        pending.answers().await.pop().unwrap().unwrap();
    }
    ledger.shutdown().await;
    assert_eq!(home.verify(), total);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_wait_for_room_leave_some_to_those_who_do_not() {
    let mut home = Home::new();
    home.options.queue_bytes_max = 20_000;
    let ledger = home.open();
    home.disk.hold();
    let streams: Vec<_> = (0..3)
        .map(|stream| {
            let ledger = ledger.clone();
            let postings = (0..40)
                .map(|id| posting(format!("{stream}-{id}")))
                .collect();
            tokio::spawn(async move { ledger.append_many(postings).await })
        })
        .collect();
    home.disk.wait_until_held();
    let single = ledger.try_post(posting("single")).unwrap();
    home.disk.release();
    single.answers().await.pop().unwrap().unwrap();
    for stream in streams {
        assert!(stream.await.unwrap().iter().all(Result::is_ok));
    }
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(121));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_nobody_waits_for_do_not_hold_anything_up() {
    let home = Home::new();
    let ledger = home.open();
    for id in 0..100 {
        drop(ledger.try_post(posting(id)).unwrap());
    }
    ledger.append(event("ci", "last", "1"), true).await.unwrap();
    ledger.shutdown().await;
    assert_eq!(home.verify(), TreeSize::new(101));
}
