//! One event at a time.

use std::time::Duration;

use exhibit::{
    ledger::{position::UnixNanos, receipt::Receipt},
    service::{
        proto,
        rpc::{PRODUCER, errors::Reason},
    },
};
use tonic_types::StatusExt as _;

use super::{about, append, fields, refused};
use crate::support::{LONG, TestServer, event, event_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_gets_a_receipt_that_verifies_under_the_ledgers_key() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let before = UnixNanos::now();
    for index in 0..3u64 {
        let answer = append(&mut client, event("ci:a", &index.to_string()))
            .await
            .unwrap();
        let recorded = answer.recorded.unwrap();
        let receipt = Receipt::parse(answer.receipt.as_bytes()).unwrap();
        let entry = receipt.verify(&server.key).unwrap();
        assert_eq!(
            (entry.source, entry.event_id),
            ("ci:a", index.to_string().as_str())
        );
        assert_eq!(entry.producer, PRODUCER);
        assert_eq!(recorded.index, index);
        assert_eq!(entry.index.value(), index);
        assert_eq!(recorded.tree_size, index + 1);
        assert!(!recorded.duplicate);
        let time = recorded.recorded_at.unwrap();
        let nanos = time.seconds as u64 * 1_000_000_000 + time.nanos as u64;
        assert_eq!(entry.recorded_at, UnixNanos::new(nanos));
        assert!(entry.recorded_at >= before);
        let leaf = exhibit::ledger::hash::LeafHash::of_entry(&receipt.entry);
        assert_eq!(recorded.leaf_hash, leaf.as_bytes().as_slice());
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_event_again_gets_the_same_receipt_to_the_byte_and_other_content_is_refused() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let first = append(&mut client, event("ci:a", "1")).await.unwrap();
    append(&mut client, event("ci:a", "2")).await.unwrap();
    let again = append(&mut client, event("ci:a", "1")).await.unwrap();
    assert_eq!(again.receipt, first.receipt);
    let expected = proto::Recorded {
        duplicate: true,
        ..first.recorded.unwrap()
    };
    assert_eq!(again.recorded.unwrap(), expected);

    let other = append(&mut client, event_with("ci:a", "2", "{}"))
        .await
        .unwrap_err();
    assert_eq!(refused(&other), Reason::EventIdReused);
    assert_eq!(about(&other, "index"), "1");
    // Another source may use the same id.
    append(&mut client, event("ci:b", "1")).await.unwrap();
    assert_eq!(server.stop_and_verify().await.entries.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_empty_or_too_long_is_named() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let missing = client.append(proto::AppendRequest::default()).await;
    assert_eq!(fields(&missing.unwrap_err()), ["event"]);
    let long = "x".repeat(1025);
    for (wrong, named) in [
        (event("", "1"), "event.source"),
        (event(&long, "1"), "event.source"),
        (event("ci:a", ""), "event.event_id"),
        (event("ci:a", &long), "event.event_id"),
        (
            proto::Event {
                subject: long.clone(),
                ..event("ci:a", "1")
            },
            "event.subject",
        ),
        (
            proto::Event {
                evidence: None,
                ..event("ci:a", "1")
            },
            "event.evidence",
        ),
        (event_with("ci:a", "1", "not json"), "event.custom.json"),
    ] {
        let status = append(&mut client, wrong).await.unwrap_err();
        assert_eq!(fields(&status), [named], "{status:?}");
        assert!(status.message().contains(named), "{status:?}");
    }
    // Everything that is wrong is named at once.
    let status = append(&mut client, event("", "")).await.unwrap_err();
    assert_eq!(fields(&status), ["event.source", "event.event_id"]);
    assert_eq!(server.stop_and_verify().await.entries.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_says_when_to_try_again_and_then_takes_the_event() {
    let server = TestServer::start_with(|_, options| options.queue_bytes_max = 8 << 10).await;
    let mut client = server.client().await;
    server.gate.shut();
    let mut calls = tokio::task::JoinSet::new();
    for id in 0..16 {
        let mut client = client.clone();
        calls.spawn(async move { append(&mut client, event("ci:a", &id.to_string())).await });
    }
    // Nothing is recorded while the gate is shut, so who is answered now was refused.
    let first = tokio::time::timeout(LONG, calls.join_next()).await;
    let status = first.unwrap().unwrap().unwrap().unwrap_err();
    assert_eq!(refused(&status), Reason::QueueFull);
    let retry = status.get_details_retry_info().unwrap();
    assert!(retry.retry_delay.unwrap() > Duration::ZERO);
    server.gate.open();
    let answers = calls.join_all().await;
    assert!(answers.iter().any(Result::is_ok), "some had room");
    for refusal in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(refused(refusal), Reason::QueueFull);
    }
    for id in 0..16 {
        append(&mut client, event("ci:a", &id.to_string()))
            .await
            .unwrap();
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 16);
}
