//! Connections that say nothing, or nothing more.

use std::{sync::Arc, time::Duration};

use exhibit::{
    ledger::note::{CosigningKey, KeyType},
    service::{
        config::Limits,
        witness::{Witness, serve_witness},
    },
    store::witness::WitnessDirectory,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::append;
use crate::support::{LONG, TestServer, event};

/// Says this and then nothing, and gives what it hears until the server closes the connection.
async fn silent_after(address: std::net::SocketAddr, said: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(said).await.unwrap();
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(LONG, stream.read_to_end(&mut heard)).await;
    // Closed or reset, as long as it is over.
    let _ = closed.expect("the server closes the connection");
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_lose_their_places() {
    let server = TestServer::start_with(|config, _| config.limits.connections_max = 3).await;
    let address = server.address;
    let silent = ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"]
        .map(|said| tokio::spawn(async move { silent_after(address, said.as_bytes()).await }));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let recorded = async { append(&mut server.client().await, event("ci:a", "1")).await };
    tokio::time::timeout(LONG, recorded).await.unwrap().unwrap();
    for silent in silent {
        assert_eq!(silent.await.unwrap(), b"");
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_witness_closes_connections_that_say_nothing() {
    let home = tempfile::tempdir().unwrap();
    let name = "witness.example/one".parse().unwrap();
    let key = CosigningKey::from_seed(name, KeyType::CosignatureV1, &[1; 32]).unwrap();
    let place = home.path().join("witness");
    WitnessDirectory::create(&place, &key, &[]).unwrap();
    let witness = Witness::open(WitnessDirectory::open(&place).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        connections_max: 1,
        ..Limits::default()
    };
    let stopping = CancellationToken::new();
    tokio::spawn(serve_witness(
        Arc::new(witness),
        limits,
        listener,
        stopping.clone(),
    ));
    let silent = tokio::spawn(silent_after(address, b""));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let page = silent_after(
        address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    );
    let page = String::from_utf8(page.await).unwrap();
    assert!(page.contains("transparency-log witness"), "{page}");
    assert_eq!(silent.await.unwrap(), b"");
    stopping.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_more_lose_their_places() {
    let server = TestServer::start_with(|config, _| {
        config.limits.connections_max = 1;
        config.limits.keepalive_interval = Duration::from_millis(200);
        config.limits.keepalive_timeout = Duration::from_millis(200);
    })
    .await;
    let whole = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let body = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nx";
    let grpc = "POST /exhibit.v1.Ledger/Append HTTP/1.1\r\nhost: x\r\ncontent-type: application/grpc\r\ncontent-length: 9\r\n\r\n";
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for said in ["GET / HTTP/1.1\r\nhost", whole, body, grpc, preface] {
        silent_after(server.address, said.as_bytes()).await;
    }

    // One that asks and asks, and takes no answer.
    let mut greedy = TcpStream::connect(server.address).await.unwrap();
    let asking = async { while greedy.write_all(whole.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(LONG, asking)
        .await
        .expect("the server ends it");

    // One that lives may be silent for longer.
    let mut client = server.client().await;
    append(&mut client, event("ci:a", "1")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    append(&mut client, event("ci:a", "2")).await.unwrap();
    drop(client);
    assert_eq!(server.stop_and_verify().await.entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_of_ours_is_closed_without_content_and_harms_nobody() {
    use exhibit::service::config::HttpListen;
    for listen in [HttpListen::Same, HttpListen::Off] {
        let server = TestServer::start_with(|config, _| config.http.listen = listen).await;
        let mut client = server.client().await;
        let others: [&[u8]; 4] = [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a greeting of TLS",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and then no frame of HTTP/2",
            b"PRI * HTTP/3.0\r\n\r\n",
        ];
        for (id, other) in others.iter().enumerate() {
            let heard = silent_after(server.address, other).await;
            let heard = String::from_utf8_lossy(&heard);
            assert!(!heard.contains("200 OK"), "{heard}");
            append(&mut client, event("ci:a", &id.to_string()))
                .await
                .unwrap();
        }
        // Where HTTP/1 is not spoken, it is as foreign as the others.
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let heard = silent_after(server.address, request).await;
        let answered = heard.starts_with(b"HTTP/1.1 200 OK\r\n");
        assert_eq!(answered, listen == HttpListen::Same);
        drop(client);
        assert_eq!(server.stop_and_verify().await.entries.len(), others.len());
    }
}
