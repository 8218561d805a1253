//! Stopping: nothing that was acknowledged is lost, and nobody waits for ever.

use std::time::Duration;

use exhibit::service::{proto, rpc::errors::Reason};
use tonic::Code;

use super::{Posting, all, append, refused};
use crate::support::{LONG, TestServer, event, verify};

/// Posts until the stream ends, and gives each acknowledged event with its index.
async fn post_until_the_end(mut posting: Posting, source: String) -> Vec<(String, u64)> {
    let (events, sender) = (posting.events.clone(), source.clone());
    let sending = tokio::spawn(async move {
        for id in 0u64.. {
            let request = proto::AppendStreamRequest {
                event: Some(event(&sender, &id.to_string())),
                want_receipt: false,
                ..Default::default()
            };
            if events.send(request).await.is_err() {
                return;
            }
        }
    });
    let mut acknowledged = Vec::new();
    let end = loop {
        match posting.next().await {
            Ok(Some(answer)) => {
                let Some(proto::append_stream_response::Result::Recorded(recorded)) = answer.result
                else {
                    panic!("{answer:?}");
                };
                acknowledged.push((answer.position.to_string(), recorded.index));
            }
            Ok(None) => panic!("a stream that is cut short must not end well"),
            Err(status) => break status,
        }
    };
    assert_eq!(refused(&end), Reason::ShuttingDown);
    drop(posting);
    tokio::time::timeout(LONG, sending).await.unwrap().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_acknowledged_before_a_shutdown_under_load_is_in_the_reopened_ledger() {
    let server = TestServer::start().await;
    let mut posting = Vec::new();
    for number in 0..3 {
        let stream = Posting::open(&mut server.client().await).await;
        posting.push(tokio::spawn(post_until_the_end(
            stream,
            format!("ci:{number}"),
        )));
    }
    let mut client = server.client().await;
    let unary = tokio::spawn(async move {
        let mut acknowledged = Vec::new();
        for id in 0u64.. {
            match append(&mut client, event("ci:unary", &id.to_string())).await {
                Ok(answer) => acknowledged.push((id.to_string(), answer.recorded.unwrap().index)),
                Err(status) => {
                    // Or the client's own transport gives up a call that it began while the server closed the connection.
                    let given_up = std::error::Error::source(&status).is_some();
                    assert!(given_up || status.code() == Code::Unavailable, "{status:?}");
                    break;
                }
            }
        }
        acknowledged
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let stopped = server.stop().await;
    stopped.served.unwrap();
    let verified = verify(stopped.directory.path());
    let mut acknowledged = vec![("ci:unary".to_owned(), unary.await.unwrap())];
    for (number, posted) in posting.into_iter().enumerate() {
        acknowledged.push((format!("ci:{number}"), posted.await.unwrap()));
    }
    for (source, events) in acknowledged {
        assert!(!events.is_empty(), "{source} was never answered");
        for (id, index) in events {
            let (found, found_id, _) = &verified.entries[index as usize];
            assert_eq!((found, found_id), (&source, &id));
        }
    }
    // And it opens again, and goes on.
    let size = verified.entries.len() as u64;
    let server = TestServer::start_over(stopped.directory, |_, _| {}).await;
    let answer = append(&mut server.client().await, event("ci:after", "1"))
        .await
        .unwrap();
    assert_eq!(answer.recorded.unwrap().index, size);
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_go_is_cut_off_when_the_grace_period_is_over() {
    let server = TestServer::start_with(|config, _| {
        config.limits.grace_period = Duration::from_millis(200);
    })
    .await;
    let mut client = server.client().await;
    // A list that nobody takes: too much for the network to hold, so the call does not end.
    let large = "x".repeat(100_000);
    for id in 0..50 {
        let json = format!("{{\"x\":\"{large}\"}}");
        let event = crate::support::event_with("ci:a", &id.to_string(), &json);
        append(&mut client, event).await.unwrap();
    }
    let request = proto::ListEntriesRequest::default();
    let list = client.list_entries(request).await.unwrap().into_inner();
    let stopped = server.stop().await;
    stopped.served.unwrap();
    let (received, end) = all(list).await;
    assert!(received.len() < 50);
    assert!(end.is_err());
    assert_eq!(verify(stopped.directory.path()).entries.len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_server_refuses_connections() {
    let server = TestServer::start().await;
    let address = server.address;
    append(&mut server.client().await, event("ci:a", "1"))
        .await
        .unwrap();
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
