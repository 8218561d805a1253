//! Reading over HTTP: bare requests over a socket, so that every byte of a head is seen, and the whole log read and
//! verified the way a stranger would.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use exhibit::{
    ledger::{
        checkpoint::SignedCheckpoint,
        hash::{LeafHash, NodeHash},
        position::TreeSize,
        tile::{Span, TILE_WIDTH, TileId, decode_entry_bundle, decode_tile},
        tree::Frontier,
    },
    service::config::HttpListen,
};

use super::{Posting, append};
use crate::support::{TestServer, event};

/// An answer as it came.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    head: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.head.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn ask_blocking(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    Answer {
        status: status.parse().unwrap(),
        head: lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: answer[end + 4..].to_vec(),
    }
}

async fn ask(server: &TestServer, method: &str, path: &str, headers: &str) -> Answer {
    let address = server.address;
    let (method, path, headers) = (method.to_owned(), path.to_owned(), headers.to_owned());
    tokio::task::spawn_blocking(move || ask_blocking(address, &method, &path, &headers))
        .await
        .unwrap()
}

async fn get(server: &TestServer, path: &str) -> Answer {
    ask(server, "GET", path, "").await
}

/// A server whose ledger has so many entries, in batches of whatever sizes.
async fn with_entries(count: usize) -> TestServer {
    let server = TestServer::start().await;
    let mut posting = Posting::open(&mut server.client().await).await;
    for number in 0..count {
        posting.post(event("ci:a", &number.to_string())).await;
        if number % 64 == 63 || number + 1 == count {
            for _ in 0..=(number % 64) {
                posting.answers.message().await.unwrap().unwrap();
            }
        }
    }
    drop(posting);
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reads_the_whole_log_and_finds_the_signed_root() {
    let server = with_entries(700).await;
    let note = get(&server, "/checkpoint").await;
    let signed = SignedCheckpoint::parse(&note.body).unwrap();
    signed.verify(&server.key).unwrap();
    let size = signed.checkpoint().size;
    assert_eq!(size, TreeSize::new(700));
    let (mut tree, mut leaves) = (Frontier::default(), Vec::new());
    for span in Span::cover(size.value()) {
        let bundle = get(&server, &format!("/{}", span.entries_path())).await;
        assert_eq!(bundle.header("content-type"), "application/octet-stream");
        for entry in decode_entry_bundle(&bundle.body, usize::from(span.width)).unwrap() {
            let leaf = LeafHash::of_entry(entry);
            leaves.push(NodeHash::from(leaf));
            tree.push(leaf, |_, _| {});
        }
    }
    assert_eq!(tree.root(), signed.checkpoint().root);
    for id in TileId::all(size) {
        let tile = get(&server, &format!("/{id}")).await;
        let hashes = decode_tile(&tile.body).unwrap();
        assert_eq!(hashes.len(), usize::from(id.span.width), "{id}");
        if id.level == 0 {
            let first = usize::try_from(id.span.first()).unwrap();
            assert_eq!(hashes, leaves[first..first + hashes.len()], "{id}");
        }
    }
    assert_eq!(server.stop_and_verify().await.entries.len(), 700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_tile_of_every_size_is_there_also_once_the_full_one_is() {
    let server = with_entries(260).await;
    let full = get(&server, "/tile/0/000").await.body;
    assert_eq!(full.len(), 32 * 256);
    let entries = get(&server, "/tile/entries/000").await.body;
    for width in [1, 2, 63, 64, 65, 200, 255] {
        let tile = get(&server, &format!("/tile/0/000.p/{width}")).await.body;
        assert_eq!(tile, full[..32 * width], "{width}");
        let bundle = get(&server, &format!("/tile/entries/000.p/{width}"))
            .await
            .body;
        assert!(decode_entry_bundle(&bundle, width).is_ok() && entries.starts_with(&bundle));
    }
    assert_eq!(get(&server, "/tile/1/000.p/1").await.status, 200);
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_404_and_what_is_misspelled_400_with_a_reason() {
    let server = with_entries(5).await;
    for missing in [
        "/tile/0/000",
        "/tile/0/000.p/6",
        "/tile/0/001.p/1",
        "/tile/1/000.p/1",
        "/tile/63/000",
        "/tile/0/x018/x446/x744/x073/x709/551",
        "/tile/entries/000",
        "/tile/entries/000.p/6",
        "/tile/entries/x018/x446/x744/x073/x709/551",
        "/tile/entries/x072/x057/x594/x037/x927/935",
        "/payload/000.p/5",
        "/exhibit.v1.Nothing/Get",
        "/checkpoint/",
    ] {
        let answer = get(&server, missing).await;
        assert_eq!(answer.status, 404, "{missing}: {answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(answer.text().ends_with('\n') && answer.text().len() > 10);
    }
    for malformed in [
        "/tile/0/0",
        "/tile/64/000",
        "/tile/0/000.p/256",
        "/tile/entries/../checkpoint",
    ] {
        let answer = get(&server, malformed).await;
        assert_eq!(answer.status, 400, "{malformed}: {answer:?}");
        assert!(answer.text().contains(malformed), "{}", answer.text());
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&server, method, "/checkpoint", "content-length: 0\r\n").await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
    let long = format!("/{}", "a".repeat(1 << 20));
    let server_lives = tokio::task::spawn_blocking({
        let address = server.address;
        move || {
            let mut stream = TcpStream::connect(address).unwrap();
            // The server may hang up before it has read all of it.
            let _ = write!(stream, "GET {long} HTTP/1.1\r\nhost: x\r\n\r\n");
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            answer
        }
    });
    assert!(!server_lives.await.unwrap().starts_with(b"HTTP/1.1 200"));
    assert_eq!(get(&server, "/tile/0/000.p/5").await.status, 200);
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caches_and_browsers_are_told_what_they_need() {
    let server = with_entries(256).await;
    for (path, kept) in [
        ("/checkpoint", "public, max-age=2"),
        ("/log.vkey", "public, max-age=300"),
        ("/", "public, max-age=300"),
        ("/tile/0/000", "public, max-age=31536000, immutable"),
        ("/tile/entries/000", "public, max-age=31536000, immutable"),
    ] {
        let got = get(&server, path).await;
        assert_eq!(
            (got.status, got.header("cache-control")),
            (200, kept),
            "{path}"
        );
        assert_eq!(got.header("content-length"), got.body.len().to_string());
        assert_eq!(got.header("access-control-allow-origin"), "*");
        assert_eq!(got.header("x-content-type-options"), "nosniff");
        let tag = got.header("etag").to_owned();
        let head = ask(&server, "HEAD", path, "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), got.header("content-length"));
        assert_eq!(head.header("etag"), tag);
        for known in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let again = ask(&server, "GET", path, &format!("if-none-match: {known}\r\n")).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), tag);
        }
        let other = ask(&server, "GET", path, "if-none-match: \"other\"\r\n").await;
        assert_eq!(other.body, got.body);
    }
    let asked = "origin: https://viewer.example\r\naccess-control-request-method: GET\r\n";
    let preflight = ask(&server, "OPTIONS", "/tile/0/000", asked).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        "GET, HEAD, OPTIONS"
    );
    let key = get(&server, "/log.vkey").await;
    assert_eq!(key.text().trim(), server.key.to_string());
    assert!(
        get(&server, "/")
            .await
            .text()
            .contains("example.com/ledger")
    );
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entry_bundles_come_compressed_to_who_takes_that_and_hashes_never() {
    let server = with_entries(256).await;
    let plain = get(&server, "/tile/entries/000").await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(plain.header("vary"), "accept-encoding");
    let offers = [
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=0.5, zstd;q=0.9", "zstd"),
        ("GZIP", "gzip"),
        ("zstd;q=0, gzip", "gzip"),
        ("identity", ""),
        ("gzip;q=0", ""),
        ("br", ""),
    ];
    for (offered, encoding) in offers {
        let headers = format!("accept-encoding: {offered}\r\n");
        let got = ask(&server, "GET", "/tile/entries/000", &headers).await;
        assert_eq!(got.header("content-encoding"), encoding, "{offered}");
        let decoded = match encoding {
            "gzip" => {
                let mut decoded = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(got.body.as_slice());
                reader.read_to_end(&mut decoded).unwrap();
                decoded
            }
            "zstd" => zstd::decode_all(got.body.as_slice()).unwrap(),
            _ => got.body.clone(),
        };
        assert_eq!(decoded, plain.body, "{offered}");
        assert_eq!(
            got.header("etag") == plain.header("etag"),
            encoding.is_empty()
        );
        let tile = ask(&server, "GET", "/tile/0/000", &headers).await;
        assert_eq!(tile.header("content-encoding"), "");
    }
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_is_read_covers_what_is_durable_and_its_tiles_are_there() {
    let server = TestServer::start().await;
    let empty = get(&server, "/checkpoint").await;
    let empty = SignedCheckpoint::parse(&empty.body).unwrap();
    assert_eq!(empty.checkpoint().size, TreeSize::new(0));
    assert_eq!(get(&server, "/tile/0/000.p/1").await.status, 404);
    let mut client = server.client().await;
    for number in 1..=20u64 {
        append(&mut client, event("ci:a", &number.to_string()))
            .await
            .unwrap();
        let note = get(&server, "/checkpoint").await;
        let size = SignedCheckpoint::parse(&note.body)
            .unwrap()
            .checkpoint()
            .size;
        assert_eq!(size, TreeSize::new(number));
        let last = Span::of((number - 1) / TILE_WIDTH, number).unwrap();
        for path in [last.entries_path(), format!("tile/0/{last}")] {
            assert_eq!(
                get(&server, &format!("/{path}")).await.status,
                200,
                "{path}"
            );
        }
    }
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_without_tls_reads_tiles_beside_grpc() {
    let server = with_entries(3).await;
    let stream = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let driven = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request =
        tonic::codegen::http::Request::get(format!("http://{}/tile/0/000.p/3", server.address));
    let (answer, _) = client
        .send_request(request.body(()).unwrap(), true)
        .unwrap();
    let mut answer = answer.await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let mut bytes = 0;
    while let Some(data) = answer.body_mut().data().await {
        bytes += data.unwrap().len();
    }
    assert_eq!(bytes, 96);
    drop((answer, client));
    driven.abort();
    server.stop_and_verify().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_http_the_port_speaks_grpc_alone() {
    let server = TestServer::start_with(|config, _| config.http.listen = HttpListen::Off).await;
    let address = server.address;
    let answered = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let _ =
            stream.write_all(b"GET /checkpoint HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    });
    assert!(!answered.await.unwrap().starts_with(b"HTTP/1.1 200"));
    append(&mut server.client().await, event("ci:a", "1"))
        .await
        .unwrap();
    assert_eq!(server.stop_and_verify().await.entries.len(), 1);
}
