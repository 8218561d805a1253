//! Clients that send more than the disk takes, and clients that take less than they asked for.

use std::time::Duration;

use exhibit::service::{
    proto::{self, event::Evidence},
    rpc::errors::Reason,
};
use h2::{RecvStream, SendStream, client::SendRequest};
use prost::{Message as _, bytes::Bytes};
use tonic::codegen::http;
use tonic_types::StatusExt as _;

use super::{all, append, refused};
use crate::support::{LONG, TestServer, event, event_with};

/// How long nothing may come before a stream counts as held up.
const HELD: Duration = Duration::from_millis(500);

/// Bare HTTP/2, so that what is sent and what is taken is under control.
async fn connect(server: &TestServer) -> SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(server.address).await;
    let (client, connection) = h2::client::handshake(stream.unwrap()).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Begins a call, and gives its answer when that begins.
async fn call(
    client: &SendRequest<Bytes>,
    method: &str,
) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
    let request = http::Request::post(format!("http://ledger/exhibit.v1.Ledger/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let mut client = client.clone().ready().await.unwrap();
    client.send_request(request, false).unwrap()
}

fn framed(message: &impl prost::Message) -> Bytes {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.encoded_len()).unwrap().to_be_bytes());
    frame.extend(message.encode_to_vec());
    frame.into()
}

/// Sends events, each in a frame of its own, until the server takes no more; gives how many.
async fn send_all_it_takes(events: &mut SendStream<Bytes>, source: &str) -> u64 {
    for id in 0.. {
        let mut event = event_with(source, &id.to_string(), "{}");
        if let Some(Evidence::Custom(custom)) = &mut event.evidence {
            "a.b".clone_into(&mut custom.r#type);
        }
        let frame = framed(&proto::AppendStreamRequest {
            event: Some(event),
            ..Default::default()
        });
        assert!(frame.len() < 50, "an event this small is what it is about");
        events.reserve_capacity(frame.len());
        while events.capacity() < frame.len() {
            let capacity = std::future::poll_fn(|context| events.poll_capacity(context));
            match tokio::time::timeout(HELD, capacity).await {
                Ok(capacity) => drop(capacity.expect("the stream is open").unwrap()),
                Err(_) => return id,
            }
        }
        events.send_data(frame, false).unwrap();
    }
    unreachable!("the numbers do not end")
}

/// Takes all answers, and gives how many there were.
async fn count_answers(mut body: RecvStream) -> u64 {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        bytes.extend_from_slice(&data);
    }
    let trailers = body.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    let (mut rest, mut count) = (bytes.as_slice(), 0);
    while let Some((head, message)) = rest.split_at_checked(5) {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let (message, after) = message.split_at(length as usize);
        let answer = proto::AppendStreamResponse::decode(message).unwrap();
        assert_eq!(answer.position, count);
        (rest, count) = (after, count + 1);
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_tiny_events_are_held_up_by_a_disk_that_stalls_and_not_cut_off() {
    let server = TestServer::start_with(|config, _| config.limits.stream_events_max = 64).await;
    let client = connect(&server).await;
    server.gate.shut();
    let mut calls = Vec::new();
    for source in ["s:0", "s:1", "s:2", "s:3"] {
        let (answer, mut events) = call(&client, "AppendStream").await;
        let sent = send_all_it_takes(&mut events, source).await;
        calls.push((answer, events, sent));
    }
    server.gate.open();
    // All at once: what is not taken of one takes the room of the others.
    let counting: Vec<_> = calls
        .into_iter()
        .map(|(answer, mut events, sent)| {
            events.send_data(Bytes::new(), true).unwrap();
            let counted = async move { count_answers(answer.await.unwrap().into_body()).await };
            (sent, tokio::spawn(tokio::time::timeout(LONG, counted)))
        })
        .collect();
    let mut all = 0;
    for (sent, counted) in counting {
        assert_eq!(counted.await.unwrap().unwrap(), sent);
        assert!(sent > 1000, "{sent} is nothing to hold up");
        all += sent;
    }
    assert_eq!(server.stop_and_verify().await.entries.len() as u64, all);
}

/// Asks for a pack, and takes none of it.
async fn export_untaken(client: &SendRequest<Bytes>) -> h2::client::ResponseFuture {
    let (answer, mut request) = call(client, "ExportPack").await;
    let everything = framed(&proto::ExportPackRequest::default());
    request.send_data(everything, true).unwrap();
    answer
}

async fn export(server: &TestServer) -> Result<usize, tonic::Status> {
    let everything = proto::ExportPackRequest::default();
    let stream = server.client().await.export_pack(everything).await?;
    let (chunks, end) = all(stream.into_inner()).await;
    end.map(|()| chunks.iter().map(|answer| answer.chunk.len()).sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_that_nobody_takes_hold_up_no_other_and_have_an_end() {
    let untaken_max = std::thread::available_parallelism().unwrap().get() * 2;
    let server = TestServer::start_with(|config, _| {
        config.limits.exports_max = untaken_max + 1;
        config.limits.answer_timeout = Duration::from_secs(5);
    })
    .await;
    let mut client = server.client().await;
    for id in 0..300u32 {
        append(&mut client, event("ci:a", &id.to_string()))
            .await
            .unwrap();
    }
    // What one of them has besides what the network takes has to be made, and is not.
    let idle = connect(&server).await;
    let mut begun = Vec::new();
    for _ in 0..untaken_max {
        let answer = tokio::time::timeout(LONG, export_untaken(&idle).await);
        begun.push(answer.await.unwrap().unwrap());
    }
    let bytes = tokio::time::timeout(Duration::from_secs(4), export(&server));
    assert!(bytes.await.expect("it waits for nobody").unwrap() > 200_000);

    begun.push(export_untaken(&idle).await.await.unwrap());
    let busy = export(&server).await.unwrap_err();
    assert_eq!(refused(&busy), Reason::TooManyExports);
    assert!(busy.get_details_retry_info().is_some());
    append(&mut client, event("ci:b", "1")).await.unwrap();

    // They are given up in time, though their connection stays.
    let again = async {
        loop {
            match export(&server).await {
                Ok(bytes) => break bytes,
                Err(status) => assert_eq!(refused(&status), Reason::TooManyExports),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert!(tokio::time::timeout(LONG, again).await.unwrap() > 200_000);
    drop(begun);
    drop(idle);
    assert_eq!(server.stop_and_verify().await.entries.len(), 301);
}
