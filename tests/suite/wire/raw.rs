//! Bytes that no generated client would send.

use exhibit::service::{proto, rpc::errors::Reason};
use prost::Message as _;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use super::refused;
use crate::support::{TestServer, event};

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
    proto::AppendRequest { event: Some(event) }.encode_to_vec()
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
