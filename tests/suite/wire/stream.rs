//! Events as a stream.

use std::collections::HashMap;

use exhibit::{
    ledger::receipt::Receipt,
    service::{
        proto::{self, append_stream_response::Result as Outcome},
        rpc::errors::Reason,
    },
};
use tonic::Code;
use tonic_types::RpcStatusExt as _;

use super::{Posting, all, refused};
use crate::support::{LONG, TestServer, event, event_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_come_in_order_and_a_client_that_has_sent_all_gets_all() {
    const EVENTS: u64 = 3000;
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let requests = (0..EVENTS).map(|id| proto::AppendStreamRequest {
        event: Some(event("ci:a", &id.to_string())),
        want_receipt: id % 100 == 0,
        ..Default::default()
    });
    let answers = client
        .append_stream(tokio_stream::iter(requests.collect::<Vec<_>>()))
        .await
        .unwrap();
    let (answers, end) = all(answers.into_inner()).await;
    end.unwrap();
    assert_eq!(answers.len() as u64, EVENTS);
    for (place, answer) in (0..).zip(&answers) {
        let Some(Outcome::Recorded(recorded)) = &answer.result else {
            panic!("{answer:?}");
        };
        assert_eq!((answer.position, recorded.index), (place, place));
        assert_eq!(answer.receipt.is_empty(), place % 100 != 0);
        if place % 100 == 0 {
            let receipt = Receipt::parse(answer.receipt.as_bytes()).unwrap();
            assert_eq!(receipt.verify(&server.key).unwrap().index.value(), place);
        }
    }
    let verified = server.stop_and_verify().await;
    assert_eq!(verified.entries.len() as u64, EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_answered_in_its_place_and_the_stream_goes_on() {
    let server = TestServer::start().await;
    let mut posting = Posting::open(&mut server.client().await).await;
    posting.post(event("ci:a", "1")).await;
    posting.post(event("", "2")).await;
    posting.post(event_with("ci:a", "1", "{}")).await;
    let empty = proto::AppendStreamRequest::default();
    posting.events.send(empty).await.unwrap();
    posting.post(event("ci:a", "1")).await;
    posting.post(event("ci:a", "3")).await;

    assert_eq!(posting.recorded().await.index, 0);
    let mut errors = Vec::new();
    for position in 1..4 {
        let answer = posting.answer().await;
        assert_eq!(answer.position, position);
        match answer.result {
            Some(Outcome::Error(status)) => errors.push(status),
            other => panic!("{other:?}"),
        }
    }
    let named = |status: &tonic_types::Status| {
        let details = status.get_details_bad_request().unwrap();
        details.field_violations[0].field.clone()
    };
    assert_eq!(named(&errors[0]), "event.source");
    let reused = errors[1].get_details_error_info().unwrap();
    assert_eq!(reused.reason, Reason::EventIdReused.as_str());
    assert_eq!(errors[1].code, i32::from(Code::AlreadyExists));
    assert_eq!(named(&errors[2]), "event");
    let duplicate = posting.recorded().await;
    assert_eq!((duplicate.index, duplicate.duplicate), (0, true));
    assert_eq!(posting.recorded().await.index, 1);
    drop(posting);
    assert_eq!(server.stop_and_verify().await.entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_event_is_answered_while_the_stream_stays_open() {
    let server = TestServer::start().await;
    let mut posting = Posting::open(&mut server.client().await).await;
    for index in 0..5 {
        posting.post(event("ci:a", &index.to_string())).await;
        assert_eq!(posting.recorded().await.index, index);
    }
    drop(posting);
    assert_eq!(server.stop_and_verify().await.entries.len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_broke_is_resumed_by_sending_what_was_not_answered_again() {
    const EVENTS: u64 = 500;
    let server = TestServer::start().await;
    let mut acknowledged = HashMap::new();
    let mut resumed_from = 0;
    // Breaks the connection twice, with events on their way, then goes on to the end.
    for (answers_wanted, whole) in [(100, false), (150, false), (0, true)] {
        let mut posting = Posting::open(&mut server.client().await).await;
        let events = posting.events.clone();
        let sending = tokio::spawn(async move {
            for id in resumed_from..EVENTS {
                let request = proto::AppendStreamRequest {
                    event: Some(event("ci:a", &id.to_string())),
                    want_receipt: false,
                    ..Default::default()
                };
                if events.send(request).await.is_err() {
                    return;
                }
            }
        });
        let wanted = if whole {
            EVENTS - resumed_from
        } else {
            answers_wanted
        };
        for id in resumed_from..resumed_from + wanted {
            let recorded = posting.recorded().await;
            acknowledged.insert(id, recorded.index);
        }
        resumed_from += wanted;
        drop(posting);
        tokio::time::timeout(LONG, sending).await.unwrap().unwrap();
    }
    let verified = server.stop_and_verify().await;
    assert_eq!(verified.entries.len() as u64, EVENTS);
    for (id, index) in acknowledged {
        assert_eq!(verified.entries[index as usize].1, id.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_holds_a_stream_up_and_refuses_nothing() {
    const EVENTS: usize = 200;
    let server = TestServer::start_with(|_, options| options.queue_bytes_max = 8 << 10).await;
    server.gate.shut();
    let mut client = server.client().await;
    let requests = (0..EVENTS).map(|id| proto::AppendStreamRequest {
        event: Some(event("ci:a", &id.to_string())),
        want_receipt: false,
        ..Default::default()
    });
    let answers = client
        .append_stream(tokio_stream::iter(requests.collect::<Vec<_>>()))
        .await
        .unwrap();
    server.gate.open();
    let (answers, end) = all(answers.into_inner()).await;
    end.unwrap();
    let recorded =
        |answer: &proto::AppendStreamResponse| matches!(answer.result, Some(Outcome::Recorded(_)));
    assert!(answers.iter().all(recorded));
    assert_eq!(answers.len(), EVENTS);
    assert_eq!(server.stop_and_verify().await.entries.len(), EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_broke_down_answers_every_event_of_a_stream_with_an_error() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut posting = Posting::open(&mut client).await;
    posting.post(event("ci:a", "1")).await;
    posting.recorded().await;
    server.gate.break_down();
    let mut reasons = Vec::new();
    for id in 2..5 {
        posting.post(event("ci:a", &id.to_string())).await;
        let Some(Outcome::Error(status)) = posting.answer().await.result else {
            panic!("nothing can be recorded any more");
        };
        reasons.push(status.get_details_error_info().unwrap().reason);
    }
    assert_eq!(reasons[0], Reason::NotKnownToBeStored.as_str());
    assert_eq!(reasons[2], Reason::LedgerStopped.as_str());
    let unary = super::append(&mut client, event("ci:a", "9")).await;
    assert_eq!(refused(&unary.unwrap_err()), Reason::LedgerStopped);
    // What is committed can still be read.
    let request = proto::GetCheckpointRequest {};
    client.get_checkpoint(request).await.unwrap();
    drop(posting);
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
}
