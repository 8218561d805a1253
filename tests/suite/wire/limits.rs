//! What a client may not do, or not for long.

use std::time::Duration;

use exhibit::service::{
    proto::{self, append_stream_response::Result as Outcome},
    rpc::errors::Reason,
};

use super::{Posting, append, refused};
use crate::support::{TestServer, event, event_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_refused_with_a_reason() {
    let set = |config: &mut exhibit::service::config::Config| {
        config.limits.message_bytes_max = 64 << 10;
    };
    let server = TestServer::start_with(|config, _| set(config)).await;
    let mut client = server.client().await;
    let large = event_with(
        "ci:a",
        "2",
        &format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)),
    );
    append(&mut client, event("ci:a", "1")).await.unwrap();
    let status = append(&mut client, large.clone()).await.unwrap_err();
    assert_eq!(refused(&status), Reason::MessageTooLarge);
    assert!(status.message().contains("65536"), "{status:?}");

    // On a stream nothing can be read after it, so the stream ends; what came before is answered.
    let mut posting = Posting::open(&mut client).await;
    posting.post(event("ci:a", "3")).await;
    posting.post(large).await;
    assert_eq!(posting.recorded().await.index, 1);
    let end = posting.next().await.unwrap_err();
    assert_eq!(refused(&end), Reason::MessageTooLarge);
    assert_eq!(server.stop_and_verify().await.entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_no_answers_is_given_up_and_what_it_was_told_holds() {
    let server = TestServer::start_with(|config, _| {
        config.limits.answer_timeout = Duration::from_millis(300);
        config.limits.stream_events_max = 512;
    })
    .await;
    let mut client = server.client().await;
    let mut posting = Posting::open(&mut client).await;
    // Sends, and takes nothing, until the server takes nothing either and its patience is long over.
    let mut sent = 0u64;
    loop {
        let request = proto::AppendStreamRequest {
            event: Some(event("ci:a", &sent.to_string())),
            want_receipt: true,
            ..Default::default()
        };
        let sending = tokio::time::timeout(Duration::from_secs(3), posting.events.send(request));
        match sending.await {
            Ok(Ok(())) => sent += 1,
            _ => break,
        }
    }
    let mut answered = 0;
    let end = loop {
        match posting.next().await {
            Ok(Some(answer)) => {
                assert_eq!(answer.position, answered);
                assert!(matches!(answer.result, Some(Outcome::Recorded(_))));
                answered += 1;
            }
            Ok(None) => panic!("the stream must not end well"),
            Err(status) => break status,
        }
    };
    assert_eq!(refused(&end), Reason::AnswersNotTaken);
    assert!(answered > 0 && answered < sent);
    // Others are not concerned.
    append(&mut client, event("ci:b", "1")).await.unwrap();
    let recorded = server.stop_and_verify().await.entries.len() as u64;
    assert!(recorded > answered && recorded <= sent + 1);
    // The window, and two pages that were ready and dropped: nothing near what a client without answers could send.
    assert!(
        recorded < answered + 512 + 2 * 256 + 2,
        "{recorded} {answered}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_over_the_limit_wait_until_one_is_free() {
    let server = TestServer::start_with(|config, _| config.limits.connections_max = 1).await;
    let mut first = server.client().await;
    append(&mut first, event("ci:a", "1")).await.unwrap();
    let mut second = server.client().await;
    let waiting = tokio::spawn(async move { append(&mut second, event("ci:a", "2")).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(first);
    let answer = tokio::time::timeout(crate::support::LONG, waiting).await;
    answer.unwrap().unwrap().unwrap();
    assert_eq!(server.stop_and_verify().await.entries.len(), 2);
}
