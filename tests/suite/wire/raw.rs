//! Bytes that no generated client would send, and answers that one would not wait for.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use exhibit::service::{proto, rpc::errors::Reason};
use prost::Message as _;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::{self, uri::PathAndQuery},
};

use tonic_types::StatusExt as _;

use super::refused;
use crate::support::{LONG, TestServer, event};

/// Sends bytes as they are.
#[derive(Default)]
struct Bare;

impl Codec for Bare {
    type Encode = Vec<u8>;
    type Decode = proto::AppendResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Bare {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        prost::bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Bare {
    type Item = proto::AppendResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let decoded = proto::AppendResponse::decode(buffer);
        decoded
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

async fn append_bytes(
    server: &TestServer,
    bytes: Vec<u8>,
) -> Result<proto::AppendResponse, Status> {
    let mut client = Grpc::new(server.channel().await);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/exhibit.v1.Ledger/Append");
    let answer = client.unary(Request::new(bytes), path, Bare).await?;
    Ok(answer.into_inner())
}

fn request(event: proto::Event) -> Vec<u8> {
    proto::AppendRequest {
        event: Some(event),
        ..Default::default()
    }
    .encode_to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_that_is_not_utf8_and_bytes_that_are_no_message_are_refused_with_a_reason() {
    let server = TestServer::start().await;
    let mut broken_text = request(event("ci:source-x", "1"));
    let at = broken_text
        .windows(8)
        .position(|bytes| bytes == b"source-x")
        .unwrap();
    broken_text[at] = 0xff;
    let mut truncated = request(event("ci:a", "1"));
    truncated.pop();
    for bytes in [broken_text, truncated, vec![0xff; 10]] {
        let status = append_bytes(&server, bytes).await.unwrap_err();
        assert_eq!(refused(&status), Reason::MalformedMessage);
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_the_server_does_not_know_is_not_part_of_the_event() {
    let server = TestServer::start().await;
    let mut newer = event("ci:a", "1").encode_to_vec();
    prost::encoding::string::encode(1000, &"from the future".to_owned(), &mut newer);
    let mut bytes = Vec::new();
    prost::encoding::bytes::encode(1, &newer, &mut bytes);
    let first = append_bytes(&server, bytes).await.unwrap();
    let again = append_bytes(&server, request(event("ci:a", "1")))
        .await
        .unwrap();
    assert!(again.recorded.unwrap().duplicate);
    assert_eq!(first.receipt, again.receipt);
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
}

/// Calls over bare HTTP/2 with a deadline that only the server knows of, and gives the status.
async fn call_with_deadline(server: &TestServer, message: &[u8], timeout: &str) -> Status {
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!(
        "http://{}/exhibit.v1.Ledger/Append",
        server.address
    ))
    .header("content-type", "application/grpc")
    .header("te", "trailers")
    .header("grpc-timeout", timeout)
    .body(())
    .unwrap();
    let mut client = client.ready().await.unwrap();
    let (answer, mut body) = client.send_request(request, false).unwrap();
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend(message);
    body.send_data(frame.into(), true).unwrap();
    let answer = tokio::time::timeout(LONG, answer).await.unwrap().unwrap();
    Status::from_header_map(answer.headers()).expect("a refusal has its status in the head")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_passes_says_so_and_the_event_may_still_be_recorded_once() {
    let server = TestServer::start().await;
    server.gate.shut();
    let status = call_with_deadline(&server, &request(event("ci:a", "1")), "500m").await;
    assert_eq!(refused(&status), Reason::DeadlinePassed);
    assert!(status.get_details_retry_info().is_some());
    server.gate.open();
    let again = append_bytes(&server, request(event("ci:a", "1")))
        .await
        .unwrap();
    assert!(again.recorded.unwrap().duplicate);
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
}

/// What a web page makes a browser send to another site without asking that site first.
fn post_as_a_page(address: SocketAddr, message: &[u8], content_type: &str) -> String {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let body = [&[0], &length[..], message].concat();
    let head = format!(
        "POST /exhibit.v1.Ledger/Append HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{content_type}content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_of_another_site_posts_no_event() {
    let server = TestServer::start().await;
    let address = server.address;
    let message = request(event("ci:a", "1"));
    let answers = tokio::task::spawn_blocking(move || {
        let kinds = ["", "content-type: text/plain\r\n"];
        kinds.map(|kind| post_as_a_page(address, &message, kind))
    })
    .await
    .unwrap();
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 0);
}
